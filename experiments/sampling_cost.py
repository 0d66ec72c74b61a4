"""Time to draw sub-networks compared with training steps, as markdown.

    python -m experiments.sampling_cost [--table FILE] [--step-ms MS]

Microseconds per step, for an epoch drawn at once, compared with a training step in ms
(`ofabench train` prints yours). Latency is that of a predictor fitted on a table of
ofa-mbv3-w1.0; the blocks of `tiny` are predicted by its regression. Without a table
MACs are limited.
"""

import argparse
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from latency_models.fitting import fit_predictor
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.tables.table import LatencyTable
from latency_models.vectorized.vectorized_predictor import compile_latency
from supernet.constraints.constraints import Constraint, Costs, macs
from supernet.sampling.draws import Draws, UniformDraws
from supernet.sampling.estimate import LossEstimate
from supernet.sampling.focus import FocusedDraws
from supernet.sampling.limited import LimitedDraws
from supernet.sampling.sandwich import SandwichDraws
from supernet.space.space import SearchSpace

TABLE = Path("data/tables/ofa-mbv3-w1.0_intel_xeon_processor_onnx_fp32_t1_b1.parquet")
STEPS, SUBNETS = 626, 4
STEP_MS = 50.0  # about that of `tiny` on a CPU; steps of larger networks take longer
SHARES = (0.5, 0.05, 0.001, 0.00001)  # of uniform draws that are within the limit
AT_RANDOM = 1_000_000
REPEATS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One way of drawing: its setup time, and the time of an epoch's plan."""

    what: str
    how: str
    setup_ms: float
    step_us: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--step-ms", type=float, default=STEP_MS, metavar="MS")
    args = parser.parse_args()
    predictor = None
    if args.table.exists():
        predictor = fit_predictor(LatencyTable.load(args.table))
    else:
        print(f"{args.table} is absent: limits on MACs instead of latency\n")
    print(f"{platform.machine()}, {datetime.now(UTC):%Y-%m-%d}; {STEPS} steps of {SUBNETS}\n")
    print(f"| space | draws | how | set up, ms | a step, us | of a step of {args.step_ms:g} ms |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in ("tiny", "ofa-mbv3-w1.0"):
        space = SearchSpace.load(name)
        for row in rows(space, costs_of(space, predictor)):
            share = row.step_us / (1000 * args.step_ms)
            print(
                f"| {name} | {row.what} | {row.how} | {row.setup_ms:.1f} | {row.step_us:.1f} | "
                f"{share:.2%} |",
                flush=True,
            )
    return 0


def costs_of(space: SearchSpace, predictor: LatencyPredictor | None) -> Costs:
    if predictor is None:
        return macs(space.choices)
    return compile_latency(predictor, space.choices).predict


def rows(space: SearchSpace, costs: Costs) -> Iterator[Row]:
    uniform = UniformDraws(space.layout)
    yield row("uniform", uniform)
    at_random = costs(space.sample_codes(np.random.default_rng(0), AT_RANDOM))
    limited: Draws = uniform
    for share in SHARES:
        most = float(np.quantile(at_random, share))
        limit = Constraint(name="cost", costs=costs, limit=most, unit="")
        start = time.perf_counter()
        drawn = LimitedDraws.of(space.layout, [limit])
        setup_ms = 1000 * (time.perf_counter() - start)
        yield row(f"limited to {100 * share:g} %", drawn, drawn.method, setup_ms)
        limited = drawn if share == 0.05 else limited
    yield row("focused", focused(space, uniform, costs), "of uniform")
    yield row("focused", focused(space, limited, costs), "of limited to 5 %")
    yield row("sandwich", SandwichDraws.of(uniform, space.layout), "of uniform")
    codes = uniform.plan(np.random.default_rng(0), STEPS, SUBNETS)
    estimate = LossEstimate.empty(space.layout)
    least_s = min(seconds(lambda: estimate.learnt(codes, np.ones((STEPS, SUBNETS)))))
    yield Row(what="learning losses", how="ridge", setup_ms=0, step_us=1e6 * least_s / STEPS)


def focused(space: SearchSpace, draws: Draws, costs: Costs) -> FocusedDraws:
    rng = np.random.default_rng(0)
    codes = UniformDraws(space.layout).plan(rng, STEPS, SUBNETS)
    estimate = LossEstimate.empty(space.layout).learnt(codes, rng.random((STEPS, SUBNETS)))
    return FocusedDraws(draws=draws, estimate=estimate, costs=costs)


def row(what: str, draws: Draws, how: str = "", setup_ms: float = 0.0) -> Row:
    rng = np.random.default_rng(0)
    least_s = min(seconds(lambda: draws.plan(rng, STEPS, SUBNETS)))
    return Row(what=what, how=how, setup_ms=setup_ms, step_us=1e6 * least_s / STEPS)


def seconds(call: Callable[[], object]) -> Iterator[float]:
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        yield time.perf_counter() - start


if __name__ == "__main__":
    raise SystemExit(main())
