"""Cost of loading a model, in a fresh process: time to load, first inference, memory."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from bench.backends.registry import get_backend
from bench.devices.cpu.local import pinned
from bench.devices.cpu.process_memory import MemoryPeak
from bench.errors import InputError
from bench.models.files_backend import ModelFileLoader
from bench.protocol.progress import Progress
from bench.protocol.target import Target
from ofabench.options.measure import ProbeRequest
from ofabench.workflows.measure.model_files import read_model

REPEATS, ENOUGH_S = 3, 0.5  # inferences after the first; and seconds after which no more are run


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadingCost:
    """What loading a model costs a process that has imported its runtime.

    Attributes:
        load_ms: until the model is ready for its first inference.
        first_ms: of the first inference.
        estimate_ms: shortest of a few later inferences, by which the measurement is planned.
        peak_memory_bytes: most resident memory beyond what the process had before; None where
            the system does not say.
    """

    load_ms: float
    first_ms: float
    estimate_ms: float
    peak_memory_bytes: int | None


def probe_model(request: ProbeRequest, progress: Progress) -> dict[str, Any]:
    """Load a model in this process, run it a few times, and return its `LoadingCost` as JSON.

    Raises:
        FileError: the runtime cannot load or run the file.
    """
    del progress
    backend = get_backend(request.backend)
    if not isinstance(backend, ModelFileLoader):
        raise InputError(f"backend {request.backend} does not load model files of any origin")
    target = Target(
        device="probe",
        backend=request.backend,
        backend_version=backend.version(),
        threads=request.threads,
    )
    model = read_model(request.file, request.file.name, request)
    with pinned(request.cores):
        memory = MemoryPeak()
        memory.reset()
        began_s = time.perf_counter()
        loaded = backend.load_model_file(model, target)
        load_ms = (time.perf_counter() - began_s) * 1e3
        first_ms = loaded.first_ns / 1e6
        estimate_ms = _shortest_ms(loaded.run)
    cost = LoadingCost(
        load_ms=load_ms - first_ms,
        first_ms=first_ms,
        estimate_ms=estimate_ms,
        peak_memory_bytes=memory.growth_bytes(),
    )
    return asdict(cost)


def _shortest_ms(run: Callable[[], object]) -> float:
    """Return the shortest of a few runs."""
    times_ms: list[float] = []
    while len(times_ms) < REPEATS and sum(times_ms) < ENOUGH_S * 1e3:
        began_s = time.perf_counter()
        run()
        times_ms.append((time.perf_counter() - began_s) * 1e3)
    return min(times_ms)
