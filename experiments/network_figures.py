"""Results of `whole_networks` for one target: errors of predictions, and their noise."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.network_steps import TargetSteps
from latency_models.evaluation.evaluate import Evaluation, evaluate
from latency_models.evaluation.evaluation import PredictorEvaluation, evaluate_predictor
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.tables.networks import NetworksTable
from ofabench.workflows.latency.networks import held_out_networks
from supernet.space.space import SearchSpace

HEAD = (
    "| target | what | networks | within 5 % | within 10 % | Spearman | mean error | bias |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Figures of one target. `unseen` are networks at resolutions without measured blocks."""

    name: str
    judged: PredictorEvaluation
    unseen: Evaluation
    again: Evaluation  # the same networks, measured twice
    again_drift_corrected: Evaluation  # corrected for drift between the processes
    searched: PredictorEvaluation

    def lines(self) -> Iterator[str]:
        judged = self.judged
        yield self._line("predicted", judged.model)
        if judged.drift_corrected is not None:
            yield self._line("predicted, drift-corrected", judged.drift_corrected)
        yield self._line("resolutions never measured", self.unseen)
        if judged.plain_sum is not None:
            yield self._line("sum of blocks", judged.plain_sum)
        yield self._line("MACs alone", judged.macs_alone)
        yield self._line("best constant", judged.best_constant)
        yield self._line("measured twice", self.again)
        yield self._line("measured twice, drift-corrected", self.again_drift_corrected)
        yield self._line("searched", self.searched.model)
        if self.searched.drift_corrected is not None:
            yield self._line("searched, drift-corrected", self.searched.drift_corrected)

    def to_json(self) -> dict[str, Any]:
        return {
            "judged": self.judged.to_json(),
            "unseen": self.unseen.to_json(),
            "again": self.again.to_json(),
            "again_drift_corrected": self.again_drift_corrected.to_json(),
            "searched": self.searched.to_json(),
        }

    def _line(self, what: str, evaluation: Evaluation) -> str:
        rank = "-" if evaluation.spearman is None else f"{evaluation.spearman:.4f}"
        return (
            f"| {self.name} | {what} | {evaluation.n} | "
            f"{evaluation.within_5:.1%} | {evaluation.within_10:.1%} | "
            f"{rank} | {evaluation.mape:.1%} | {evaluation.bias:+.1%} |"
        )


def figures_of(target: TargetSteps) -> Figures:
    """Evaluate a target's predictor on measurements of other processes."""
    space = SearchSpace.load(target.amount.space)
    predictor = LatencyPredictor.load(target.at("predictor.parquet"))
    tables = {
        name: NetworksTable.load(target.at(f"{name}-n.parquet"))
        for name in ("judge", "again", "searched")
    }
    ms = {name: table.latencies_ms(table.column_or_only(None)) for name, table in tables.items()}
    verdicts, judged_on = {}, {}
    for name in ("judge", "searched"):
        table = tables[name]
        on = held_out_networks(table, table.column_or_only(None), space, predictor)
        judged_on[name] = on
        verdicts[name] = evaluate_predictor(predictor, space.choices, on.codes, on.measured)
    judged, sizes = verdicts["judge"], judged_on["judge"].codes[:, 0]
    unseen = ~np.isin(sizes, target.amount.measured_resolutions())
    judged_ms = judged_on["judge"].measured.ms
    first, second = _paired(space, tables["judge"], tables["again"], ms)
    ratio = float(np.median(second / first))
    return Figures(
        name=target.name,
        judged=judged,
        unseen=evaluate(judged.predicted_ms[unseen], judged_ms[unseen]),
        again=evaluate(second, first),
        again_drift_corrected=evaluate(second / ratio, first),
        searched=verdicts["searched"],
    )


def _paired(
    space: SearchSpace,
    networks_table: NetworksTable,
    other: NetworksTable,
    ms: dict[str, np.ndarray[Any, np.dtype[np.float64]]],
) -> tuple[np.ndarray[Any, np.dtype[np.float64]], np.ndarray[Any, np.dtype[np.float64]]]:
    """Return the latencies of the same networks in both tables."""
    keys = [
        [code.tobytes() for code in space.codes_of(table.frame)]
        for table in (networks_table, other)
    ]
    place = {key: row for row, key in enumerate(keys[1])}
    rows = [row for row, key in enumerate(keys[0]) if key in place]
    return ms["judge"][rows], ms["again"][[place[keys[0][row]] for row in rows]]
