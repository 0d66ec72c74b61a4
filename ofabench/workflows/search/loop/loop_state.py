"""State of the loop: measured candidates, drift, corrected predictor."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.drift.log import Anchor, DriftLog
from bench.protocol.device import Workload
from ofabench.workflows.search.loop.task import LoopTask

if TYPE_CHECKING:
    from latency_models.drift.anchor_drift import AnchorDrift
    from latency_models.drift.margin import Margin
    from latency_models.predictors.predictor import LatencyPredictor
    from supernet.constraints.constraints import Constraint

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Network that was measured in an iteration (counted from 1); `line` is its architecture.

    Latencies are in ms. `predicted_ms` (before it was measured) and `corrected_ms` are for the mean
    over sessions, the latter with the relative standard error `error`; `raw_ms` is as measured.
    `judged_ms` is compared with the limit: the corrected latency or, with a confidence, the bound
    that it stays below in later sessions. Drift differs between iterations, so the latency as
    measured is not compared here; the deciding measurement uses it.
    """

    iteration: int
    line: str
    workload: Workload
    accuracy: float
    predicted_ms: float
    raw_ms: float
    corrected_ms: float
    error: float
    judged_ms: float
    within: bool

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; the network is its line."""
        values = {name: getattr(self, name) for name in _FIGURES}
        return {"network": self.line, **values}


_FIGURES = (
    "iteration",
    "accuracy",
    "predicted_ms",
    "raw_ms",
    "corrected_ms",
    "error",
    "judged_ms",
    "within",
)


@dataclass(frozen=True, kw_only=True)
class LoopState:
    """State after some iterations. `drifts` has one item an iteration.

    `predictor` predicts the mean over sessions. `anchors` are measured in every iteration, to
    estimate drift; `own_anchors` is True if the predictor's file has none: the anchors are then
    candidates of the first iteration.
    """

    task: LoopTask
    anchors: tuple[Anchor, ...]
    own_anchors: bool
    log: DriftLog | None
    drifts: "tuple[AnchorDrift, ...]"
    candidates: tuple[Candidate, ...]
    predictor: "LatencyPredictor"

    @cached_property
    def mean(self) -> float:
        """Return the anchors' mean over sessions divided by their latencies; 1 without anchors."""
        from latency_models.drift.model import DriftModel

        return 1.0 if self.log is None else float(np.exp(DriftModel.of(self.log).log_mean))

    @property
    def constraint(self) -> "Constraint":
        """Return the latency limit by the corrected predictor."""
        return self.task.limit_by(self.predictor)

    @cached_property
    def margin(self) -> "Margin | None":
        """Return the margin of measured networks for later sessions; None without a confidence.
        Their prediction error is that of the measurement.
        """
        from latency_models.drift.margin import Margin
        from latency_models.drift.model import DriftModel

        limit = self.task.limit
        if limit.confidence is None:
            return None
        return Margin(
            confidence=limit.confidence,
            model=DriftModel.of(self.log),
            horizon_s=limit.horizon_s,
            limit_on=limit.limit_on,
            session_spread=limit.session_spread,
        )

    def anchor_work(self) -> list[Workload]:
        """Return the anchors as workloads."""
        return [anchor.workload for anchor in self.anchors]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values: anchors, drift of each iteration, candidates."""
        return {
            "anchors": [item.label for item in self.anchors],
            "anchors_from": "first iteration" if self.own_anchors else "predictor",
            "mean_drift": self.mean,
            "drift": [asdict(item) for item in self.drifts],
            "candidates": [item.to_json() for item in self.candidates],
        }
