"""Knowledge from the measured candidates: drift, corrected predictor, latencies."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.drift.log import Anchor, DriftLog
from bench.protocol.device import Workload
from ofabench.workflows.search.loop.question import Question

if TYPE_CHECKING:
    from latency_models.drift.anchor_drift import AnchorDrift
    from latency_models.drift.margin import Margin
    from latency_models.predictors.predictor import LatencyPredictor
    from supernet.constraints.constraints import Constraint

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A network that was measured in an iteration (from 1), `line` of an archs file.

    Latencies in ms: `predicted_ms` before it was measured and `corrected_ms`, are of the mean over
    sessions, the latter with the relative standard error `error`; `raw_ms` is as measured.
    `judged_ms` is what is held to the limit: the corrected one, with a confidence what it stays
    below in sessions to come. Iterations differ in drift, so the latency as measured is not
    compared here: it decides later, by itself.
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
        """JSON values; the network is its line."""
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
class Knowledge:
    """All that iterations say. `drifts` are by iteration; `predictor` is of the mean over sessions.

    `anchors` tie iterations together; `own_anchors` where the predictor's file has none, so that
    they are candidates of the first iteration, measured again in the later ones.
    """

    question: Question
    anchors: tuple[Anchor, ...]
    own_anchors: bool
    log: DriftLog | None
    drifts: "tuple[AnchorDrift, ...]"
    candidates: tuple[Candidate, ...]
    predictor: "LatencyPredictor"

    @cached_property
    def mean(self) -> float:
        """The mean over sessions over the anchors' own latencies; 1 where there are none."""
        from latency_models.drift.model import DriftModel

        return 1.0 if self.log is None else float(np.exp(DriftModel.of(self.log).log_mean))

    @property
    def constraint(self) -> "Constraint":
        """The latency limit by what is known."""
        return self.question.limit_by(self.predictor)

    @cached_property
    def margin(self) -> "Margin | None":
        """What measured networks are held to the limit with, in sessions to come.

        Their prediction error is that of the measurement. None without a confidence.
        """
        from latency_models.drift.margin import Margin
        from latency_models.drift.model import DriftModel

        limit = self.question.limit
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
        """The anchors as they are measured."""
        return [anchor.workload for anchor in self.anchors]

    def to_json(self) -> dict[str, Any]:
        """JSON values: anchors, drift of each iteration, candidates."""
        return {
            "anchors": [one.label for one in self.anchors],
            "anchors_from": "first iteration" if self.own_anchors else "predictor",
            "mean_drift": self.mean,
            "drift": [asdict(one) for one in self.drifts],
            "candidates": [one.to_json() for one in self.candidates],
        }
