"""Result of a search with the device in the loop: the network, and all measurements."""

import html
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ofabench.workflows.search.loop.deciding import Try
from ofabench.workflows.search.loop.loop_state import Candidate, LoopState
from ofabench.workflows.search.result import SearchResult
from supernet.space.arch import ArchConfig

if TYPE_CHECKING:
    from supernet.space.space import SearchSpace


_PARTS = {"drift": "drift", "scatter": "scatter", "prediction": "measurement error"}


@dataclass(frozen=True, repr=False, kw_only=True)
class MeasuredSearch:
    """The most accurate network that met its limit when measured, or the nearest to it.

    Attributes:
        result: the network with its predictions, by the corrected predictor.
        knowledge: all measurements that led to the choice.
        tries: every deciding measurement, in order; `chosen_try` is the one of this network.
        end_reason: the reason why no more iterations were measured.
        folder: the folder with the measurements.
    """

    result: SearchResult
    knowledge: LoopState
    tries: tuple[Try, ...]
    chosen_try: Try
    end_reason: str
    folder: Path

    @property
    def limit_met(self) -> bool:
        """Whether the network met its limit at the deciding measurement."""
        return self.chosen_try.limit_met

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
        """Predictions by the limits' names (for a target's key: ms)."""
        return self.result.predictions

    @property
    def limits(self) -> dict[str, float]:
        """The limits, by name."""
        return self.result.limits

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every measured candidate, in the order of measurement."""
        return self.knowledge.candidates

    @property
    def iterations(self) -> int:
        """Number of measured iterations."""
        return len(self.knowledge.drifts)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON values that `ofabench search --measure-on ... --out` writes."""
        return {
            **self.result.to_dict(),
            "measured": {
                "limit_met": self.limit_met,
                "deciding": self.chosen_try.to_json(),
                "tries": [candidate.to_json() for candidate in self.tries],
                "iterations": self.iterations,
                "end_reason": self.end_reason,
                "folder": str(self.folder),
                **self.knowledge.to_json(),
            },
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file of `ofabench search --out`, for `extract`, `export` and `verify`."""
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


def _lines(search: MeasuredSearch) -> Iterator[str]:
    """Describe the measurements and the decision, for a terminal."""
    state = search.knowledge
    for number, drift in enumerate(state.drifts, start=1):
        of_iteration = [
            candidate for candidate in state.candidates if candidate.iteration == number
        ]
        within = sum(candidate.within for candidate in of_iteration)
        yield (
            f"  iteration {number}: {len(of_iteration)} networks measured, {within} within; drift "
            f"{drift.ratio - 1:+.1%} by {drift.anchors} anchors (they differ by "
            f"{drift.disagreement:.1%})"
        )
    yield f"  ended: {search.end_reason}"
    if state.own_anchors:
        yield (
            "  the predictor's file has no anchors: drift is since the first iteration, by "
            "networks of it"
        )
    yield "  candidates were measured with random weights, as in sweeps"
    yield _chosen(search)
    yield _verdict(search)


def _chosen(search: MeasuredSearch) -> str:
    """The latency of the network when it was chosen, and the bound compared with the limit."""
    (candidate,) = (each for each in search.candidates if each.line == search.chosen_try.line)
    return (
        f"  chosen in iteration {candidate.iteration}: {candidate.raw_ms:.4g} ms as measured, "
        f"{candidate.corrected_ms:.4g} ms at the mean over sessions{_held(search, candidate)}"
    )


def _held(search: MeasuredSearch, candidate: Candidate) -> str:
    """The bound at the confidence, and the parts of its margin."""
    margin = search.knowledge.margin
    if margin is None:
        return ""
    parts = margin.parts(candidate.error)
    each_alone = ", ".join(f"{label} {parts[name]:.1%}" for name, label in _PARTS.items())
    margin_text = f"a margin of {parts['margin']:.1%} (alone: {each_alone})"
    return f", at most {candidate.judged_ms:.4g} with {margin_text}"


def _verdict(search: MeasuredSearch) -> str:
    chosen_try, limit = search.chosen_try, search.knowledge.task.limit
    count, number = len(search.tries), search.tries.index(chosen_try) + 1
    corrected = chosen_try.corrected_ms
    corrected_text = "" if corrected is None else f", {corrected:.4g} ms drift-corrected"
    verdict = "limit met" if chosen_try.limit_met else "limit NOT met"
    if count == 1:
        which = "at try 1 of 1"
    elif chosen_try.limit_met:
        which = f"at try {number} of {count}; after more tries, meeting the limit means less"
    else:
        which = f"in any of {count} tries; this one came nearest"
    return (
        f"  {verdict} {which}: {chosen_try.raw_ms:.4g} ms as measured{corrected_text}, of "
        f"{limit.max_ms:g} ms, "
        "in a new process that had no part in the choice"
    )
