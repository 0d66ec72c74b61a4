"""Evaluations of predictors on held-out networks, with their baselines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.blocks.spec import BlockSpec
from bench.charts.latency import Floats, Pairs
from bench.timing.session_drift import SessionDrift
from latency_models.evaluation.evaluate import (
    Evaluation,
    Repeatability,
    best_constant,
    evaluate,
    macs_alone,
    repeatability,
)
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.tables.networks import NetworksTable, tail_column
from ofabench.charts.architecture_text import in_words
from ofabench.report.inputs import Inputs
from ofabench.report.named_spaces import space_of_table
from ofabench.workflows.latency.networks import held_out_networks
from supernet.space.space import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Baseline:
    """Figures of one way to predict, against raw and against drift-corrected latencies."""

    name: str
    raw: Evaluation
    corrected: Evaluation | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldOut:
    """A predictor on the networks of one table that it was not fitted on.

    `baselines` begin with the predictor itself. `percentiles_ms` holds the p90 and p99 of the
    networks' samples, (n,) each, where the table has them.
    """

    pairs: Pairs
    corrected_ms: Floats | None
    drift: SessionDrift | None
    baselines: Sequence[Baseline]
    repeatability: Repeatability | None
    percentiles_ms: Mapping[str, Floats]

    @property
    def raw(self) -> Evaluation:
        """Figures of the predictor against latencies as measured."""
        return self.baselines[0].raw

    @property
    def corrected(self) -> Evaluation | None:
        """Figures of the predictor against drift-corrected latencies, where there are any."""
        return self.baselines[0].corrected


def evaluated_predictors(inputs: Inputs) -> dict[str, dict[str, HeldOut]]:
    """Evaluate every predictor on every table of its target, by their files."""
    evaluated: dict[str, dict[str, HeldOut]] = {}
    for name, predictor in inputs.predictors.items():
        by_table = {
            source: held_out
            for source, table in inputs.networks.items()
            if (held_out := _held_out(table, predictor)) is not None
        }
        if by_table:
            evaluated[name] = by_table
    return evaluated


def _held_out(table: NetworksTable, predictor: LatencyPredictor) -> HeldOut | None:
    """One table's networks; None where they are of another target, or were all fitted on."""
    targets = table.targets.items()
    columns = [name for name, of in targets if of == predictor.target and name in table.frame]
    space = space_of_table(table)
    if not columns or space is None:
        return None
    on = held_out_networks(table, columns[0], space, predictor)
    if on.fitted == len(table.frame):
        return None
    archs = space.decode(on.codes)
    networks = [space.blocks(arch) for arch in archs]
    predicted_ms = predictor.predict_many(networks)
    if not np.isfinite(predicted_ms).all():  # with blocks that could not run when it was swept
        return None
    spread = on.measured.spread
    return HeldOut(
        pairs=Pairs(
            measured_ms=on.measured.ms,
            predicted_ms=predicted_ms,
            words=[in_words(space, arch) for arch in archs],
            extrapolated=[
                sum(block not in predictor.domain for block in each) for each in networks
            ],
            half_width=spread,
        ),
        corrected_ms=on.measured.drift_corrected_ms,
        drift=on.measured.drift,
        baselines=_baselines(predictor, networks, predicted_ms, on.measured.ms,
                             on.measured.drift_corrected_ms),
        repeatability=None if spread is None else repeatability(spread),
        percentiles_ms=_percentiles(table, columns[0], space, on.codes),
    )  # fmt: skip


def _baselines(
    predictor: LatencyPredictor,
    networks: Sequence[Sequence[BlockSpec]],
    predicted_ms: Floats,
    measured_ms: Floats,
    corrected_ms: Floats | None,
) -> list[Baseline]:
    """The predictor's figures with its baselines, as `ofabench evaluate` has them."""
    specs = list({block: None for each in networks for block in each})
    warm_ms = dict(zip(specs, predictor.alone_ms(specs)[0].tolist(), strict=True))
    macs = {block: block.macs for block in specs}
    totals = np.array([sum(macs[block] for block in each) for each in networks], dtype=np.float64)
    line = predictor.provenance.get("macs_line")

    def against(ms: Floats) -> dict[str, Evaluation]:
        figures = {"predictor": evaluate(predicted_ms, ms)}
        if predictor.known:
            sums = np.array([sum(warm_ms[block] for block in each) for each in networks])
            figures["sum of blocks"] = evaluate(sums, ms)
        figures["MACs alone"] = macs_alone(totals, ms, tuple(line) if line else None)
        return figures | {"best constant": best_constant(ms)}

    raw = against(measured_ms)
    corrected = {} if corrected_ms is None else against(corrected_ms)
    return [
        Baseline(name=name, raw=figures, corrected=corrected.get(name))
        for name, figures in raw.items()
    ]


def _percentiles(
    table: NetworksTable, column: str, space: SearchSpace, codes: np.ndarray
) -> dict[str, Floats]:
    """Percentiles of the networks of `codes`, (n,) by name, as far as the table has them."""
    rows = {tuple(code): row for row, code in enumerate(space.codes_of(table.frame).tolist())}
    places = [rows[tuple(code)] for code in codes.tolist()]
    percentiles = {}
    for name in ("p90", "p99"):
        if tail_column(column, name) in table.frame:
            values = table.frame[tail_column(column, name)].to_numpy(dtype=np.float64)
            percentiles[name] = values[places]
    return percentiles
