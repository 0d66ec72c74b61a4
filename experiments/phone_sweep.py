"""Sweep blocks over ADB on the emulated phone and print how the time is spent.

    python -m experiments.phone_sweep [--blocks 60] [--replicates 2] [--rounds 3] [--json]

The phone is Android's own adbd in a separate root, programs for arm64 under qemu (tests/
phone_target). Printed: how many blocks were measured; the largest difference of any block's outputs
from this machine's, over its largest output; the shares of the sweep's wall time spent in rounds,
in loading models in the runner, and in everything else: connection, transfers, state, processes.
Latencies under qemu are not those of a phone, and are not printed.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from bench.backends.inputs import random_images
from bench.backends.registry import get_backend
from bench.blocks.model import random_model
from bench.blocks.spec import BlockSpec
from bench.devices.android.device import AdbDevice
from bench.devices.android.phone.options import PhoneOptions
from bench.errors import OfabenchError
from bench.protocol.backend import Backend
from bench.protocol.device import Workload
from bench.protocol.target import Target
from bench.sweep.planner import ListPlanner
from bench.sweep.run import run_sweep
from bench.sweep.store import SweepStore
from bench.timing.plan import SweepPlan
from ofabench.display.progress import TerminalProgress
from ofabench.workflows.sweep.sweep_setup import make_target
from supernet.space.space import SearchSpace
from tests.phone_target.build import NoTargetError, ensure_adbd
from tests.phone_target.phone import RealPhone


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=60)
    parser.add_argument("--replicates", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--resolution", type=int, default=128)
    parser.add_argument("--model", choices=("note8", "pixel2"), default="pixel2")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ofabench-") as place:
        try:
            phone = RealPhone(Path(place) / "phone", args.model, ensure_adbd())
            with closing(phone):
                phone.start()
                threading.Thread(target=phone.answer_dialog, args=(True,), daemon=True).start()
                figures = measure(phone.address, Path(place), args)
        except (OfabenchError, NoTargetError) as error:
            print(error, file=sys.stderr)
            return 2
    if args.json:
        print(json.dumps(figures))
        return 0
    for name, value in figures.items():
        print(f"{name:<34} {value:.6g}")
    return 0


def measure(address: str, folder: Path, args: argparse.Namespace) -> dict[str, float]:
    """Sweep, compare outputs, and return the figures."""
    unique = SearchSpace.load("ofa-mbv3-w1.0").unique_blocks((args.resolution,))
    chosen = np.random.default_rng(0).choice(len(unique), size=args.blocks, replace=False)
    blocks = [unique[i] for i in sorted(chosen.tolist())]
    backend, plan = get_backend("tflite"), SweepPlan(replicates=args.replicates, rounds=args.rounds)
    work = [Workload(role="block", blocks=(block,)) for block in blocks]
    options = PhoneOptions(keys=folder / "adbkey")
    with closing(AdbDevice(address, options)) as device:
        target = make_target(device, backend, cores="any")
        started_s = time.monotonic()
        with SweepStore.create(folder / "s.sqlite", target, plan) as store:
            progress = TerminalProgress()
            run_sweep(device, backend, target, ListPlanner(work), plan, store, progress)
        wall_s = time.monotonic() - started_s
        worst = max(difference(device, backend, target, block) for block in blocks)
    return {**shares(folder / "s.sqlite", wall_s), "largest_output_difference": worst}


def difference(device: AdbDevice, backend: Backend, target: Target, block: BlockSpec) -> float:
    """Return the largest difference of the phone's outputs, relative to the largest output here."""
    model = random_model((block,), seed=1)
    images = random_images((1, *model.input_shape), seed=2)
    content = backend.serialise(model)
    here = backend.load_file(content, target).infer(images)
    there = device.infer(content, images, backend, target)
    return float(np.abs(there - here).max() / np.abs(here).max())


def shares(path: Path, wall_s: float) -> dict[str, float]:
    """Return the shares of a sweep's wall time by activity."""
    with SweepStore.open(path) as store:
        replicates = store.replicates()
        result = [
            measurement
            for measurement in store.measurements()
            if measurement.workload.role == "block"
        ]
    rounds_s = (
        sum(
            number(measured_round.facts["pass_ns"])
            for replicate in replicates
            for measured_round in replicate.rounds
        )
        / 1e9
    )
    ready_s = sum(number(replicate.rounds[0].facts["load_ready_s"]) for replicate in replicates)
    sent = sum(number(replicate.rounds[0].facts["load_sent_bytes"]) for replicate in replicates)
    return {
        "blocks_measured": float(len(result)),
        "wall_s": wall_s,
        "sent_bytes": sent,
        "share_rounds": rounds_s / wall_s,
        "share_loading_models": ready_s / wall_s,
        "share_other": 1 - (rounds_s + ready_s) / wall_s,
    }


def number(fact: object) -> float:
    """Return a numeric fact as a float."""
    if not isinstance(fact, int | float):
        raise TypeError(f"{fact!r} is no number")
    return float(fact)


if __name__ == "__main__":
    sys.exit(main())
