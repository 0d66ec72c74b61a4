"""Measures an exported network, and compares it with its prediction and its limit.

The file itself is measured, by the protocol of a sweep, beside the predictor's anchor networks,
single blocks and the two reference workloads. The predictor's file holds what the anchors took in
its sweep (`supernet.verification.drift`). The blocks are company alone.
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
    """Whether a predictor of `target` says anything of a file of `precision`.

    A target of fp16 is a phone that computes float32 files in half precision: those are what was
    swept there, and what was predicted.
    """
    return precision == target.precision or (precision, target.precision) == ("fp32", "fp16")


class FileBackend:
    """A backend that loads a given file wherever the network that it holds is asked for.

    The file may be of any precision. All else (references, blocks beside it) is float32 where the
    backend makes it, so that only the file's own figure is of the target's precision.
    """

    gives_file = True  # of whatever precision: a device need not have made it

    def __init__(self, inner: Backend, blocks: Sequence[BlockSpec], content: bytes) -> None:
        self.name = inner.name
        self.file_suffix = inner.file_suffix
        self._inner = inner
        self._blocks = tuple(blocks)
        self._content = content

    def version(self) -> str:
        return self._inner.version()

    def options(self) -> tuple[tuple[str, str], ...]:
        return self._inner.options()

    def serialise(self, model: Model, batch: int = 1) -> bytes:
        """Give the file itself where its network is asked for: a device may take files alone."""
        if model.blocks == self._blocks:
            return self._content
        return self._inner.serialise(model, batch)

    def load(self, model: Model, target: Target, *, seed: int = 0) -> LoadedModel:
        if model.blocks == self._blocks:
            return self.load_file(self._content, target, seed=seed)
        return self._inner.load(model, replace(target, precision="fp32"), seed=seed)

    def load_file(self, content: bytes, target: Target, *, seed: int = 0) -> LoadedModel:
        return self._inner.load_file(content, target, seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What measures: a device and a backend that are what `target` names, and by which plan.

    `company` are blocks that are measured in the same passes, besides the network's own: a network
    among few models finds more of itself in the caches than it did in a sweep among many.
    `anchors` are whole networks, measured in the same rounds to follow drift.
    """

    device: Device
    backend: Backend
    target: Target
    plan: SweepPlan = field(default_factory=SweepPlan)
    progress: Progress = field(default_factory=NoProgress)
    company: tuple[BlockSpec, ...] = ()
    anchors: tuple[Anchor, ...] = ()
    forced: bool = False  # measure though the device is busy


def check_target(bench: Bench) -> None:
    """Raise `TargetMismatchError` unless device and backend are what the target names."""
    check_same_target(
        bench.device,
        bench.backend,
        bench.target,
        whose="the predictor's",
        remedy="verify on the predictor's own target, or sweep and fit here",
    )


def measure_file(
    content: bytes, blocks: Sequence[BlockSpec], bench: Bench, keep: Path | None = None
) -> list[Measurement]:
    """Measure a model file, the anchors, single blocks, and the references in the same passes.

    Every sample goes to `keep`, a new sweep file, where it is given. `DeviceError` where the
    device is busy, `TargetMismatchError` where it is not the target's.
    """
    check_target(bench)
    with measuring(bench.device):
        if not bench.forced:
            bench.device.check_quiet()
        return _measured(content, blocks, bench, keep)


def _measured(
    content: bytes, blocks: Sequence[BlockSpec], bench: Bench, keep: Path | None
) -> list[Measurement]:
    network = Workload(role="network", blocks=tuple(blocks))
    beside = dict.fromkeys([*blocks, *bench.company])
    company = [Workload(role="block", blocks=(block,)) for block in beside]
    anchors = [anchor.workload for anchor in bench.anchors]
    planner = ListPlanner([network, *anchors, *company])
    wrapped = FileBackend(bench.backend, blocks, content)
    with tempfile.TemporaryDirectory(prefix="ofabench-") as folder:
        path = keep or Path(folder) / "verify.sqlite"
        with SweepStore.create(path, bench.target, bench.plan) as store:
            _sweep(bench, wrapped, planner, store)
            return store.measurements()


def _sweep(bench: Bench, backend: Backend, planner: ListPlanner, store: SweepStore) -> None:
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
        # A verification takes seconds, and does not go on from what is measured.
        raise InterruptedSweepError("stopped before it was measured; verify again") from error
