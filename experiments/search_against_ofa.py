"""Our search compared with the package `ofa`'s EvolutionFinder: same predictor, same table.

    python -m experiments.search_against_ofa [--data shared/data] [--limits 20,25,30,40] [--seeds 5]

Both search ofa-mbv3-w1.2 at 224 px with OFA's published accuracy predictor and their Samsung Note10
table. For each limit and seed: best predicted accuracy, networks evaluated, seconds; the seconds
after which ours was at least as good as theirs in the end; and how good ours is in their time.
Theirs runs in a process of its own, which is given up after --give-up seconds: it draws its first
networks at random until enough are within the limit. Nothing else may run meanwhile.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from bench.protocol.target import Target
from latency_models.fitting import fit_predictor
from latency_models.formats.figures import read_figures
from latency_models.formats.ofa import from_ofa
from latency_models.predictors.predictor import LatencyPredictor
from supernet.accuracy.ofa_published import OfaPublished
from supernet.constraints.constraints import latency
from supernet.search.callbacks import SearchProgress
from supernet.search.engine import Budget, SearchPlan, SearchResult, search
from supernet.space.space import SearchSpace
from tests.peer_ofa.install import NoPeerError, ensure_peer

SPACE, RESOLUTION = "ofa-mbv3-w1.2", 224
TABLE, WEIGHTS = f"note10/{RESOLUTION}_lookup_table.yaml", "ofa_mbv3_acc_predictor.pth"


@dataclass(slots=True)
class Trace:
    """A watcher that records when accuracies were reached."""

    reached: list[tuple[float, float]]

    def show(self, progress: SearchProgress) -> None:
        if progress.accuracy is not None:
            self.reached.append((progress.seconds, progress.accuracy))

    def close(self) -> None:
        pass

    def seconds_to(self, accuracy: float) -> float:
        """Return the seconds until at least this accuracy; infinite if never."""
        return min((s for s, a in self.reached if a >= accuracy - 1e-9), default=float("inf"))


@dataclass(frozen=True, slots=True)
class Ours:
    """Our predictors, read from files."""

    space: SearchSpace
    latency: LatencyPredictor
    accuracy: OfaPublished

    def search(self, limit_ms: float, seed: int, plan: SearchPlan) -> tuple[SearchResult, float]:
        """Search, from the predictors on: making arrays of the table counts; also in seconds."""
        started = time.perf_counter()
        limit = latency(self.space, self.latency, limit_ms)
        result = search(self.space, self.accuracy.predict, [limit], seed=seed, plan=plan)
        return result, time.perf_counter() - started


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("shared/data"), metavar="FOLDER")
    parser.add_argument("--limits", default="20,25,30,40", metavar="MS,...")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--give-up", type=float, default=180.0, metavar="S", help="of their runs")
    args = parser.parse_args()
    try:
        peer = ensure_peer()
    except NoPeerError as error:
        print(f"skipped: {error}", file=sys.stderr)
        return 0
    table = from_ofa([args.data / TABLE], Target(device="note10", backend="tflite",
                                                 backend_version="unknown"))  # fmt: skip
    ours = Ours(
        SearchSpace.load(SPACE).with_resolutions([RESOLUTION]),
        fit_predictor(table),
        OfaPublished.load(args.data / WEIGHTS),
    )
    request = {
        "peer": str(peer),
        "weights": str(args.data / WEIGHTS),
        "table": {
            key: figure.mean_ms
            for key, figure in read_figures((args.data / TABLE).read_bytes()).items()
        },
        "resolution": RESOLUTION,
        "threads": 1,
    }
    print(f"{datetime.now(UTC):%Y-%m-%d}, one thread each\n")
    with threadpool_limits(1):
        for limit_ms in map(float, args.limits.split(",")):
            theirs = run_peer({**request, "limits_ms": [limit_ms], "seeds": [*range(args.seeds)]},
                              args.give_up * (args.seeds + 1))  # fmt: skip
            compare(ours, limit_ms, range(args.seeds), theirs)
    return 0


def run_peer(request: dict[str, Any], give_up_s: float) -> dict[int, dict[str, Any]]:
    """Return their runs by seed, without those that did not end in time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "request.json"
        path.write_text(json.dumps(request))
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.peer_ofa.evolve", str(path)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            output, _ = process.communicate(timeout=give_up_s)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
    return {line["seed"]: line for line in map(json.loads, output.splitlines())}


def compare(ours: Ours, limit_ms: float, seeds: range, theirs: dict[int, dict[str, Any]]) -> None:
    ours.search(limit_ms, 0, SearchPlan(budget=Budget(evaluations=500)))  # warms up, as theirs does
    ratios, gains = [], []
    for seed in seeds:
        trace = Trace([])
        result, took_s = ours.search(
            limit_ms, seed, SearchPlan(watcher=trace, clock=time.perf_counter)
        )
        line = f"{limit_ms:g} ms, seed {seed}: ours {result.accuracy:.4%} in {took_s:.2f} s, "
        line += f"{result.evaluated:,} networks"
        peer = theirs.get(seed)
        if peer is None:
            print(f"{line}; theirs had no first population in the time given", flush=True)
            continue
        extra_s = took_s - trace.reached[-1][0]  # arrays of the table, and the end
        equal_s = trace.seconds_to(peer["accuracy"]) + max(extra_s, 0.0)
        at_equal_time = SearchPlan(
            budget=Budget(evaluations=10**9, patience=10**9, seconds=peer["seconds"])
        )
        longer, _ = ours.search(limit_ms, seed, at_equal_time)
        ratios.append(peer["seconds"] / equal_s)
        gains.append(longer.accuracy - peer["accuracy"])
        print(
            f"{line}; theirs {peer['accuracy']:.4%} in {peer['seconds']:.2f} s, "
            f"{peer['evaluated']:,}; ours as good after {equal_s:.3f} s ({ratios[-1]:.0f} times "
            f"faster); in their time {longer.accuracy:.4%} ({gains[-1]:+.3%}), "
            f"{longer.evaluated:,} networks",
            flush=True,
        )
    if ratios:
        print(
            f"{limit_ms:g} ms: {np.median(ratios):.0f} times faster at equal accuracy in the "
            f"median ({min(ratios):.0f} to {max(ratios):.0f}); at equal time "
            f"{np.mean(gains):+.3%} ({min(gains):+.3%} to {max(gains):+.3%})\n"
        )


if __name__ == "__main__":
    sys.exit(main())
