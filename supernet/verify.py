"""Holds an exported network against what was predicted of it: its latency, and its accuracy.

The file itself is measured, by the protocol of a sweep and in the company of single blocks, with
the two references beside it. The predictor remembers what the references took when its blocks were
swept; what they take now tells how much the whole machine has moved since.
"""

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.backends.base import Backend, LoadedModel
from bench.devices.base import Device, Workload
from bench.errors import DeviceError, InputError, InterruptedSweepError, TargetMismatchError
from bench.measurement import Measurement
from bench.model import Model
from bench.planner import ListPlanner, SweepPlan
from bench.progress import NoProgress, Progress
from bench.spec import BlockSpec, Target
from bench.store import SweepStore
from bench.sweep import run_sweep


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A latency prediction against a measurement, both in ms.

    `measured_ms` is as measured, `low_ms` and `high_ms` its 95 % interval. `level` is how much
    slower the machine was than in the predictor's sweep, by the references; None where the
    predictor does not know them.
    """

    predicted_ms: float
    measured_ms: float
    low_ms: float
    high_ms: float
    level: float | None
    tolerance: float

    @property
    def levelled_ms(self) -> float:
        """The measurement on the scale of the predictor's sweep."""
        return self.measured_ms / (self.level or 1.0)

    @property
    def error(self) -> float:
        """Levelled measurement over prediction, less 1: above 0 is slower than promised."""
        return self.levelled_ms / self.predicted_ms - 1.0

    @property
    def kept(self) -> bool:
        """Whether prediction and levelled measurement agree within the tolerance."""
        return abs(self.error) <= self.tolerance

    def to_json(self) -> dict[str, Any]:
        derived = {"levelled_ms": self.levelled_ms, "error": self.error, "kept": self.kept}
        return {**asdict(self), **derived}


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a network took: the median, and its 95 % interval, in ms, as measured."""

    measured_ms: float
    low_ms: float
    high_ms: float


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
    """

    device: Device
    backend: Backend
    target: Target
    plan: SweepPlan = field(default_factory=SweepPlan)
    progress: Progress = field(default_factory=NoProgress)
    company: tuple[BlockSpec, ...] = ()
    forced: bool = False  # measure though the device is busy


def check_target(bench: Bench) -> None:
    """Raise `TargetMismatchError` unless device and backend are what the target names."""
    target, device, backend = bench.target, bench.device, bench.backend
    asked = dict(target.options)
    options = (*backend.options(), *device.options())
    differences = [
        f"{what} is {now}, the predictor's {then}"
        for what, now, then in (
            ("the device", device.slug(), target.device),
            ("the backend", backend.name, target.backend),
            ("its version", device.runtime_version(backend), target.backend_version),
            *((f"option {name}", now, asked.get(name)) for name, now in options),
        )
        if now != then
    ]
    if differences:
        raise TargetMismatchError(
            f"{'; '.join(differences)}: verify on the predictor's own target, or sweep and fit here"
        )


def measure_file(
    content: bytes, blocks: Sequence[BlockSpec], bench: Bench, keep: Path | None = None
) -> list[Measurement]:
    """Measure a model file, single blocks, and the references in the same passes.

    Every sample goes to `keep`, a new sweep file, where it is given. `DeviceError` where the
    device is busy, `TargetMismatchError` where it is not the target's.
    """
    check_target(bench)
    if not bench.forced:
        bench.device.check_quiet()
    network = Workload(role="network", blocks=tuple(blocks))
    beside = dict.fromkeys([*blocks, *bench.company])
    company = [Workload(role="block", blocks=(block,)) for block in beside]
    planner = ListPlanner([network, *company])
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


def hold(
    measurements: Sequence[Measurement],
    predicted_ms: float,
    references_then_ms: Mapping[str, float],
    tolerance: float,
) -> Promise:
    """Hold the one network among `measurements` against its prediction.

    `references_then_ms` are the references' times in the predictor's sweep, by label.
    """
    taken = taken_by(measurements)
    if not (math.isfinite(predicted_ms) and predicted_ms > 0):
        raise InputError(f"the predicted latency is {predicted_ms}, expected ms above 0")
    return Promise(
        predicted_ms=predicted_ms,
        measured_ms=taken.measured_ms,
        low_ms=taken.low_ms,
        high_ms=taken.high_ms,
        level=level_since(references_ms(measurements), references_then_ms),
        tolerance=tolerance,
    )


def taken_by(measurements: Sequence[Measurement]) -> Taken:
    """What the one network among `measurements` took; `DeviceError` where it is not one."""
    networks = [one for one in measurements if one.workload.role == "network"]
    if len(networks) != 1:
        raise DeviceError(f"the device measured {len(networks)} networks, expected 1; run it again")
    low_ms, high_ms = networks[0].interval_ms
    return Taken(measured_ms=networks[0].median_ms, low_ms=low_ms, high_ms=high_ms)


def references_ms(measurements: Sequence[Measurement]) -> dict[str, float]:
    """What each reference took, by its label."""
    return {
        one.workload.label: one.median_ms
        for one in measurements
        if one.workload.role == "reference"
    }


def level_since(now_ms: Mapping[str, float], then_ms: Mapping[str, float]) -> float | None:
    """How much slower the references are than then: the geometric mean; None if none is shared."""
    shared = sorted(set(now_ms) & set(then_ms))
    if not shared:
        return None
    return float(np.exp(np.mean([math.log(now_ms[name] / then_ms[name]) for name in shared])))
