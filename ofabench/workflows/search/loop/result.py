"""Result of a search with the device in the loop: the network, and all measurements."""

import html
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ofabench.workflows.search.loop.deciding import Try
from ofabench.workflows.search.loop.knowledge import Candidate, Knowledge
from ofabench.workflows.search.result import SearchResult
from supernet.space.arch import ArchConfig

if TYPE_CHECKING:
    from supernet.space.space import SearchSpace


_PARTS = {"drift": "drift", "scatter": "scatter", "prediction": "measurement error"}


@dataclass(frozen=True, repr=False, kw_only=True)
class MeasuredSearch:
    """The most accurate network whose limit was met when measured, or the one that came nearest.

    Attributes:
        result: the network with what is predicted of it, by the predictor as corrected.
        knowledge: all that was measured to choose it.
        tries: every deciding measurement, in their order; `decided` is the one of this network.
        ended: why no more iterations were measured, in words.
        folder: what keeps the measurements.
    """

    result: SearchResult
    knowledge: Knowledge
    tries: tuple[Try, ...]
    decided: Try
    ended: str
    folder: Path

    @property
    def limit_met(self) -> bool:
        """Whether the network met its limit at the deciding measurement."""
        return self.decided.limit_met

    @property
    def arch(self) -> ArchConfig:
        """The network's architecture."""
        return self.result.arch

    @property
    def space(self) -> "SearchSpace":
        """The space that was searched."""
        return self.result.space

    @property
    def accuracy(self) -> float:
        """The predicted accuracy, a fraction; the network was chosen for it: expect less."""
        return self.result.accuracy

    @property
    def predictions(self) -> dict[str, float]:
        """What each limit is about, as predicted, by the limit's name (a target's key: ms)."""
        return self.result.predictions

    @property
    def limits(self) -> dict[str, float]:
        """The limits, by name."""
        return self.result.limits

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every candidate that was measured, in the order of measuring."""
        return self.knowledge.candidates

    @property
    def iterations(self) -> int:
        """How many iterations measured candidates."""
        return len(self.knowledge.drifts)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON values that `ofabench search --measure-on ... --out` writes."""
        return {
            **self.result.to_dict(),
            "measured": {
                "limit_met": self.limit_met,
                "deciding": self.decided.to_json(),
                "tries": [one.to_json() for one in self.tries],
                "iterations": self.iterations,
                "ended": self.ended,
                "folder": str(self.folder),
                **self.knowledge.to_json(),
            },
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what `ofabench search --out` writes, for `extract`, `export` and `verify`."""
        from supernet.search.result_file import write_json

        write_json(Path(path), self.to_dict())

    def __str__(self) -> str:
        return "\n".join([str(self.result), *_lines(self)])

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    def __repr__(self) -> str:
        return (
            f"MeasuredSearch({self.arch}, accuracy={self.accuracy:.4f}, "
            f"limit_met={self.limit_met}, tries={len(self.tries)})"
        )


def _lines(found: MeasuredSearch) -> Iterator[str]:
    """What was measured, and what that decided, for a terminal."""
    known = found.knowledge
    for number, drift in enumerate(known.drifts, start=1):
        own = [one for one in known.candidates if one.iteration == number]
        within = sum(one.within for one in own)
        yield (
            f"  iteration {number}: {len(own)} networks measured, {within} within; drift "
            f"{drift.ratio - 1:+.1%} by {drift.anchors} anchors (they differ by "
            f"{drift.disagreement:.1%})"
        )
    yield f"  ended: {found.ended}"
    if known.own_anchors:
        yield (
            "  the predictor's file has no anchors: drift is that since the first iteration, by "
            "networks of it"
        )
    yield (
        "  candidates were measured as networks of blocks with random weights, as sweeps measure "
        "them"
    )
    yield _chosen(found)
    yield _verdict(found)


def _chosen(found: MeasuredSearch) -> str:
    """What the network took when it was chosen, beside what it is held to the limit at."""
    (one,) = (each for each in found.candidates if each.line == found.decided.line)
    return (
        f"  chosen in iteration {one.iteration}: {one.raw_ms:.4g} ms as measured, "
        f"{one.corrected_ms:.4g} ms at the mean over sessions{_held(found, one)}"
    )


def _held(found: MeasuredSearch, one: Candidate) -> str:
    """What the network stays below at the confidence, and what that margin is made of."""
    margin = found.knowledge.margin
    if margin is None:
        return ""
    parts = margin.parts(one.error)
    alone = ", ".join(f"{words} {parts[name]:.1%}" for name, words in _PARTS.items())
    return f", at most {one.judged_ms:.4g} with a margin of {parts['margin']:.1%} (alone: {alone})"


def _verdict(found: MeasuredSearch) -> str:
    decided, limit = found.decided, found.knowledge.question.limit
    count, place = len(found.tries), found.tries.index(decided) + 1
    corrected = decided.corrected_ms
    beside = "" if corrected is None else f", {corrected:.4g} ms drift-corrected"
    words = "limit met" if decided.limit_met else "limit NOT met"
    if count == 1:
        which = "at try 1 of 1"
    elif decided.limit_met:
        which = f"at try {place} of {count}; with more tries a pass says less"
    else:
        which = f"at any of {count} tries; this one came nearest"
    return (
        f"  {words} {which}: {decided.raw_ms:.4g} ms as measured{beside}, of {limit.max_ms:g} ms, "
        "in a process that had no part in choosing"
    )
