"""A check of a device: are its outputs right, and its latencies repeatable?

What a user sends back of a device that the developers do not have.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from bench.backends.inputs import random_images
from bench.blocks.model import random_model
from bench.blocks.spec import BlockSpec
from bench.devices.device_lock import measuring
from bench.errors import DeviceError
from bench.protocol.backend import Backend
from bench.protocol.device import Device, Facts, Workload
from bench.protocol.progress import NoProgress, Progress
from bench.protocol.target import Target
from bench.sweep.planner import ListPlanner
from bench.sweep.repeatability import compare_sweeps
from bench.sweep.run import run_sweep
from bench.sweep.store import SweepStore
from bench.timing.plan import SweepPlan

OUTPUTS = 5  # blocks whose outputs are held against this machine's
TOLERANCE = {"fp32": 1e-4, "fp16": 2e-2}  # of the largest output
QUIET: Progress = NoProgress()


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfCheck:
    """What was found; shares and differences are fractions.

    `outputs` is the largest difference of any output from torch's on this machine, over the
    block's largest output, for each block. `repeatability` holds two sweeps against each other,
    see `bench.sweep.repeatability`. `timed_share` is what of the wall time the timed calls took.
    """

    address: str
    target: Target
    taken_at: str
    facts_before: Facts
    facts_after: Facts
    outputs: dict[str, float]
    tolerance: float
    repeatability: dict[str, float]
    timed_share: float
    latencies_ms: dict[str, tuple[float, float]]

    @property
    def passed(self) -> bool:
        """Whether every output is what it must be; repeatability is told, not judged."""
        return all(difference <= self.tolerance for difference in self.outputs.values())

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "passed": self.passed}


def self_check(  # noqa: PLR0913, PLR0917
    device: Device,
    backend: Backend,
    target: Target,
    blocks: Sequence[BlockSpec],
    folder: Path,
    plan: SweepPlan,
    progress: Progress = QUIET,
) -> SelfCheck:
    """Check `device`: outputs of a few of the `blocks`, then two sweeps of all of them.

    The sweeps are left in `folder` as first.sqlite and second.sqlite.
    """
    with measuring(device):
        return _checked(device, backend, target, blocks, folder, plan, progress)


def _checked(  # noqa: PLR0913, PLR0917
    device: Device,
    backend: Backend,
    target: Target,
    blocks: Sequence[BlockSpec],
    folder: Path,
    plan: SweepPlan,
    progress: Progress,
) -> SelfCheck:
    before = device.facts()
    chosen = list(dict.fromkeys(blocks))
    outputs = {
        block.key: output_difference(device, backend, target, block) for block in chosen[:OUTPUTS]
    }
    work = [Workload(role="block", blocks=(block,)) for block in chosen]
    paths = (folder / "first.sqlite", folder / "second.sqlite")
    for path in paths:
        with SweepStore.create(path, target, plan) as store:
            run_sweep(
                device,
                backend,
                target,
                ListPlanner(work),
                plan,
                store,
                progress,
                forced=True,
                resume_with="ofabench selfcheck into another folder",
            )
    return SelfCheck(
        address=device.address,
        target=target,
        taken_at=datetime.now(UTC).isoformat(timespec="seconds"),
        facts_before=before,
        facts_after=device.facts(),
        outputs=outputs,
        tolerance=TOLERANCE[target.precision],
        repeatability=compare_sweeps(*paths),
        timed_share=float(np.mean([timed_share(path) for path in paths])),
        latencies_ms=latencies_ms(*paths),
    )


def output_difference(device: Device, backend: Backend, target: Target, block: BlockSpec) -> float:
    """How far the device's outputs of a block are from torch's here, over the largest output.

    `DeviceError` where they have not even the same shape.
    """
    from bench.backends.torch_backend import TorchBackend

    model = random_model((block,), seed=1)
    images = random_images((target.batch, *model.input_shape), seed=2)
    expected = TorchBackend().load(model, _here(target)).infer(images)
    found = device.infer(backend.serialise(model, target.batch), images, backend, target)
    if found.shape != expected.shape:
        raise DeviceError(
            f"the device gave outputs of shape {found.shape} for {block.key}, expected "
            f"{expected.shape}; its runtime does not run this block, try another version"
        )
    largest = float(np.abs(expected).max())
    return float(np.abs(found - expected).max()) / largest


def latencies_ms(first: Path, second: Path) -> dict[str, tuple[float, float]]:
    """Each block's latency in both sweeps."""
    found = []
    for path in (first, second):
        with SweepStore.open(path) as store:
            measured = store.measurements()
        found.append({one.workload.key: one.median_ms for one in measured})
    return {key: (found[0][key], found[1][key]) for key in found[0]}


def timed_share(path: Path) -> float:
    """What of a sweep's wall time its timed calls took."""
    with SweepStore.open(path) as store:
        timed_ns = sum(float(load.samples_ns.sum()) for load in store.loads())
        wall_s = sum(session.wall_s for session in store.sessions())
    return timed_ns / 1e9 / wall_s


def _here(target: Target) -> Target:
    return Target(device="here", backend="torch", backend_version="", batch=target.batch)
