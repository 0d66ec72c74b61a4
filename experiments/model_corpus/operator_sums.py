"""Models predicted from their operators, by three degrees of what was measured."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from experiments.model_corpus.figures import Predicted, Subject
from latency_models.operators.calibration import Calibration
from latency_models.operators.measured import MeasuredModel, ModelOperators
from latency_models.operators.predictor import OperatorPredictor


@dataclass(frozen=True, kw_only=True, eq=False)
class CalibratedPredictor(OperatorPredictor):
    """A predictor with a calibration that it was given, whichever operators it lacks."""

    given: Calibration

    @property
    def calibration(self) -> Calibration:
        return self.given


class OperatorSums:
    """Predictors of parts of what a session measured."""

    def __init__(self, everything: OperatorPredictor) -> None:
        self.everything = everything
        self.models: dict[str, MeasuredModel] = {
            Path(model.name).stem: model for model in everything.models
        }

    @property
    def count(self) -> int:
        """Number of distinct operators."""
        return len(self.everything.operators)

    def work(self, name: str) -> Mapping[str, tuple[float, float, float]]:
        """Return of each kind of operator of a model its number, MACs and bytes."""
        totals: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
        if name in self.models:
            for digest, count in self.models[name].counts.items():
                measured = self.everything.operators_by_digest.get(digest)
                if measured is not None:
                    each, total = measured.operator, totals[measured.operator.kind]
                    size_bytes = each.in_bytes + each.out_bytes + each.weight_bytes
                    total[0] += count
                    total[1] += count * each.macs
                    total[2] += count * size_bytes
        return {kind: (total[0], total[1], total[2]) for kind, total in totals.items()}

    def measured(self, train: Sequence[Subject], test: Sequence[Subject]) -> Predicted:
        """Predict with every operator measured, calibrated on the models to train on."""
        predictor = replace(self.everything, models=tuple(self._of(train).values()))
        return self._predicted(predictor, test)

    def shared(self, train: Sequence[Subject], test: Sequence[Subject]) -> Predicted:
        """Predict with the operators of the models to train on alone."""
        known = self._digests(train)
        return self._predicted(self._with(train, known), test)

    def guessed(self, train: Sequence[Subject], test: Sequence[Subject]) -> Predicted:
        """Predict with the operators that no model to predict has."""
        known = self._digests(train) - self._digests(test)
        return self._predicted(self._with(train, known), test)

    def _of(self, subjects: Sequence[Subject]) -> dict[str, MeasuredModel]:
        names = [each.name for each in subjects]
        return {name: self.models[name] for name in names if name in self.models}

    def _digests(self, subjects: Sequence[Subject]) -> set[str]:
        return {digest for model in self._of(subjects).values() for digest in model.counts}

    def _with(self, train: Sequence[Subject], known: set[str]) -> OperatorPredictor:
        models = tuple(self._of(train).values())
        calibration = replace(self.everything, models=models).calibration
        kept = [each for each in self.everything.operators if each.operator.digest in known]
        return CalibratedPredictor(
            target=self.everything.target,
            operators=tuple(kept),
            models=models,
            given=calibration,
        )

    def _predicted(self, predictor: OperatorPredictor, test: Sequence[Subject]) -> Predicted:
        result: Predicted = {}
        for name, model in self._of(test).items():
            operators = {
                digest: self.everything.operators_by_digest[digest].operator
                for digest in model.counts
                if digest in self.everything.operators_by_digest
            }
            counts = {digest: model.counts[digest] for digest in operators}
            composition = ModelOperators(operators=operators, counts=counts, uncut=model.uncut)
            result[name] = predictor.predict(composition).ms
        return result
