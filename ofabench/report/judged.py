"""Predicted against measured networks, a section for each predictor with a networks table."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bench.blocks.spec import BlockSpec
from latency_models.evaluation.evaluate import Evaluation, best_constant, evaluate, macs_alone
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.tables.networks import NetworksTable
from ofabench.report.architecture_text import in_words, short_target, space_of_table
from ofabench.report.figures import Floats, Pairs, predicted_against_measured
from ofabench.report.inputs import Inputs
from ofabench.report.page import Section
from ofabench.workflows.latency.networks import held_out_networks

Verdict = dict[str, Evaluation]  # by what told it: the predictor, then what it must beat


def judged_sections(inputs: Inputs) -> list[Section]:
    """Every predictor with the networks measured on its target that it was not fitted on."""
    sections = []
    for name, predictor in inputs.predictors.items():
        pairs: dict[str, Pairs] = {}
        verdicts: dict[str, Verdict] = {}
        for source, table in inputs.networks.items():
            found = _judge(table, predictor)
            if found is not None:
                pairs[source], verdicts[source] = found
        if pairs:
            several = sum(one.target == predictor.target for one in inputs.predictors.values()) > 1
            title = f"Predicted against measured: {short_target(predictor.target)}"
            title += f", by {name}" if several else ""
            sections.append(_section((title, name), predictor, pairs, verdicts))
    return sections


def _judge(table: NetworksTable, predictor: LatencyPredictor) -> tuple[Pairs, Verdict] | None:
    """One table's networks; None where they are of another target, or were all fitted on."""
    targets = table.targets.items()
    columns = [name for name, one in targets if one == predictor.target and name in table.frame]
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
    pairs = Pairs(
        measured_ms=on.measured.ms,
        predicted_ms=predicted_ms,
        words=[in_words(space, arch) for arch in archs],
        guessed=[sum(block not in predictor.domain for block in one) for one in networks],
    )
    return pairs, _verdict(predictor, networks, pairs, on.measured.drift_corrected_ms)


def _verdict(
    predictor: LatencyPredictor,
    networks: Sequence[Sequence[BlockSpec]],
    pairs: Pairs,
    corrected_ms: Floats | None,
) -> Verdict:
    """The predictor's figures with its baselines, as `ofabench evaluate` has them.

    Of some hundred networks each block is asked for once; a whole space is not laid out for them.
    """
    specs = list({block: None for one in networks for block in one})
    warm_ms = dict(zip(specs, predictor.alone_ms(specs)[0].tolist(), strict=True))
    measured_ms = pairs.measured_ms
    told: Verdict = {"predictor": evaluate(pairs.predicted_ms, measured_ms)}
    if corrected_ms is not None:
        told["predictor, drift-corrected"] = evaluate(pairs.predicted_ms, corrected_ms)
    if predictor.known:
        plain_ms = np.array([sum(warm_ms[block] for block in one) for one in networks])
        told["sum of blocks"] = evaluate(plain_ms, measured_ms)
    macs = {block: block.macs for block in specs}
    totals = np.array([sum(macs[block] for block in one) for one in networks], dtype=np.float64)
    line = predictor.provenance.get("macs_line")
    alone = macs_alone(totals, measured_ms, tuple(line) if line else None)
    if alone is not None:
        told["MACs alone"] = alone
    told["best constant"] = best_constant(measured_ms)
    return told


def _section(
    names: tuple[str, str],
    predictor: LatencyPredictor,
    pairs: dict[str, Pairs],
    verdicts: dict[str, Verdict],
) -> Section:
    title, name = names
    count = sum(len(one.measured_ms) for one in pairs.values())
    guessed = sum(map(bool, (count for one in pairs.values() for count in one.guessed)))
    text = (
        f"{count} networks that the predictor {name} never saw, measured on {predictor.target.key} "
        "by other processes. Bands are 5 % and 10 % about the measurement. A predictor is worth "
        "what it adds to the simpler rows. Drift since the predictor's sweep is corrected in a "
        "row of its own, where its estimates agree."
    )
    if guessed:
        text += f" {guessed} networks have blocks unlike any that it was fitted on: open circles."
    rows = [row for source, one in verdicts.items() for row in _rows(source, one)]
    return Section(
        title=title,
        text=text,
        table=pd.DataFrame(rows),
        figure=predicted_against_measured(pairs),
    )


def _rows(source: str, verdict: Verdict) -> list[dict[str, str]]:
    return [_row(source, name, one) for name, one in verdict.items()]


def _row(source: str, name: str, one: Evaluation) -> dict[str, str]:
    return {
        "networks": source,
        "predicted by": name,
        "n": str(one.n),
        "within 5 %": f"{one.within_5:.0%}",
        "within 10 %": f"{one.within_10:.0%}",
        "rank correlation": "-" if one.spearman is None else f"{one.spearman:.3f}",
        "mean error": f"{one.mape:.1%}",
        "bias": f"{one.bias:+.1%}",
    }
