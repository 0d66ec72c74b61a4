"""Drift between two measurement sessions: how much slower a device is now than it was then.

It is estimated from workloads that both sessions measured. A device does not drift by one number:
call overhead, arithmetic and memory can move apart. So there are several estimates, of short and
long workloads or of each reference workload, and a correction is applied only where they agree.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PARTS = ("shortest third", "middle third", "longest third")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDrift:
    """Drift since an earlier measurement session, by what both sessions measured.

    `ratio` is time now over time then, the median over `workloads` (1.1: 10 % slower now).
    `estimates` are the same ratio by part of the workloads. `source` says what the workloads are.
    """

    source: str
    workloads: int
    ratio: float
    estimates: Mapping[str, float]

    @property
    def disagreement(self) -> float:
        """Largest estimate over the smallest, less 1."""
        return max(self.estimates.values()) / min(self.estimates.values()) - 1.0

    @property
    def correction(self) -> float:
        """By how much times change when corrected, as a share in whichever direction: above 0."""
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
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read `to_json`'s values; what is derived is derived again."""
        estimates = {str(name): float(ratio) for name, ratio in data["estimates"].items()}
        ratio = float(data["ratio"])
        if not all(0 < one < math.inf for one in (ratio, *estimates.values())) or not estimates:
            raise ValueError(f"drift of {ratio} by estimates {estimates}, expected ratios above 0")
        return cls(
            source=str(data["source"]),
            workloads=int(data["workloads"]),
            ratio=ratio,
            estimates=estimates,
        )


def drift_by_length(source: str, then_ms: Floats, now_ms: Floats) -> SessionDrift | None:
    """Estimate drift from the latencies of the same workloads, both (n,), NaN where unknown.

    Estimates are the medians of the thirds by `then_ms`. None where fewer than three are known:
    they could not disagree.
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
    now_ms: Mapping[str, float], then_ms: Mapping[str, float]
) -> SessionDrift | None:
    """Estimate drift from reference workloads, by label: a weak estimate, of their geometric mean.

    None where fewer than two are in both sessions: one could not disagree.
    """
    ratios = {name: now_ms[name] / then_ms[name] for name in sorted(now_ms.keys() & then_ms.keys())}
    if len(ratios) < 2:
        return None
    return SessionDrift(
        source="reference workloads",
        workloads=len(ratios),
        ratio=math.exp(sum(math.log(ratio) for ratio in ratios.values()) / len(ratios)),
        estimates=ratios,
    )


def drift_in_words(data: Mapping[str, Any]) -> str:
    """One line of `to_json`'s values: the drift, by what, and why none is corrected if none is."""
    source = f"{data['workloads']} {data['source']}"
    if data["applied"]:
        return f"{data['ratio'] - 1:+.1%} since the predictor's sweep, by {source}"
    parts = ", ".join(f"{name} {ratio - 1:+.1%}" for name, ratio in data["estimates"].items())
    return (
        f"not corrected: estimates by {source} differ by {data['disagreement']:.1%} ({parts}), "
        f"more than the {data['ratio'] - 1:+.1%} they would correct"
    )
