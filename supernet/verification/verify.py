"""Measure an exported network, together with the workloads that track drift.

The file is measured by the protocol of a sweep, together with the predictor's anchor networks,
single blocks and the two reference workloads. The predictor's file holds the latencies of the
anchors in its sweep (`supernet.verification.drift`). The blocks only reproduce the load of a sweep.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.blocks.model import Model
from bench.blocks.spec import BlockSpec
from bench.devices.device_lock import measuring
from bench.drift.log import Anchor
from bench.errors import InterruptedSweepError
from bench.protocol.backend import Backend, LoadedModel
from bench.protocol.device import Device, Workload
from bench.protocol.progress import NoProgress, Progress
from bench.protocol.target import Target
from bench.protocol.target_check import check_same_target
from bench.sweep.planner import ListPlanner
from bench.sweep.run import run_sweep
from bench.sweep.store import SweepStore
from bench.timing.measurement import Measurement
from bench.timing.plan import SweepPlan


def comparable(precision: str, target: Target) -> bool:
    """Return whether a predictor of `target` applies to a file of `precision`.

    A target of fp16 is a phone that computes float32 files in half precision, so its predictions
    apply to float32 files.
    """
    return precision == target.precision or (precision, target.precision) == ("fp32", "fp16")


class FileBackend:
    """Backend that loads a given file wherever its network is requested.

    The file may have any precision. Other workloads (references, blocks, anchors) are made by the
    backend, as in a sweep of the target.
    """

    def __init__(self, inner: Backend, blocks: Sequence[BlockSpec], content: bytes) -> None:
        self.name = inner.name
        self.file_suffix = inner.file_suffix
        self.inner = inner
        self._blocks = tuple(blocks)
        self._content = content

    def substitutes(self, model: Model) -> bool:
        """Return whether the model is the network of the file."""
        return model.blocks == self._blocks

    def version(self) -> str:
        return self.inner.version()

    def options(self) -> tuple[tuple[str, str], ...]:
        return self.inner.options()

    def serialise(self, model: Model, batch: int = 1, precision: str = "fp32") -> bytes:
        """Return the file where its network is requested: some devices only accept files."""
        if self.substitutes(model):
            return self._content
        return self.inner.serialise(model, batch, precision)

    def load(self, model: Model, target: Target, *, seed: int = 0) -> LoadedModel:
        if self.substitutes(model):
            return self.load_file(self._content, target, seed=seed)
        return self.inner.load(model, replace(target, precision=target.file_precision), seed=seed)

    def load_file(self, content: bytes, target: Target, *, seed: int = 0) -> LoadedModel:
        return self.inner.load_file(content, target, seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuringSetup:
    """Device and backend of `target`, with the plan of measuring.

    `company` are further blocks measured in the same rounds: among few models, a network would find
    more of its data in the caches than in a sweep of many. `anchors` are whole networks measured in
    the same rounds to track drift.
    """

    device: Device
    backend: Backend
    target: Target
    plan: SweepPlan = field(default_factory=SweepPlan)
    progress: Progress = field(default_factory=NoProgress)
    company: tuple[BlockSpec, ...] = ()
    anchors: tuple[Anchor, ...] = ()
    forced: bool = False  # measure even if the device is busy


def check_target(bench: MeasuringSetup) -> None:
    """Raise `TargetMismatchError` unless device and backend match the target."""
    check_same_target(
        bench.device,
        bench.backend,
        bench.target,
        whose="the predictor's",
        remedy="verify on the predictor's own target, or sweep and fit here",
    )


def measure_file(
    content: bytes, blocks: Sequence[BlockSpec], bench: MeasuringSetup, keep: Path | None = None
) -> list[Measurement]:
    """Measure a model file, the anchors, single blocks, and the references in the same rounds.

    All samples are written to the new sweep file `keep`, where it is given. Raises `DeviceError`
    where the device is busy, `TargetMismatchError` where it is of another target.
    """
    check_target(bench)
    with measuring(bench.device):
        if not bench.forced:
            bench.device.check_quiet()
        return _measured(content, blocks, bench, keep)


def _measured(
    content: bytes, blocks: Sequence[BlockSpec], bench: MeasuringSetup, keep: Path | None
) -> list[Measurement]:
    network = Workload(role="network", blocks=tuple(blocks))
    block_specs = dict.fromkeys([*blocks, *bench.company])
    company = [Workload(role="block", blocks=(block,)) for block in block_specs]
    anchors = [anchor.workload for anchor in bench.anchors]
    planner = ListPlanner([network, *anchors, *company])
    wrapped = FileBackend(bench.backend, blocks, content)
    with tempfile.TemporaryDirectory(prefix="ofabench-") as folder:
        path = keep or Path(folder) / "verify.sqlite"
        with SweepStore.create(path, bench.target, bench.plan) as store:
            _sweep(bench, wrapped, planner, store)
            return store.measurements()


def _sweep(
    bench: MeasuringSetup, backend: Backend, planner: ListPlanner, store: SweepStore
) -> None:
    try:
        run_sweep(
            bench.device,
            backend,
            bench.target,
            planner,
            bench.plan,
            store,
            bench.progress,
            forced=bench.forced,
        )
    except InterruptedSweepError as error:
        # A verification takes seconds and cannot be resumed.
        raise InterruptedSweepError("stopped before it was measured; verify again") from error
