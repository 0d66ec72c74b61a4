"""How far from the optimum is a search's result? Where accuracy is a sum, the optimum is known.

    python -m experiments.search_gap [--data shared/data] [--limits 20] [--seeds 3]

OFA's published accuracy predictor is fitted by a sum over kernels, expansions and depths, and that
sum searched in ofa-mbv3-w1.2 at 224 px under limits spread over the Note10 table. The best is found
by scipy's milp (HiGHS), which shares nothing with the search. Gaps are shares of the range of
accuracies from the smallest limit's best to the largest's.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

from bench.errors import InfeasibleError
from bench.protocol.target import Target
from latency_models.fitting import fit_predictor
from latency_models.formats.ofa import from_ofa
from supernet.accuracy.ofa_published import OfaPublished
from supernet.constraints.constraints import Costs, latency
from supernet.search.baseline_strategies import RandomSearch
from supernet.search.engine import SearchPlan, search
from supernet.search.evolution import Evolution, RegularisedEvolution
from supernet.search.strategy import Strategy
from supernet.space.codes import Codes
from supernet.space.space import SearchSpace

SPACE, RESOLUTION = "ofa-mbv3-w1.2", 224
TABLE, WEIGHTS = f"note10/{RESOLUTION}_lookup_table.yaml", "ofa_mbv3_acc_predictor.pth"
FITTED_ON = 4000
_SCALE = 1e4  # HiGHS ends within an absolute gap of 1e-6, which is much of an accuracy
Floats = NDArray[np.float64]
STRATEGIES: tuple[tuple[str, Strategy], ...] = (
    ("evolution", Evolution()),
    ("evolution, no climbs", Evolution(climbs=0)),
    ("regularised", RegularisedEvolution()),
    ("random", RandomSearch()),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("shared/data"), metavar="FOLDER")
    parser.add_argument("--limits", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    space = SearchSpace.load(SPACE).with_resolutions([RESOLUTION])
    target = Target(device="note10", backend="tflite", backend_version="unknown")
    predictor = fit_predictor(from_ofa([args.data / TABLE], target))
    accuracy = additive(space, OfaPublished.load(args.data / WEIGHTS))
    ends = latency(space, predictor, 1.0).costs(space.encode([space.smallest(), space.largest()]))
    limits_ms = np.linspace(ends[0], ends[1], args.limits + 2)[1:-1]
    best, solved_s = [], 0.0
    for limit_ms in limits_ms.tolist():
        began = time.perf_counter()
        best.append(optimum(space, accuracy, latency(space, predictor, 1.0).costs, limit_ms))
        solved_s += time.perf_counter() - began
    span = max(best) - min(best)
    print(
        f"{len(best)} limits of {limits_ms[0]:.1f} to {limits_ms[-1]:.1f} ms, best "
        f"{min(best):.3%} to {max(best):.3%}; milp {solved_s / len(best):.2f} s each"
    )
    print(
        "| strategy | seeds | gap 0 | largest gap, of the range | networks to the best | seconds |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for name, strategy in STRATEGIES:
        gaps, networks, seconds, nothing = [], [], [], 0
        for seed in range(args.seeds):
            for limit_ms, value in zip(limits_ms.tolist(), best, strict=True):
                began = time.perf_counter()
                limit = latency(space, predictor, limit_ms)
                plan = SearchPlan(strategy=strategy)
                try:
                    result = search(space, accuracy, [limit], seed=seed, plan=plan)
                except InfeasibleError:
                    nothing += 1
                    continue
                seconds.append(time.perf_counter() - began)
                gaps.append((value - result.accuracy) / span)
                networks.append(result.history[-2].evaluated)
        exact = sum(abs(gap) < 1e-9 for gap in gaps)
        print(
            f"| {name} | {args.seeds} | {exact} of {len(gaps) + nothing} | {max(gaps):.3%}"
            f"{f', nothing found {nothing} times' if nothing else ''} | "
            f"{np.median(networks):.0f} | {np.median(seconds):.2f} |",
            flush=True,
        )
    return 0


def features(space: SearchSpace, codes: Codes) -> Floats:
    """One-hot (n, features) of depths, kernels and expansions; absent blocks are all 0."""
    parts = [
        codes[:, column] == value
        for column in range(1, len(space.columns))
        for value in space.layout.columns[column].values
    ]
    return np.stack(parts, axis=1).astype(np.float64)


def additive(space: SearchSpace, published: OfaPublished) -> Costs:
    """A linear model of the published predictor in the one-hot encoding."""
    codes = space.sample_codes(np.random.default_rng(0), FITTED_ON)
    design = np.column_stack([np.ones(len(codes)), features(space, codes)])
    weights, *_ = np.linalg.lstsq(design, published.predict(codes), rcond=None)
    return lambda archs: weights[0] + features(space, archs) @ weights[1:]


def optimum(space: SearchSpace, accuracy: Costs, costs: Costs, limit_ms: float) -> float:
    """Accuracy of the best network within the limit, by integer programming.

    Variables are a depth of each stage, and for each block a pair of kernel and expansion, of
    which there is one where the stage is deep enough and none elsewhere. Their shares follow from
    networks that differ in them alone.
    """
    layout = space.layout
    least = np.array([column.values[0] for column in layout.columns], dtype=np.int16)
    depths = layout.columns[1 : layout.kernel_start]
    deep = least.copy()
    deep[1 : layout.kernel_start] = [column.values[-1] for column in depths]
    rows: list[Codes] = []
    kinds: list[tuple[str, int, int]] = []  # what, of which stage or block, and the depth
    for stage, column in enumerate(depths):
        for depth in column.values:
            row = deep.copy()
            row[1 + stage] = depth
            rows.append(row)
            kinds.append(("depth", stage, depth))
    for block, (_, _) in enumerate(layout.slots):
        kernel, expand = layout.kernel_start + block, layout.expand_start + block
        for k in layout.columns[kernel].values:
            for e in layout.columns[expand].values:
                row = deep.copy()
                row[[kernel, expand]] = k, e
                rows.append(row)
                kinds.append(("block", block, 0))
    codes = layout.canonical(np.array([deep, *rows], dtype=np.int16))
    worth, cost = accuracy(codes), costs(codes)
    gain, extra = worth[1:] - worth[0], cost[1:] - cost[0]
    # Each stage has one depth; a block has one pair exactly where its stage is deep enough.
    equal, right = [], []
    for stage in range(len(depths)):
        equal.append([float(kind == "depth" and at == stage) for kind, at, _ in kinds])
        right.append(1.0)
    for block, (stage, index) in enumerate(layout.slots):
        equal.append([
            1.0 if kind == "block" and at == block
            else -1.0 if kind == "depth" and at == stage and what > index
            else 0.0
            for kind, at, what in kinds
        ])  # fmt: skip
        right.append(0.0)
    solved = milp(
        -gain * _SCALE,
        constraints=[
            LinearConstraint(np.array(equal), right, right),
            LinearConstraint(extra[None], -np.inf, limit_ms - cost[0]),
        ],
        integrality=np.ones(len(kinds)),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0.0},
    )
    return float(worth[0] - solved.fun / _SCALE)


if __name__ == "__main__":
    sys.exit(main())
