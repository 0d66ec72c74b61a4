"""One network for three devices at once: what does a search under three latency limits cost?

    python -m experiments.search_fleet [--accuracy FILE] [--seeds 5]

Searches ofa-mbv3-w1.0, all resolutions, by the three tables that ship with the package (a Xeon by
onnxruntime, an H100 at batch 1 and at 64), under a limit on the first alone, and on all three, each
at a share of what lies between its fastest and slowest network. Seconds, networks evaluated, and
the best accuracy; that under three limits is at most that under one.
"""

import argparse
import sys
import time
from importlib import resources
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from latency_models.fitting import fit_predictor
from latency_models.tables.table import LatencyTable
from supernet.accuracy.ofa_published import OfaPublished
from supernet.constraints.constraints import Constraint, latency
from supernet.search.engine import SearchPlan, search
from supernet.search.evolution import Evolution
from supernet.space.space import SearchSpace

SPACE = "ofa-mbv3-w1.0"
TABLES = (
    f"{SPACE}_intel_xeon_processor_onnx_fp32_t1_b1.parquet",
    f"{SPACE}_nvidia_h100_80gb_hbm3_torch_fp32_t1_b1.parquet",
    f"{SPACE}_nvidia_h100_80gb_hbm3_torch_fp32_t1_b64.parquet",
)
SHARES = (0.2, 0.35, 0.5)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--accuracy", type=Path, default=Path("shared/data/ofa_mbv3_acc_predictor.pth")
    )
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    space, accuracy = SearchSpace.load(SPACE), OfaPublished.load(args.accuracy)
    ends = space.encode([space.smallest(), space.largest()])
    print("| limits, ms | strategy | accuracy: median, least, most | networks | seconds |")
    print("| --- | --- | --- | --- | --- |")
    with threadpool_limits(1), resources.as_file(resources.files("ofabench.tables")) as folder:
        predictors = [fit_predictor(LatencyTable.load(folder / name)) for name in TABLES]
        for share in SHARES:
            limits: list[Constraint] = []
            for predictor in predictors:
                low, high = latency(space, predictor, 1.0).costs(ends).tolist()
                limits.append(latency(space, predictor, low + share * (high - low)))
            for chosen in (limits[:1], limits):
                for name, strategy in (
                    ("default", Evolution()),
                    ("no climbs", Evolution(climbs=0)),
                ):
                    results, seconds = [], []
                    for seed in range(args.seeds):
                        began = time.perf_counter()
                        plan = SearchPlan(strategy=strategy)
                        results.append(
                            search(space, accuracy.predict, chosen, seed=seed, plan=plan)
                        )
                        seconds.append(time.perf_counter() - began)
                    result = [outcome.accuracy for outcome in results]
                    print(
                        f"| {', '.join(f'{limit.limit:.3g}' for limit in chosen)} | {name} | "
                        f"{np.median(result):.3%}, {min(result):.3%}, {max(result):.3%} | "
                        f"{np.median([outcome.evaluated for outcome in results]):.0f} | "
                        f"{np.median(seconds):.2f} |",
                        flush=True,
                    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
