"""Compare ways to time blocks on this machine: do they repeat, and do they add up to networks?

    python experiments/compare_protocols.py --backend onnx --space ofa-mbv3-w1.0 --networks 40

Two processes measure the same blocks and networks, one after the other, by every protocol; about
two minutes a backend. Nothing else may run meanwhile. Per protocol it prints

- `repeat_p95`: 95th percentile of a block's difference between the processes, drift-corrected;
- `sum_ratio`: median of the sum of blocks over the whole network;
- `within_5`, `within_10`, `miss`: a slope for each feature and a constant for each block are
  fitted on half of the networks in the first process, and judged on the other half in the second,
  drift-corrected; `miss` is the standard deviation of the relative error;
- `seconds`: what measuring the blocks took.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.backends.registry import get_backend
from bench.devices.cpu.local import LocalDevice, load_models, pinned
from bench.protocol.backend import Backend
from bench.protocol.device import ReplicatePlan, Workload
from bench.protocol.target import Target
from bench.timing.aggregation import MeasuredRound, Replicate, derive_measurements
from bench.timing.interleaving import collector_off
from bench.timing.plan import SweepPlan
from bench.timing.references import with_references
from ofabench.workflows.sweep.sweep_setup import make_target
from supernet.space.space import SearchSpace

Floats = NDArray[np.float64]
LOOP_S = 0.08  # of each block, when it is looped by itself
FLUSH_BYTES = 64_000_000  # written between visits; more than a core's own caches hold
BLOCK_PLAN = SweepPlan(replicates=6, rounds=30, samples=3)
NETWORK_PLAN = SweepPlan(replicates=4, rounds=10, samples=3)
FLUSH_PLAN = SweepPlan(replicates=3, rounds=4, samples=1)
FEATURES = {
    "looped one by one": ("looped",),
    "shuffled, cold": ("cold",),
    "shuffled, warm": ("warm",),
    "shuffled, cold and warm": ("cold", "warm"),
    "cache flushed": ("flushed",),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="onnx")
    parser.add_argument("--space", default="ofa-mbv3-w1.0")
    parser.add_argument("--networks", type=int, default=40)
    parser.add_argument("--resolutions", default="", help="like 160,224; default: two")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--force", action="store_true", help="although the machine is in use")
    parser.add_argument("--measure-into", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure_into:
        measure(args, args.measure_into)
        return
    if not args.force:
        LocalDevice().check_quiet()
    with tempfile.TemporaryDirectory() as folder:
        runs = [Path(folder) / name for name in ("first.json", "second.json")]
        for run in runs:
            command = [sys.executable, __file__, *sys.argv[1:], "--measure-into", str(run)]
            subprocess.run(command, check=True)
        first, second = (Run.read(run) for run in runs)
    figures = compare(first, second)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2))
    show(len(first.ms["warm"]), figures)


def work_of(args: argparse.Namespace) -> tuple[list[Workload], list[Workload]]:
    """Return the networks and all of their blocks."""
    space = SearchSpace.load(args.space)
    known = space.resolutions
    sizes = [known[len(known) // 3], known[-1]]
    if args.resolutions:
        sizes = [int(text) for text in args.resolutions.split(",")]
    archs = space.sample(np.random.default_rng(0), args.networks, sizes)
    networks = [Workload(role="network", blocks=space.blocks(arch)) for arch in archs]
    specs = dict.fromkeys(spec for network in networks for spec in network.blocks)
    return networks, [Workload(role="block", blocks=(spec,)) for spec in specs]


def measure(args: argparse.Namespace, out: Path) -> None:
    """Time everything by every protocol in this process."""
    networks, blocks = work_of(args)
    backend = get_backend(args.backend)
    target = make_target(LocalDevice(), backend)
    seconds: dict[str, float] = {}
    started = time.monotonic()
    shuffled = sweep(blocks, backend, target, BLOCK_PLAN)
    seconds["cold"] = seconds["warm"] = time.monotonic() - started
    started = time.monotonic()
    result = {
        "warm": shuffled.last.tolist(),
        "cold": shuffled.first.tolist(),
        "looped": looped(blocks, backend, target).tolist(),
    }
    seconds["looped"] = time.monotonic() - started
    started = time.monotonic()
    result["flushed"] = flushed(blocks, backend, target).tolist()
    seconds["flushed"] = time.monotonic() - started
    whole = sweep(networks, backend, target, NETWORK_PLAN)
    # Networks were not in the rounds of the blocks: the references correct the drift between them.
    level = common_ratio(shuffled.references, whole.references)
    result["network"] = (whole.last / level).tolist()
    place = {block.blocks[0]: i for i, block in enumerate(blocks)}
    members = [[place[spec] for spec in network.blocks] for network in networks]
    out.write_text(json.dumps({"ms": result, "seconds": seconds, "members": members}))


@dataclass(frozen=True, kw_only=True)
class Shuffled:
    """Medians in ms of a sweep's work, first and last call of the visits, and of its references."""

    first: Floats
    last: Floats
    references: Floats


