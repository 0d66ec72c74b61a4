"""Errors of predictors fitted on fewer blocks: the table of docs, from existing measurements.

    python -m experiments.cost_against_truth --from runs/networks [--targets onnx:1,...]

Takes the sweeps of `whole_networks`: of their blocks, only a share is given to the fit, those that
a random draw or the active choice of `sweep --budget` would measure, with the same 20 networks.
Judged on the networks that another process measured, drift-corrected by
networks that both measured.
"""

import argparse
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from bench.errors import OfabenchError
from experiments.network_steps import Amount, TargetSteps
from latency_models.evaluation.evaluate import Evaluation, evaluate
from latency_models.fitting import fit_predictor
from latency_models.regression.active_learning import block_prior, rough_ms
from latency_models.tables.networks import NetworksTable
from latency_models.tables.table import LatencyTable
from latency_models.vectorized.vectorized_predictor import compile_latency
from ofabench.workflows.latency.networks import held_out_networks
from supernet.space.space import SearchSpace

SHARES = (1.0, 0.5, 0.2, 0.1, 0.05)
DRAWS = 3
POOL = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Measurements of one target."""

    space: SearchSpace
    table: LatencyTable
    fitted: NetworksTable
    judged: NetworksTable


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--from", dest="folder", type=Path, required=True, metavar="DIR")
    parser.add_argument("--targets", default="onnx:1,tflite:1,torch:1", metavar="B:N,...")
    parser.add_argument("--space", default="ofa-mbv3-w1.0")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    print(f"{platform.machine()}, {datetime.now(UTC):%Y-%m-%d}\n")
    print(
        "| target | blocks measured | choice | within 5 % | within 10 % | Spearman | mean error |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    amount = Amount(space=args.space, device=args.device, judged=0)
    try:
        for word in args.targets.split(","):
            backend, _, threads = word.partition(":")
            target = TargetSteps(
                folder=args.folder, backend=backend, threads=int(threads or 1), amount=amount
            )
            for line in lines_of(target):
                print(line, flush=True)
    except OfabenchError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def lines_of(target: TargetSteps) -> Iterator[str]:
    measured = Measured(
        space=SearchSpace.load(target.amount.space),
        table=LatencyTable.load(target.at("fit.parquet")),
        fitted=NetworksTable.load(target.at("fit-n.parquet")),
        judged=NetworksTable.load(target.at("judge-n.parquet")),
    )
    order = active_order(measured)
    for share in SHARES:
        count = round(share * len(measured.table))
        result = [("active", [order[:count]])] if share < 1 else [("all", [order])]
        if share < 1:
            draws = [np.random.default_rng(seed).permutation(len(order)) for seed in range(DRAWS)]
            result.append((f"random, mean of {DRAWS}", [draw[:count].tolist() for draw in draws]))
        for name, choices in result:
            evaluations = [judged(measured, rows) for rows in choices]
            yield line(f"{target.name} | {count} ({share:.0%}) | {name}", evaluations)


def active_order(measured: Measured) -> list[int]:
    """Return blocks in the order in which they are most informative about random networks."""
    space, specs = measured.space, measured.table.specs
    sizes = sorted({spec.in_size for spec in specs if spec.kind == "stem"})
    archs = space.sample(np.random.default_rng(7), POOL, sizes)
    nets = [space.blocks(arch) for arch in archs]
    prior = block_prior(specs, nets, rough_ms(specs))
    return prior.choose(np.ones(len(specs)), float(len(specs)))


def judged(measured: Measured, rows: list[int]) -> Evaluation:
    """Fit on some blocks and all networks, and evaluate."""
    space, whole = measured.space, measured.table
    table = LatencyTable(
        target=whole.target,
        provenance=whole.provenance,
        rows=whole.rows.iloc[sorted(rows)].reset_index(drop=True),
    )
    fitted, others = measured.fitted, measured.judged
    predictor = fit_predictor(
        table,
        [space.blocks(arch) for arch in space.from_frame(fitted.frame)],
        fitted.latencies_ms(fitted.column_or_only(None)),
        blocks=space.unique_blocks(),
    )
    on = held_out_networks(others, others.column_or_only(None), space, predictor)
    predicted_ms = compile_latency(predictor, space.choices).predict(on.codes)
    corrected_ms = on.measured.drift_corrected_ms
    return evaluate(predicted_ms, on.measured.ms if corrected_ms is None else corrected_ms)


def line(what: str, evaluations: list[Evaluation]) -> str:
    def mean(name: str) -> float:
        return float(np.mean([getattr(evaluation, name) for evaluation in evaluations]))

    return (
        f"| {what} | {mean('within_5'):.1%} | {mean('within_10'):.1%} | "
        f"{mean('spearman'):.4f} | {mean('mape'):.1%} |"
    )


if __name__ == "__main__":
    sys.exit(main())
