"""`sweep`: measure blocks and networks of a space on a device, into one file."""

from pathlib import Path
from typing import TYPE_CHECKING

from bench.backends.registry import get_backend
from bench.errors import InputError
from bench.protocol.backend import Backend
from bench.protocol.device import Device
from bench.protocol.energy import LEAST_S
from bench.protocol.plugins import lacking
from bench.protocol.progress import NoProgress, Progress
from ofabench.options.sweep import SweepOptions, SweepRequest
from ofabench.workflows.devices import DeviceLike, device_in, measuring_alone, waits
from ofabench.workflows.sweep.sweep_result import Sweep, open_sweep
from supernet.space.space import SearchSpace

if TYPE_CHECKING:
    from bench.protocol.target import Target

__all__ = ["Sweep", "open_sweep", "sweep", "sweep_part", "sweep_request"]
DEFAULTS = SweepOptions()


def sweep(  # noqa: PLR0913 - one for each thing that a sweep is of
    space: SearchSpace | str | Path,
    device: DeviceLike,
    backend: Backend | str = "onnx",
    *,
    out: Path | str,
    options: SweepOptions = DEFAULTS,
    progress: Progress | None = None,
    resume_with: str = "the same call and SweepOptions(resume=True)",
) -> Sweep:
    """Measure a space's blocks, and whole networks of it, on a device.

    Args:
        space: a shipped space's name, a TOML file, or the space.
        device: an address as `cpu` or `adb:SERIAL`, `DeviceOptions` with one, or an open device.
        backend: its name (`onnx`, `torch`, `tflite`, a registered one), or the backend.
        out: the SQLite file to write; every round is stored as soon as it ends.
        options: which blocks and networks are measured, how often, and how.
        progress: is shown the progress; None shows nothing.
        resume_with: how to continue, for the message of an interruption.

    Returns:
        The finished sweep, whose `blocks()` and `networks()` are tables in milliseconds.

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
    with device_in(device) as opened:
        return _sweep_on(
            opened,
            _backend(backend),
            _space(space),
            _path(out),
            options,
            progress=progress or NoProgress(),
            wait=waits(device),
            resume_with=resume_with,
        )


def sweep_request(
    request: SweepRequest,
    progress: Progress | None = None,
    *,
    resume_with: str = "the same command and --resume",
) -> Sweep:
    """Run the sweep of a request, as the command line and fleet files make them."""
    if request.backend is None:
        raise InputError("give --backend: torch, onnx or tflite; on phones tflite")
    return sweep(
        request.space,
        request.device,
        request.backend,
        out=request.out,
        options=request.sweep,
        progress=progress,
        resume_with=resume_with,
    )


def sweep_part(request: SweepRequest, progress: Progress) -> Sweep:
    """Run a sweep in a worker process, as a task of a command that continues it."""
    return sweep_request(request, progress, resume_with="the same command")


def _sweep_on(  # noqa: PLR0913 - what `sweep` was given, checked
    device: Device,
    backend: Backend,
    space: SearchSpace,
    out: Path,
    options: SweepOptions,
    *,
    progress: Progress,
    wait: bool,
    resume_with: str,
) -> Sweep:
    from bench.sweep.energy import measure_energies
    from bench.sweep.summary import summarise
    from bench.sweep.timed_costs import timed_costs
    from ofabench.workflows.sweep.anchor_session import measure_anchors
    from ofabench.workflows.sweep.form_choice import backend_of_sweep
    from ofabench.workflows.sweep.sweep_plan import plan_of, planner_of, spread_of
    from ofabench.workflows.sweep.sweep_setup import check_out, open_store, sweep_into

    plain = target_of(device, backend, options)
    plan = plan_of(options, space)
    planner = planner_of(options, space, device.model_costs(), plan)
    if not options.resume:  # before forms are measured
        check_out(out, plain, plan, space=space, resume=False)
    backend = backend_of_sweep(
        device, backend, plain, space, out, options, wait=wait, progress=progress
    )
    target = target_of(device, backend, options)
    check_out(out, target, plan, space=space, resume=options.resume)
    with measuring_alone(device, wait=wait, progress=progress):
        if not options.force:
            device.check_quiet()
        if options.budget_s is not None and options.precision == "int8" and not options.resume:
            # int8 blocks take from a fifth to six times what the device's usual costs say.
            blocks = space.unique_blocks(options.resolutions)
            costs = timed_costs(device, backend, target, blocks)
            planner = planner_of(options, space, costs, plan)
        with open_store(out, target, plan, space=space, resume=options.resume) as store:
            summary = sweep_into(
                store,
                device,
                backend,
                planner,
                progress,
                forced=options.force,
                resume_with=resume_with,
                spread=spread_of(options),
            )
            if options.budget_s is not None:
                measure_anchors(store, device, backend, options.budget_s, progress, options.force)
            if options.energy:
                measure_energies(
                    store,
                    device,
                    backend,
                    progress,
                    least_s=options.energy_time_s or LEAST_S,
                    resume_with=resume_with,
                )
                summary = summarise(store)
    return Sweep(path=out, target=target, summary=summary)


def target_of(device: Device, backend: Backend, options: SweepOptions) -> "Target":
    """Return the target of a sweep with these options."""
    from ofabench.workflows.sweep.sweep_setup import make_target

    return make_target(
        device,
        backend,
        threads=options.threads,
        cores=options.cores,
        batch=options.batch,
        cache=options.cache,
        precision=options.precision,
    )


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
