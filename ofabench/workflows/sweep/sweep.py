"""`sweep`: measure blocks and networks of a space on a device, into a file for each backend."""

from pathlib import Path
from typing import Any, TypeAlias, overload

from bench.backends.registry import get_backend
from bench.errors import InputError
from bench.protocol.backend import Backend
from bench.protocol.plugins import lacking
from bench.protocol.progress import NoProgress, Progress
from ofabench.options.sweep import SweepOptions, SweepRequest
from ofabench.workflows.devices import DeviceLike, device_in, waits
from ofabench.workflows.sweep.backend_sweeps import BackendSweeps, sweep_backends
from ofabench.workflows.sweep.sweep_result import Sweep, open_sweep
from supernet.space.space import SearchSpace

__all__ = ["BackendSweeps", "Sweep", "open_sweep", "sweep", "sweep_part", "sweep_request"]
DEFAULTS = SweepOptions()
# Of names and backends; a list of either kind alone is no `list[Backend | str]`.
Backends: TypeAlias = list[Any] | tuple[Backend | str, ...]
RESUME_WITH = "the same call and SweepOptions(resume=True)"


@overload
def sweep(
    space: SearchSpace | str | Path,
    device: DeviceLike,
    backend: Backend | str = "onnx",
    *,
    out: Path | str,
    options: SweepOptions = DEFAULTS,
    progress: Progress | None = None,
    resume_with: str = RESUME_WITH,
) -> Sweep: ...


@overload
def sweep(
    space: SearchSpace | str | Path,
    device: DeviceLike,
    backend: Backends,
    *,
    out: Path | str,
    options: SweepOptions = DEFAULTS,
    progress: Progress | None = None,
    resume_with: str = RESUME_WITH,
) -> BackendSweeps: ...


def sweep(  # noqa: PLR0913 - one for each thing that a sweep is of
    space: SearchSpace | str | Path,
    device: DeviceLike,
    backend: Backend | str | Backends = "onnx",
    *,
    out: Path | str,
    options: SweepOptions = DEFAULTS,
    progress: Progress | None = None,
    resume_with: str = RESUME_WITH,
) -> Sweep | BackendSweeps:
    """Measure a space's blocks, and whole networks of it, on a device.

    Args:
        space: a shipped space's name, a TOML file, or the space.
        device: an address as `cpu` or `adb:SERIAL`, `DeviceOptions` with one, or an open device.
        backend: its name (`onnx`, `torch`, `tflite`, a registered one), or the backend; or a list
            of several, which measure the same and take turns.
        out: the SQLite file to write; every round is stored as soon as it ends. Several backends
            each have a file `STEM-BACKEND.sqlite`, and a table side by side in `STEM.parquet` and
            `STEM.csv`.
        options: which blocks and networks are measured, how often, and how.
        progress: is shown the progress; None shows nothing.
        resume_with: how to continue, for the message of an interruption.

    Returns:
        The finished sweep, whose `blocks()` and `networks()` are tables in milliseconds; of several
        backends `BackendSweeps`.

    Raises:
        InputError: an argument is invalid, or the arguments do not fit together.
        FileError: `out` exists (and `resume` is not set), or cannot be written.
        DeviceError: the device cannot be reached, is busy, or is measured by another process.
        MissingRuntimeError: the backend's package is not installed.
        InterruptedSweepError: Ctrl-C; finished rounds are kept, and `resume` continues.

    Example:
        >>> import tempfile
        >>> options = SweepOptions(blocks=3, networks=2, replicates=2, rounds=2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     done = sweep("tiny", "fake", "fake", out=f"{folder}/s.sqlite", options=options)
        ...     len(done.blocks()), len(done.networks().frame)
        (3, 2)
    """
    if not isinstance(options, SweepOptions):
        raise InputError(f"options are {options!r:.80}, expected SweepOptions")
    from ofabench.workflows.sweep.sweep_task import SweepSetup, measure_sweeps

    with device_in(device) as opened:
        given = backend if isinstance(backend, list | tuple) else [backend]
        backends = [_backend(each) for each in given]
        if not backends:
            raise InputError("no backend is given: name one or more, such as onnx")
        setup = SweepSetup(
            device=opened,
            space=_space(space),
            options=options,
            progress=progress or NoProgress(),
            wait=waits(device),
            resume_with=resume_with,
        )
        if given is backend:
            return sweep_backends(setup, backends, _path(out))
        (done,) = measure_sweeps(setup, backends, [_path(out)])
        return done


def sweep_request(
    request: SweepRequest,
    progress: Progress | None = None,
    *,
    resume_with: str = "the same command and --resume",
) -> Sweep | BackendSweeps:
    """Run the sweep of a request, as the command line and fleet files make them."""
    if not request.backend:
        raise InputError("give --backend: torch, onnx or tflite; on phones tflite")
    backend = request.backend[0] if len(request.backend) == 1 else request.backend
    return sweep(
        request.space,
        request.device,
        backend,
        out=request.out,
        options=request.sweep,
        progress=progress,
        resume_with=resume_with,
    )


def sweep_part(request: SweepRequest, progress: Progress) -> Sweep | BackendSweeps:
    """Run a sweep in a worker process, as a task of a command that continues it."""
    return sweep_request(request, progress, resume_with="the same command")


def _backend(backend: Backend | str) -> Backend:
    if isinstance(backend, str):
        return get_backend(backend)
    if lacking(backend, Backend):
        raise InputError(f"backend is {backend!r:.80}, expected a name like 'onnx', or a backend")
    return backend


def _space(space: SearchSpace | str | Path) -> SearchSpace:
    if isinstance(space, SearchSpace):
        return space
    if isinstance(space, str | Path):
        return SearchSpace.load(str(space))
    raise InputError(f"space is {space!r:.80}, expected a name, a TOML file or a SearchSpace")


def _path(out: Path | str) -> Path:
    if isinstance(out, str | Path):
        return Path(out)
    raise InputError(f"out is {out!r:.80}, expected the path of a file to write")
