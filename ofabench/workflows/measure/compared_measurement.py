"""`ComparedMeasurement`: measured model files as `compare` needs them, from what holds them."""

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import FileError, InputError
from bench.files import VALUE_DAMAGE
from bench.sweep.sqlite_file import HEADER
from ofabench.workflows.measure.jobs import ROLE
from ofabench.workflows.measure.measurements import Measurements
from ofabench.workflows.measure.model_measurement import ModelMeasurement

if TYPE_CHECKING:
    from bench.timing.measurement import Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedModel:
    """The latency of one model file, as measured and corrected, each with its interval."""

    file: str
    backend: str
    target: str
    digest: str
    measured_ms: float
    interval_ms: tuple[float, float]
    corrected_ms: float
    corrected_interval_ms: tuple[float, float]

    def __post_init__(self) -> None:
        """See that latencies are above 0; intervals may be NaN, of a single replicate."""
        intervals = (*self.interval_ms, *self.corrected_interval_ms)
        known = [value for value in intervals if not math.isnan(value)]
        if not all(0 < value < math.inf for value in (self.measured_ms, self.corrected_ms, *known)):
            raise FileError(f"the latencies of {self.file} are not above 0 ms: measure again")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedMeasurement:
    """Measured model files, and the name of what holds them."""

    name: str
    models: tuple[ComparedModel, ...]

    def pairs_with(
        self, second: "ComparedMeasurement"
    ) -> list[tuple[ComparedModel, ComparedModel]]:
        """Return the models of both, matched by file and backend, else by file where it is single.

        Two measurements of one file each match whatever its name. Raises `InputError` where
        nothing matches.
        """
        if len(self.models) == len(second.models) == 1:
            return [(self.models[0], second.models[0])]
        pairs = [
            (before, now)
            for now in second.models
            for before in self.models
            if before.file == now.file
            and (before.backend == now.backend or (self._single(now) and second._single(now)))
        ]
        if not pairs:
            raise InputError(
                f"{self.name} and {second.name} have no model file in common: "
                f"{_names(self)}; {_names(second)}"
            )
        return pairs

    def _single(self, model: ComparedModel) -> bool:
        return sum(each.file == model.file for each in self.models) == 1


def holds_measurement(source: Any) -> bool:
    """Return whether something is a measurement of model files, a JSON file, or a SQLite file.

    Of SQLite files, sweeps of a space are none.
    """
    if isinstance(source, Measurements):
        return True
    if not isinstance(source, str | os.PathLike):
        return False
    path = Path(source)
    kind = _kind(path)
    return kind == ".json" or (kind == ".sqlite" and not _is_of_space(path))


def _is_of_space(path: Path) -> bool:
    from bench.sweep.store import SweepStore

    try:
        with SweepStore.open(path) as store:
            return "space" in dict(store.plan.requested)
    except FileError:  # reading the file, next, raises the error
        return False


def read_compared(source: Measurements | str | os.PathLike[str]) -> ComparedMeasurement:
    """Read a result of `measure`, its JSON, or the SQLite file that keeps its samples.

    `FileError` for a file that cannot be read or holds no measured model file.
    """
    if isinstance(source, Measurements):
        return _of_measurements("the measurement", source)
    path = Path(source)
    if _kind(path) == ".sqlite":
        return _of_samples(path)
    return _of_measurements(str(path), Measurements.load(path))


def _kind(path: Path) -> str:
    """Return the suffix that fits a file's content; that of its name if it cannot be read."""
    try:
        with path.open("rb") as file:
            beginning = file.read(len(HEADER))
    except OSError:  # reading the file, next, raises the error
        return path.suffix
    if beginning == HEADER:
        return ".sqlite"
    return ".json" if beginning.lstrip()[:1] == b"{" else ""


def _of_measurements(name: str, measured: Measurements) -> ComparedMeasurement:
    if not measured.models:
        raise FileError(f"{name} has no measured model file: measure again")
    try:
        return ComparedMeasurement(name=name, models=tuple(map(_of_row, measured.models)))
    except VALUE_DAMAGE as error:
        raise FileError(f"{name} is damaged ({error}): measure again") from error


def _of_row(model: ModelMeasurement) -> ComparedModel:
    return ComparedModel(
        file=model.file,
        backend=model.backend,
        target=model.target,
        digest=model.digest,
        measured_ms=model.measured_ms,
        interval_ms=(model.low_ms, model.high_ms),
        corrected_ms=model.corrected_ms,
        corrected_interval_ms=(model.corrected_low_ms, model.corrected_high_ms),
    )


def _of_samples(path: Path) -> ComparedMeasurement:
    from bench.sweep.store import SweepStore

    with SweepStore.open(path) as store:
        measured = [each for each in store.measurements() if each.workload.role == ROLE]
    if not measured:
        raise FileError(
            f"{path} has no measured model file, expected what `ofabench measure --keep` wrote"
        )
    return ComparedMeasurement(name=str(path), models=tuple(map(_of_workload, measured)))


def _of_workload(measured: "Measurement") -> ComparedModel:
    try:
        file = str(json.loads(measured.workload.label)["file"])
    except VALUE_DAMAGE as error:
        raise FileError(
            f"the name of a measured file is damaged ({error}): measure again"
        ) from error
    return ComparedModel(
        file=file,
        backend=measured.target.backend,
        target=measured.target.key,
        digest=measured.workload.file,
        measured_ms=measured.raw_ms,
        interval_ms=measured.raw_interval_ms,
        corrected_ms=measured.median_ms,
        corrected_interval_ms=measured.interval_ms,
    )


def _names(measured: ComparedMeasurement) -> str:
    return ", ".join(f"{model.file} ({model.backend})" for model in measured.models)
