"""Measures ONNX and TFLite files of any origin, several in the same rounds."""

import json
import logging
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import FileError, InputError
from bench.models.files_backend import ModelFilesBackend
from bench.models.model_file import ModelFile
from bench.protocol.device import Device
from bench.protocol.progress import NoProgress, Progress
from bench.protocol.target import Target
from bench.timing.energy import Energy
from ofabench.options.measure import MeasureOptions, MeasureRequest
from ofabench.workflows.devices import DeviceLike, device_in, measuring_alone, waits
from ofabench.workflows.measure.jobs import BackendJob, backend_jobs
from ofabench.workflows.measure.measurements import Measurements
from ofabench.workflows.measure.model_files import named_paths
from ofabench.workflows.measure.model_measurement import ModelMeasurement

if TYPE_CHECKING:
    from bench.sweep.store import SweepStore
    from bench.timing.measurement import Measurement

__all__ = ["Measurements", "measure"]
logger = logging.getLogger(__name__)
DEFAULTS = MeasureOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where and how files are measured."""

    device: Device
    options: MeasureOptions
    progress: Progress
    resume: bool
    resume_with: str


def measure(  # noqa: PLR0913 - the files, where they run, how, and where samples go
    files: Any,
    device: DeviceLike = "cpu",
    backends: Sequence[str] | str | None = None,
    *,
    options: MeasureOptions = DEFAULTS,
    keep: Path | str | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    resume_with: str = "the same call with resume=True",
) -> Measurements:
    """Measure the latency of ONNX or TFLite files of any origin.

    All files of one backend are measured in the same rounds, in random order, beside reference
    workloads. A file that cannot be measured is named in `failures`; the others are measured.

    Args:
        files: the path of one model file, or several.
        device: an address like `"cpu"` or `"adb:SERIAL"`, `DeviceOptions`, or an open device.
        backends: names of runtimes; each file runs on those that read its suffix. None takes the
            one of each suffix.
        options: shapes and values of inputs, threads, replicates, rounds.
        keep: a SQLite file that keeps every sample; with several backends one for each, the
            backend's name before the suffix.
        resume: continue what `keep` holds.
        progress: shown how far it is; None shows nothing.
        resume_with: what the message of an interruption says to continue with.

    Returns:
        Median, interval, percentiles, loading time, memory and energy of each file.

    Raises:
        InputError: an argument is not what it must be.
        FileError: `keep` exists (and `resume` is not set), or cannot be written.
        DeviceError: the device cannot be reached, is busy, or is measured by another process.
        MissingRuntimeError: the package of a backend is not installed.
        InterruptedSweepError: Ctrl-C; what is done is kept in `keep`.

    Example:
        >>> from ofabench.workflows.measure.measure import measure
        >>> measure(["absent.onnx"], "fake").failures
        {'absent.onnx': 'cannot read absent.onnx: No such file or directory'}
    """
    if not isinstance(options, MeasureOptions):
        raise InputError(f"options are {options!r:.80}, expected MeasureOptions")
    names = [backends] if isinstance(backends, str) else backends
    paths = named_paths(files)
    shown = progress or NoProgress()
    if keep is not None and not resume and Path(keep).exists():
        raise FileError(f"{keep} exists; continue it by --resume, or name another --keep")
    with device_in(device) as opened, measuring_alone(opened, wait=waits(device), progress=shown):
        if not options.force:
            opened.check_quiet()
        failures: dict[str, str] = {}
        jobs = backend_jobs(paths, names, opened, options, failures, shown)
        place = _Place(
            device=opened, options=options, progress=shown, resume=resume, resume_with=resume_with
        )
        models: list[ModelMeasurement] = []
        taken_at, facts = "", dict(opened.facts())
        for job in jobs:
            path = _keep_path(keep, job.backend.name if len(jobs) > 1 else "")
            measured, started = _measured(job, place, path, failures)
            models += measured
            taken_at = taken_at or started
    order = list(paths)
    models.sort(key=lambda model: order.index(model.file))
    return Measurements(models=tuple(models), failures=failures, started_at=taken_at, facts=facts)


def measure_request(
    request: MeasureRequest, progress: Progress | None = None, *, resume_with: str
) -> Measurements:
    """Measure what is described in words alone, as on the command line."""
    return measure(
        request.files,
        request.device,
        request.backend,
        options=request.measure,
        keep=request.keep,
        resume=request.resume,
        progress=progress,
        resume_with=resume_with,
    )


def _keep_path(keep: Path | str | None, backend: str) -> Path | None:
    """Return where a backend's samples go: `keep`, with the backend's name where it has several."""
    if keep is None:
        return None
    path = Path(keep)
    return path.with_name(f"{path.stem}-{backend}{path.suffix}") if backend else path


def _measured(
    job: BackendJob, place: _Place, keep: Path | None, failures: dict[str, str]
) -> tuple[list[ModelMeasurement], str]:
    """Measure the files of one backend; return their rows, and when measuring began."""
    with tempfile.TemporaryDirectory(prefix="ofabench-") as folder:
        path = keep or Path(folder) / "measure.sqlite"
        with _store(path, job.target, place) as store:
            _sweep(store, job, place)
            reasons = {work.file: why for work, why in store.unrunnable().items()}
            for workload, models in job.work.items():
                if workload.file in reasons:
                    reason = f"the device cannot run it: {reasons[workload.file]}"
                    failures |= {model.name: reason for model in models}
            measured = {measurement.workload: measurement for measurement in store.measurements()}
            labels = {work.file: work.label for work in measured}
            energies = store.energies()
            rows = [
                _row(
                    measured[workload],
                    model,
                    labels[workload.file],
                    energies.get(workload, Energy()),
                )
                for workload, models in job.work.items()
                if workload in measured
                for model in models
            ]
            return rows, store.sessions()[0].started_at


def _store(path: Path, target: Target, place: _Place) -> "SweepStore":
    from bench.sweep.store import SweepStore
    from bench.timing.plan import SweepPlan

    options = place.options
    plan = SweepPlan(
        replicates=options.replicates,
        rounds=options.rounds,
        samples=options.burst,
        seed=options.seed,
        requested=(("measured", "model files"),),
    )
    if place.resume and path.exists():
        return SweepStore.resume(path, target, plan)
    if path.exists():
        raise FileError(f"{path} exists; continue it by --resume, or name another --keep")
    return SweepStore.create(path, target, plan)


def _sweep(store: "SweepStore", job: BackendJob, place: _Place) -> None:
    from bench.sweep.energy import measure_energies
    from bench.sweep.planner import ListPlanner
    from ofabench.workflows.sweep.sweep_setup import sweep_into

    files = {workload.file: models[0] for workload, models in job.work.items()}
    files |= {workload.file: file for workload, file in job.operators.items()}
    backend = ModelFilesBackend(job.backend, files)
    sweep_into(
        store,
        place.device,
        backend,
        ListPlanner([*job.work, *job.operators]),
        place.progress,
        forced=place.options.force,
        resume_with=place.resume_with,
    )
    if place.options.energy:
        source = measure_energies(
            store, place.device, backend, place.progress, resume_with=place.resume_with
        )
        if not source.name:
            logger.warning("energy is not measured: %s", source.reason)


def _row(measured: "Measurement", model: ModelFile, label: str, energy: Energy) -> ModelMeasurement:
    cost = json.loads(label)
    (low_ms, high_ms), (corrected_low_ms, corrected_high_ms) = (
        measured.raw_interval_ms,
        measured.interval_ms,
    )
    return ModelMeasurement(
        file=model.name,
        backend=measured.target.backend,
        target=measured.target.key,
        measured_ms=measured.raw_ms,
        low_ms=low_ms,
        high_ms=high_ms,
        corrected_ms=measured.median_ms,
        corrected_low_ms=corrected_low_ms,
        corrected_high_ms=corrected_high_ms,
        p90_ms=measured.p90_ms,
        p99_ms=measured.p99_ms,
        cold_ms=measured.cold_ms,
        samples=measured.tail.samples,
        narrow_interval=measured.narrow_interval,
        load_ms=cost.get("load_ms"),
        first_ms=cost.get("first_ms"),
        peak_memory_bytes=cost.get("peak_memory_bytes"),
        energy_mj=_or_none(energy.energy_mj),
        energy_low_mj=_or_none(energy.low_mj),
        energy_high_mj=_or_none(energy.high_mj),
        energy_with_idle_mj=_or_none(energy.with_idle_mj),
        energy_source=energy.source,
        size_bytes=model.size_bytes,
        digest=model.digest,
    )


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