def sweep(work: list[Workload], backend: Backend, target: Target, plan: SweepPlan) -> Shuffled:
    """Measure in shuffled rounds as `ofabench sweep` does."""
    places = with_references(work)
    number = {fromkey: i for i, fromkey in enumerate(dict.fromkeys(places))}
    replicates = []
    for replicate in range(plan.replicates):
        replicate_plan = ReplicatePlan(rounds=plan.rounds, samples=plan.samples, seed=replicate)
        rounds = tuple(
            MeasuredRound(
                samples_ns=result.samples_ns,
                order=result.order,
                repeated_bursts=result.repeated_bursts,
                facts=result.facts,
            )
            for result in LocalDevice().run_replicate(places, backend, target, replicate_plan)
        )
        ids = tuple(number[place] for place in places)
        replicates.append(Replicate(group=0, number=replicate, workloads=ids, rounds=rounds))
    known = {i: workload for workload, i in number.items()}
    result = derive_measurements(replicates, known, target, plan, {})
    last = np.array([measurement.warm_ms for measurement in result])
    first = np.array([measurement.cold_ms for measurement in result[: len(work)]])
    return Shuffled(first=first, last=last[: len(work)], references=last[len(work) :])


def looped(blocks: list[Workload], backend: Backend, target: Target) -> Floats:
    """Return median ms of each block in a loop, one block after the other."""
    result = []
    with pinned(target.cores):
        for block in blocks:
            (model,) = load_models([block], backend, target, seed=0)
            times_ns: list[int] = []
            with collector_off():
                until_ns = time.perf_counter_ns() + LOOP_S * 1e9
                while not times_ns or time.perf_counter_ns() < until_ns:
                    start_ns = time.perf_counter_ns()
                    model.run()
                    times_ns.append(time.perf_counter_ns() - start_ns)
            result.append(np.median(times_ns) / 1e6)
    return np.array(result)


def flushed(blocks: list[Workload], backend: Backend, target: Target) -> Floats:
    """Return median ms with one sample a burst, each after writing a large buffer."""
    buffer = np.zeros(FLUSH_BYTES // 8)
    medians = []
    with pinned(target.cores):
        for replicate in range(FLUSH_PLAN.replicates):
            models = load_models(blocks, backend, target, seed=replicate)
            rng = np.random.default_rng(replicate)
            times_ns = np.empty((FLUSH_PLAN.rounds, len(models)))
            for model in models:
                model.run()
            for in_pass in times_ns:
                with collector_off():
                    for place in rng.permutation(len(models)).tolist():
                        buffer += 1
                        start_ns = time.perf_counter_ns()
                        models[place].run()
                        in_pass[place] = time.perf_counter_ns() - start_ns
            logs = np.log(times_ns)
            level = np.median(logs - np.median(logs, axis=0), axis=1)
            medians.append(np.exp(np.median(logs - level[:, None], axis=0)) / 1e6)
    median_ms: Floats = np.median(medians, axis=0)
    return median_ms


@dataclass(frozen=True, kw_only=True)
class Run:
    """Figures of one process: ms of blocks by protocol, ms of networks, and blocks of networks."""

    ms: dict[str, Floats]
    seconds: dict[str, float]
    members: list[list[int]]  # places of each network's blocks

    @classmethod
    def read(cls, path: Path) -> "Run":
        data = json.loads(path.read_text())
        ms = {name: np.array(values) for name, values in data["ms"].items()}
        return cls(ms=ms, seconds=data["seconds"], members=data["members"])

    def design(self, names: tuple[str, ...]) -> Floats:
        """Networks x (a sum for each feature, and the number of blocks)."""
        sums = [[self.ms[name][places].sum() for name in names] for places in self.members]
        return np.column_stack([np.array(sums), [len(places) for places in self.members]])


def compare(first: Run, second: Run) -> list[dict[str, float | str]]:
    """Return the figures of each protocol."""
    half = len(first.members) // 2
    level = common_ratio(first.ms["warm"], second.ms["warm"])
    measured_ms = second.ms["network"][half:] / level
    figures: list[dict[str, float | str]] = []
    for title, names in FEATURES.items():
        design, fit_ms = first.design(names), first.ms["network"][:half]
        slopes = np.linalg.lstsq(design[:half] / fit_ms[:, None], np.ones(half), rcond=None)[0]
        error = design[half:] @ slopes / measured_ms - 1
        differences = [difference(first.ms[name], second.ms[name]) for name in names]
        figures.append(
            {
                "protocol": title,
                "repeat_p95": float(max(np.percentile(errors, 95) for errors in differences)),
                "sum_ratio": float(np.median(design[:, 0] / first.ms["network"])),
                "within_5": float((np.abs(error) <= 0.05).mean()),
                "within_10": float((np.abs(error) <= 0.10).mean()),
                "miss": float(error.std()),
                "seconds": max(first.seconds[name] for name in names),
            }
        )
    networks = difference(first.ms["network"], second.ms["network"])
    repeat = float(np.percentile(networks, 95))
    figures.append({"protocol": "whole networks", "repeat_p95": repeat, "level": level})
    return figures


def common_ratio(first: Floats, second: Floats) -> float:
    return float(np.exp(np.median(np.log(second / first))))


def difference(first: Floats, second: Floats) -> Floats:
    """Return the drift-corrected relative difference of each block."""
    result: Floats = np.abs(second / first / common_ratio(first, second) - 1)
    return result


def show(blocks: int, figures: list[dict[str, float | str]]) -> None:
    columns = ("repeat_p95", "sum_ratio", "within_5", "within_10", "miss", "seconds")
    print(f"{blocks} blocks")
    print(f"{'protocol':<26}" + "".join(f"{name:>12}" for name in columns))
    for row in figures:
        cells = (f"{row[name]:>12.3f}" if name in row else f"{'':>12}" for name in columns)
        print(f"{row['protocol']:<26}" + "".join(cells))
    print(f"the common level moved by {float(figures[-1]['level']) - 1:+.1%} between the processes")


if __name__ == "__main__":
    main()
