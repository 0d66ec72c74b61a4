"""Compare the on-phone runner, built for this machine, with the Python tflite backend.

    python experiments/runner_against_python.py [--blocks 20] [--replicates 6] [--rounds 20]

Both time the same blocks of `ofa-mbv3-w1.0` with the same library, in alternating replicates, by
the same plan: shuffled rounds, bursts of three samples, reference workloads included. Printed are
the ratios of the blocks' latencies, runner over Python, and, as the noise of the comparison, those
of each program's odd replicates over its even ones. Nothing else may run meanwhile.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.backends.registry import get_backend
from bench.blocks.model import random_model
from bench.devices.cpu.local import LocalDevice, choose_cores, parse_cores
from bench.devices.remote.runner.bundle import Bundle, ensure_bundle
from bench.devices.remote.runner.runner_protocol import PASS, Job, RoundEnded, parse_line
from bench.errors import OfabenchError
from bench.protocol.device import ReplicatePlan, Workload
from bench.protocol.target import Target
from bench.timing.measurement import warm_ns
from bench.timing.references import with_references
from supernet.space.space import SearchSpace

Floats = NDArray[np.float64]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--space", default="ofa-mbv3-w1.0")
    parser.add_argument("--resolution", type=int, default=160)
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--replicates", type=int, default=6, help="replicates of each of the two")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    try:
        figures = compare(args)
    except OfabenchError as error:
        print(error, file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps(figures))
        return 0
    for name, value in figures.items():
        print(f"{name:<34} {value:.4f}")
    return 0


def compare(args: argparse.Namespace) -> dict[str, float]:
    """Measure and return the figures; differences are fractions."""
    unique = SearchSpace.load(args.space).unique_blocks((args.resolution,))
    chosen = np.random.default_rng(args.seed).choice(len(unique), size=args.blocks, replace=False)
    blocks = [Workload(role="block", blocks=(unique[i],)) for i in sorted(chosen.tolist())]
    work = with_references(blocks)
    backend, bundle = get_backend("tflite"), ensure_bundle("x86_64")
    target = Target(
        device="here", backend="tflite", backend_version=backend.version(), cores=choose_cores(1)
    )
    python, runner = [], []
    with tempfile.TemporaryDirectory(prefix="ofabench-") as place:
        folder = Path(place)
        for number, workload in enumerate(work):
            model = random_model(workload.blocks, seed=0)
            (folder / f"m{number}.tflite").write_bytes(backend.serialise(model))
        for replicate in range(args.replicates):
            plan = ReplicatePlan(rounds=args.rounds, samples=3, seed=args.seed + replicate)
            results = LocalDevice().run_replicate(work, backend, target, plan)
            python.append(replicate_ns([result.samples_ns for result in results]))
            runner.append(
                replicate_ns(runner_replicate(bundle, folder, len(work), plan, target.cores))
            )
    ours, theirs = np.stack(runner)[:, : args.blocks], np.stack(python)[:, : args.blocks]
    ratio = np.median(ours, axis=0) / np.median(theirs, axis=0)
    level = float(np.exp(np.median(np.log(ratio))))
    return {
        "blocks": float(args.blocks),
        "runner_over_python_median": level,
        "difference_median": float(np.median(np.abs(ratio - 1))),
        "difference_worst": float(np.abs(ratio - 1).max()),
        "difference_worst_level_out": float(np.abs(ratio / level - 1).max()),
        "noise_worst_python": halves_apart(theirs),
        "noise_worst_runner": halves_apart(ours),
    }


def replicate_ns(rounds_ns: list[Floats]) -> Floats:
    """Return the warm latency of each workload in one replicate."""
    result: Floats = np.median(warm_ns(np.stack(rounds_ns)), axis=0)
    return result


def halves_apart(replicates_ns: Floats) -> float:
    """Return the largest difference between odd and even replicates."""
    odd, even = np.median(replicates_ns[1::2], axis=0), np.median(replicates_ns[::2], axis=0)
    return float(np.abs(odd / even - 1).max())


def runner_replicate(
    bundle: Bundle, folder: Path, count: int, plan: ReplicatePlan, cores: str
) -> list[Floats]:
    """Run one replicate on the runner and return the samples of its rounds."""
    mask = sum(1 << core for core in parse_cores(cores))
    names = tuple(f"m{number}.tflite" for number in range(count))
    job = Job(
        threads=1, cores=f"{mask:x}", fp16=False, samples=plan.samples, seed=plan.seed, models=names
    )
    (folder / "job").write_text(job.text())
    completed = subprocess.run(
        [*bundle.start, str(folder / "job")],
        cwd=bundle.folder,
        input=PASS * plan.rounds,
        capture_output=True,
        check=True,
    )
    events = map(parse_line, completed.stdout.splitlines(keepends=True))
    return [event.samples_ns for event in events if isinstance(event, RoundEnded)]


if __name__ == "__main__":
    sys.exit(main())
