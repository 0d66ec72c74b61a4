"""Self-check of a device: are its outputs correct, and its latencies repeatable?

Users send its results for devices that the developers do not have.
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

OUTPUTS = 5  # blocks whose outputs are compared with this machine's
TOLERANCE = {"fp32": 1e-4, "fp16": 2e-2, "int8": 0.25}  # relative to the largest output
QUIET: Progress = NoProgress()


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfCheck:
    """Results of a check; shares and differences are fractions.

    `outputs` is, for each block, the largest difference of any output from torch's on this machine,
    relative to the block's largest output. `repeatability` compares two sweeps, see
    `bench.sweep.repeatability`. `timed_share` is the share of the wall time in timed samples.
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
        """Whether every output is correct; repeatability is reported, without a verdict."""
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
    """Return the largest difference of a block's outputs from torch's, over the largest output.

    Raises `DeviceError` if not even the shapes are equal.
    """
    from bench.backends.torch_backend import TorchBackend

    model = random_model((block,), seed=1)
    images = random_images((target.batch, *model.input_shape), seed=2)
    expected = TorchBackend().load(model, _here(target)).infer(images)
    content = backend.serialise(model, target.batch, target.file_precision)
    outputs = device.infer(content, images, backend, target)
    if outputs.shape != expected.shape:
        raise DeviceError(
            f"the device gave outputs of shape {outputs.shape} for {block.key}, expected "
            f"{expected.shape}; its runtime does not run this block, try another version"
        )
    largest = float(np.abs(expected).max())
    return float(np.abs(outputs - expected).max()) / largest


def latencies_ms(first: Path, second: Path) -> dict[str, tuple[float, float]]:
    """Return each block's latency in both sweeps."""
    by_sweep = []
    for path in (first, second):
        with SweepStore.open(path) as store:
            measured = store.measurements()
        by_sweep.append(
            {measurement.workload.key: measurement.median_ms for measurement in measured}
        )
    return {key: (by_sweep[0][key], by_sweep[1][key]) for key in by_sweep[0]}


def timed_share(path: Path) -> float:
    """Return the share of a sweep's wall time in timed samples."""
    with SweepStore.open(path) as store:
        timed_ns = sum(float(replicate.samples_ns.sum()) for replicate in store.replicates())
        wall_s = sum(session.wall_s for session in store.sessions())
    return timed_ns / 1e9 / wall_s


def _here(target: Target) -> Target:
    return Target(device="here", backend="torch", backend_version="", batch=target.batch)
