"""Drift between two measurement sessions: how much slower a device is now than before.

It is estimated from workloads that both sessions measured. A device does not drift by one number:
overhead, arithmetic and memory can drift apart. So there are several estimates, from short and long
workloads or from each reference workload, and a correction is applied only if they agree.

Whole networks show the drift of whole networks best: if both sessions measured the anchor networks,
each of them is an estimate, and the correction is their median. Their disagreement is the range of
the middle half of the estimates, so that one anchor of five that moved alone decides nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray

from bench.reading import Positive, Rule, from_plain

Floats = NDArray[np.float64]

LEAST_ANCHORS = 3  # with fewer, disagreement cannot be seen
ANCHORS_SOURCE, REFERENCES_SOURCE = "anchor networks", "reference workloads"
PARTS = ("shortest third", "middle third", "longest third")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDrift:
    """Drift since an earlier measurement session, from workloads that both sessions measured.

    `ratio` is time now over time then, the median over `workloads` (1.1: 10 % slower now).
    `estimates` are the same ratio by part of the workloads. `source` says what the workloads are.
    `weak`: they are known to follow whole networks poorly. `middle_half`: disagreement is the range
    of the middle half of the estimates, else of all of them.
    """

    source: str
    workloads: int
    ratio: Positive
    estimates: Annotated[Mapping[str, Positive], Rule(bool, "ratios above 0 by name")]
    weak: bool = False
    middle_half: bool = False

    @property
    def disagreement(self) -> float:
        """Largest estimate over the smallest, minus 1; of the middle half if that counts."""
        return math.exp(self._span) - 1.0

    @property
    def standard_error(self) -> float | None:
        """Relative standard error of the ratio, the median of the estimates, by their middle half.

        None if the ratio is not the median of the estimates.
        """
        if not self.middle_half:
            return None
        # The middle half of a normal distribution spans 1.349 standard deviations, and its median
        # has 1.2533 times the standard error of a mean.
        return 1.2533 * self._span / 1.349 / math.sqrt(len(self.estimates))

    @property
    def _span(self) -> float:
        logs = np.log(np.array(list(self.estimates.values())))
        ends = (0.25, 0.75) if self.middle_half else (0.0, 1.0)
        low, high = np.quantile(logs, ends).tolist()
        return float(high - low)

    @property
    def correction(self) -> float:
        """Relative change of times when corrected, in either direction: above 0."""
        return math.exp(abs(math.log(self.ratio))) - 1.0

    @property
    def applied(self) -> bool:
        """Whether to correct: the estimates differ by no more than the correction changes."""
        return self.disagreement <= self.correction

    def to_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "workloads": self.workloads,
            "ratio": self.ratio,
            "estimates": dict(self.estimates),
            "disagreement": self.disagreement,
            "applied": self.applied,
            "weak": self.weak,
            "middle_half": self.middle_half,
            "standard_error": self.standard_error,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read `to_json`'s values; derived values are computed again."""
        return from_plain(cls, data, "a session's drift", other_keys=True)


def drift_by_anchors(then_ms: Floats, now_ms: Floats) -> SessionDrift | None:
    """Estimate drift from the latencies of the same whole networks, both (n,), NaN if unknown.

    None if fewer than `LEAST_ANCHORS` are known.
    """
    known = np.isfinite(then_ms) & np.isfinite(now_ms) & (then_ms > 0) & (now_ms > 0)
    if known.sum() < LEAST_ANCHORS:
        return None
    ratios = (now_ms[known] / then_ms[known]).tolist()
    names = [f"anchor {n} of {ms:.3g} ms" for n, ms in enumerate(then_ms[known].tolist(), start=1)]
    return SessionDrift(
        source=ANCHORS_SOURCE,
        workloads=len(ratios),
        ratio=float(np.exp(np.median(np.log(ratios)))),
        estimates=dict(zip(names, ratios, strict=True)),
        middle_half=True,
    )


def drift_by_length(source: str, then_ms: Floats, now_ms: Floats) -> SessionDrift | None:
    """Estimate drift from the latencies of the same workloads, both (n,), NaN if unknown.

    Estimates are the medians of the thirds by `then_ms`. None if fewer than three are known: then
    disagreement cannot be seen.
    """
    known = np.isfinite(then_ms) & np.isfinite(now_ms) & (then_ms > 0) & (now_ms > 0)
    if known.sum() < len(PARTS):
        return None
    then, logs = then_ms[known], np.log(now_ms[known] / then_ms[known])
    thirds = np.array_split(logs[np.argsort(then, kind="stable")], len(PARTS))
    return SessionDrift(
        source=source,
        workloads=len(logs),
        ratio=float(np.exp(np.median(logs))),
        estimates={
            name: float(np.exp(np.median(part))) for name, part in zip(PARTS, thirds, strict=True)
        },
    )


def drift_by_references(
    now_ms: Mapping[str, float],
    then_ms: Mapping[str, float],
    others: Mapping[str, float] | None = None,
) -> SessionDrift | None:
    """Estimate drift from reference workloads, by label: a weak estimate, their geometric mean.

    `others` are ratios from other workloads of both sessions: they are not part of the mean, but a
    correction that they disagree with is not applied. None if fewer than two references are in both
    sessions: then disagreement cannot be seen.
    """
    ratios = {name: now_ms[name] / then_ms[name] for name in sorted(now_ms.keys() & then_ms.keys())}
    if len(ratios) < 2:
        return None
    return SessionDrift(
        source=REFERENCES_SOURCE,
        workloads=len(ratios),
        ratio=math.exp(sum(math.log(ratio) for ratio in ratios.values()) / len(ratios)),
        estimates={**ratios, **(others or {})},
        weak=True,
    )


def drift_in_words(data: Mapping[str, Any]) -> str:
    """Return one line about `to_json`'s values: drift, source, and why it is not corrected."""
    source = f"{data['workloads']} {data['source']}"
    if data.get("weak"):
        source += " (weak: they follow whole networks poorly)"
    parts = ", ".join(f"{name} {ratio - 1:+.1%}" for name, ratio in data["estimates"].items())
    if not data["applied"]:
        which = "the middle half of estimates" if data.get("middle_half") else "estimates"
        differ = "differs" if data.get("middle_half") else "differ"
        return (
            f"not corrected: {which} by {source} {differ} by {data['disagreement']:.1%} ({parts}), "
            f"more than the {data['ratio'] - 1:+.1%} they would correct"
        )
    error = data.get("standard_error")
    if error is None:
        return f"{data['ratio'] - 1:+.1%} since the predictor's sweep, by {source}"
    return (
        f"{data['ratio'] - 1:+.1%} (standard error {error:.1%}) against the predictor's sessions, "
        f"by the median of {source}: {parts}"
    )
