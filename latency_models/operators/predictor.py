"""`OperatorPredictor`: the latency of a model as a sum over its operators."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from bench.errors import FileError, InputError
from bench.files import VALUE_DAMAGE
from bench.protocol.target import Target
from latency_models.operators.calibration import Calibration, CalibrationModel, calibrate
from latency_models.operators.kind_regressions import KindRegressions
from latency_models.operators.measured import (
    COLUMNS,
    MeasuredModel,
    MeasuredOperator,
    ModelOperators,
    operators_frame,
    operators_of,
    read_weight_bytes,
)
from latency_models.operators.prediction import ModelPrediction, OperatorCost
from latency_models.tables.storage import (
    load_frame,
    require_columns,
    save_frame,
    target_and_provenance,
)

WHAT = "operator predictor"


@dataclass(frozen=True, kw_only=True, eq=False)
class OperatorPredictor:
    """Predicts models from measured operators; `models` are measured whole and calibrate the sum.

    What a measured operator costs in a model follows from its latencies by itself and the
    `calibration`. One that was not measured is predicted by a regression of its kind.
    """

    target: Target
    operators: tuple[MeasuredOperator, ...]
    models: tuple[MeasuredModel, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.operators:
            raise InputError("a predictor of models needs measured operators, got none")

    @cached_property
    def operators_by_digest(self) -> Mapping[str, MeasuredOperator]:
        """The measured operators by digest."""
        return {each.operator.digest: each for each in self.operators}

    @cached_property
    def calibration(self) -> Calibration:
        """What operators cost in a model, from the models measured whole."""
        known = self.operators_by_digest
        return calibrate(
            [
                _calibration_model(model, known)
                for model in self.models
                if not model.uncut and all(digest in known for digest in model.counts)
            ]
        )

    def cost_ms(self, measured: MeasuredOperator) -> float:
        """Return what a measured operator costs in a model whose weights stay in the cache."""
        return self.calibration.cost_ms(measured.warm_ms, measured.cold_ms)

    def predict(self, model: ModelOperators) -> ModelPrediction:
        """Return the latency of a model, with what it rests on."""
        missing = [
            each
            for digest, each in model.operators.items()
            if digest not in self.operators_by_digest
        ]
        inferred = self._regressions.estimate(missing)
        calibration = self.calibration
        weight_bytes = sum(
            count * read_weight_bytes(model.operators[digest])
            for digest, count in model.counts.items()
        )
        costs = []
        for digest, count in model.counts.items():
            known = self.operators_by_digest.get(digest)
            ms, log_std = (self.cost_ms(known), 0.0) if known else inferred[digest]
            operator = model.operators[digest]
            costs.append(
                OperatorCost(
                    operator=operator,
                    count=count,
                    ms=ms + calibration.reload_ms(read_weight_bytes(operator), weight_bytes),
                    measured=known is not None,
                    relative_std=log_std,
                )
            )
        return ModelPrediction.of(
            costs, model.uncut, calibration.relative_std, self._regressions.rare(missing)
        )

    def with_operators(self, measured: Sequence[MeasuredOperator]) -> Self:
        """Return a predictor that knows these operators too."""
        added = {**self.operators_by_digest, **{each.operator.digest: each for each in measured}}
        return type(self)(
            target=self.target,
            operators=tuple(added.values()),
            models=self.models,
            provenance=self.provenance,
        )

    def save(self, path: Path | str) -> None:
        """Write one parquet file: a row an operator, the models in its metadata."""
        metadata = {
            "target": self.target.to_json(),
            "provenance": dict(self.provenance),
            "models": [asdict(model) for model in self.models],
        }
        save_frame(Path(path), operators_frame(self.operators), what=WHAT, metadata=metadata)

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read what `save` wrote; `FileError` for any other file."""
        path = Path(path)
        frame, metadata = load_frame(path, what=WHAT)
        require_columns(path, frame, COLUMNS)
        try:
            target, provenance = target_and_provenance(metadata)
            models = tuple(MeasuredModel(**each) for each in metadata["models"])
            return cls(
                target=target, operators=operators_of(frame), models=models, provenance=provenance
            )
        except (*VALUE_DAMAGE, InputError) as error:
            raise FileError(f"{path} is damaged ({error}); fit it again") from error

    @cached_property
    def _regressions(self) -> KindRegressions:
        costs_ms = np.array([self.cost_ms(each) for each in self.operators])
        return KindRegressions(self.operators, costs_ms)


def _calibration_model(
    model: MeasuredModel, operators: Mapping[str, MeasuredOperator]
) -> CalibrationModel:
    distinct = [operators[digest] for digest in model.counts]
    return CalibrationModel(
        ms=model.ms,
        counts=np.array(list(model.counts.values()), dtype=np.float64),
        warm_ms=np.array([each.warm_ms for each in distinct]),
        cold_ms=np.array([each.cold_ms for each in distinct]),
        weight_bytes=np.array([read_weight_bytes(each.operator) for each in distinct]),
    )
