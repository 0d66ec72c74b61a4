"""Parts of a measurement: for each backend its target and the model files that it runs."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench.errors import FileError, InputError, OfabenchError
from bench.models.files_backend import ModelFileDevice, ModelFileLoader, load_model_file
from bench.models.model_file import ModelFile
from bench.protocol.backend import Backend
from bench.protocol.device import Device, Workload
from bench.protocol.progress import Progress
from bench.protocol.target import Target
from ofabench.options.measure import MeasureOptions, ProbeRequest
from ofabench.workflows.measure.model_files import backends_of, check_input_names, read_model

logger = logging.getLogger(__name__)
ROLE = "model"
MEMORY_SHARE = 0.8  # of the free memory, above which a model is not loaded
UNPROBED_BYTES, UNPROBED_NS = 3, 50e6  # memory over file size, and time, where nothing is known


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendJob:
    """One backend's part of a measurement: its target, and its files by workload.

    Files of equal content and inputs are one workload. `operators` are measured beside them.
    """

    backend: Backend
    target: Target
    work: dict[Workload, list[ModelFile]]
    operators: dict[Workload, ModelFile]


def backend_jobs(  # noqa: PLR0913, PLR0917 - the files, where they run, how, and what is said of it
    paths: Mapping[str, Path],
    names: Sequence[str] | None,
    device: Device,
    options: MeasureOptions,
    failures: dict[str, str],
    progress: Progress,
) -> list[BackendJob]:
    """Return each backend's files, loaded once each where that can be done beforehand.

    What cannot be measured goes to `failures` by name. `InputError` for a shape or values of an
    input that no file has.
    """
    jobs: dict[str, BackendJob] = {}
    models: list[ModelFile] = []
    progress.start(len(paths), "loading models")
    for name, path in paths.items():
        try:
            model = read_model(path, name, options)
            for backend in backends_of(model, names):
                job = jobs.get(backend.name) or _job(backend, device, options)
                cost = _cost(model, job, device, options)
                if options.operators:
                    cost |= _cut(model, job, device)
                job.work.setdefault(_workload(model, cost), []).append(model)
                jobs[backend.name] = job
            models.append(model)
        except (FileError, InputError) as error:
            failures[name] = str(error)
        progress.advance(1, name)
    progress.close()
    if not failures:
        check_input_names(models, options)
    return list(jobs.values())


def _cut(model: ModelFile, job: BackendJob, device: Device) -> dict[str, Any]:
    """Add a model's operators to the job; return how often the model has each."""
    from bench.operators.registry import OPERATOR_FILES, OPERATOR_TOOLS
    from bench.operators.runnable import runnable
    from ofabench.workflows.measure.operators import composition, operator_workload

    tools = OPERATOR_TOOLS.get(job.backend.name)
    if device.address != "cpu" or tools is None:
        raise InputError(
            f"operators are those of {OPERATOR_FILES} files on this machine's processor; "
            f"{model.name} runs on {device.address} by {job.backend.name}: leave --operators out"
        )
    cut_model = runnable(
        tools.cut(model, job.target.threads),
        partial(load_model_file, job.backend, target=job.target),
        known={workload.file for workload in job.operators},
    )
    for operator, file in cut_model.operators:
        job.operators.setdefault(operator_workload(operator), file)
    return composition(cut_model)


def _job(backend: Backend, device: Device, options: MeasureOptions) -> BackendJob:
    from ofabench.workflows.sweep.sweep_setup import make_target

    target = make_target(
        device,
        backend,
        threads=options.threads,
        cores=options.cores,
        cache=options.cache,
        precision=options.precision,
    )
    return BackendJob(backend=backend, target=target, work={}, operators={})


def _workload(model: ModelFile, cost: Mapping[str, Any]) -> Workload:
    """Return the workload of a file; its label is the cost of loading it, as JSON."""
    return Workload(
        role=ROLE,
        file=model.digest,
        label=json.dumps({"file": model.name, **cost}),
        footprint_bytes=cost.get("peak_memory_bytes") or UNPROBED_BYTES * model.size_bytes,
        estimate_ns=cost.get("estimate_ms", UNPROBED_NS / 1e6) * 1e6,
    )


def _cost(
    model: ModelFile, job: BackendJob, device: Device, options: MeasureOptions
) -> dict[str, Any]:
    """Return the cost of loading a file as JSON; nothing where it is not this machine's.

    `InputError` or `FileError` where the device cannot run the file with its inputs.
    """
    if device.address == "cpu" and isinstance(job.backend, ModelFileLoader):
        return _probed(model, job, device, options)
    if isinstance(device, ModelFileDevice):
        device.check_model_file(model)
    return {}


def _probed(
    model: ModelFile, job: BackendJob, device: Device, options: MeasureOptions
) -> dict[str, Any]:
    """Load a file in a fresh process, so that one that ends its process ends no other's."""
    from ofabench.launcher import launch
    from ofabench.workflows.measure.probe import probe_model

    free_bytes = device.facts().get("memory_available_bytes")
    if isinstance(free_bytes, int) and model.size_bytes > MEMORY_SHARE * free_bytes:
        raise InputError(
            f"{model.name} has {model.size_bytes} bytes, {free_bytes} bytes of memory are free: "
            "measure it on a machine with more memory"
        )
    request = ProbeRequest(
        file=model.path,
        backend=job.backend.name,
        threads=job.target.threads,
        cores=job.target.cores,
        shape=options.shape,
        batch=options.batch,
        inputs=options.inputs,
    )
    try:
        cost: dict[str, Any] = launch(probe_model, request, say=logger.debug)
    except (FileError, InputError):
        raise
    except OfabenchError as error:
        raise InputError(f"{model.name} ends the process that loads it: {error}") from error
    return cost
