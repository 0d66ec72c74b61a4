"""A drift log: the anchor networks of a sweep, measured again in later measurement sessions."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.drift.log import DriftLog
from bench.errors import DeviceError, InputError, InterruptedSweepError
from bench.protocol.clock import Clock, SystemClock, iso
from bench.protocol.device import Device
from bench.protocol.progress import NoProgress, Progress
from bench.protocol.target_check import check_same_target
from bench.sweep.drift_session import (
    drift_log_to_extend,
    last_ended_s,
    measure_session,
)
from bench.sweep.store import SweepStore
from bench.sweep.waiting import wait_s, wait_until
from ofabench.options.drift import DriftOptions, DriftPart, DriftRequest
from ofabench.workflows.devices import DeviceLike, device_in, measuring_alone, waits
from ofabench.workflows.sweep.drift_report import DriftReport
from ofabench.workflows.sweep.sweep_result import Sweep

__all__ = ["DriftReport", "drift", "drift_part", "drift_request"]
logger = logging.getLogger(__name__)
DEFAULTS = DriftOptions()
SYSTEM: Clock = SystemClock()


def drift(
    sweep: Sweep | Path | str,
    device: DeviceLike = "cpu",
    *,
    options: DriftOptions = DEFAULTS,
    progress: Progress | None = None,
) -> DriftReport:
    """Measure the anchor networks of a sweep again, in one measurement session or several.

    The anchors are up to five networks of the sweep, from its fastest to its slowest. A session
    takes under 30 s and is stored in the sweep's file at its end. All sessions run in this process;
    the command `ofabench drift` starts a new process for each.

    Args:
        sweep: a finished sweep that measured networks, or its file.
        device: the sweep's own: an address like `"cpu"`, an open device, or `DeviceOptions`.
        options: how often, and for how long.
        progress: is shown measuring and waiting; None shows nothing.

    Returns:
        The log of all sessions, including those of earlier calls.

    Raises:
        InputError: the sweep has no networks or is not finished, the last session ended less than
            five minutes ago (with `every_s` it waits instead), or the clock is behind it.
        TargetMismatchError: device or runtime are not the sweep's, or cannot run an anchor.
        DeviceError: the device cannot be reached, or is busy.
        InterruptedSweepError: Ctrl-C; finished sessions are kept.

    Example:
        >>> import tempfile
        >>> from ofabench.options.sweep import SweepOptions
        >>> from ofabench.workflows.sweep.sweep import sweep as sweep_space
        >>> few = SweepOptions(blocks=0, networks=2, replicates=2, rounds=2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     done = sweep_space("tiny", "fake", "fake", out=f"{folder}/s.sqlite", options=few)
        ...     drift(done, "fake")
        Traceback (most recent call last):
        ...
        bench.errors.InputError: the last session ended 0 s ago, a new one begins at least 300 s \
after it: measure in 300 s, or give --every 5m, which waits
    """
    path = _path(sweep)
    if not isinstance(options, DriftOptions):
        raise InputError(f"options are {options!r:.80}, expected DriftOptions")
    display = progress or NoProgress()
    with device_in(device) as opened:
        _check(path, opened)

        def session() -> None:
            _measure(path, opened, display, force=options.force, wait=waits(device), clock=SYSTEM)

        return keep_log(path, options, session, display, resume_with="the same call")


def drift_request(
    request: DriftRequest,
    progress: Progress | None = None,
    *,
    resume_with: str = "the same command",
) -> DriftReport:
    """Extend the drift log of a request, each session in a new process.

    Each process has its own memory layout, which affects latencies, and so will a user's.
    """
    from ofabench.launcher import launch

    display = progress or NoProgress()
    session_options = DriftPart(
        sweep=request.sweep, device=request.device, force=request.drift.force
    )
    with device_in(request.device) as device:
        _check(request.sweep, device)

    def session() -> None:
        launch(drift_part, session_options, progress=display, say=logger.warning)

    return keep_log(request.sweep, request.drift, session, display, resume_with=resume_with)


def drift_part(part: DriftPart, progress: Progress) -> dict[str, Any]:
    """Measure one session in a worker process."""
    with device_in(part.device) as device:
        _measure(
            part.sweep, device, progress, force=part.force, wait=part.device.wait, clock=SYSTEM
        )
    return {}


def keep_log(  # noqa: PLR0913 - what is logged, how often, and what tests replace
    path: Path,
    options: DriftOptions,
    session: Callable[[], None],
    progress: Progress,
    *,
    resume_with: str,
    clock: Clock = SYSTEM,
    say: Callable[[str], None] = logger.warning,
) -> DriftReport:
    """Call `session`, which adds a session to the file, as often as the options say.

    `say` is given a line for each session that is skipped because the device was lost or busy.
    """
    measured, skipped = 0, list[str]()
    first_s = clock.now()
    end_s = None if options.for_s is None else first_s + options.for_s
    due_s = _first_due_s(path, clock, wait=options.every_s is not None)
    last_error: DeviceError | None = None
    try:
        while end_s is None or due_s <= end_s or not measured + len(skipped):
            wait_until(due_s, clock, progress, _wait_note(end_s))
            started_s = clock.now()
            try:
                session()
                measured += 1
            except DeviceError as error:
                if options.every_s is None:
                    raise
                last_error = error
                skipped.append(f"{iso(started_s)[:16].replace('T', ' ')}: {error}")
                say(f"a session is skipped: {error}")
            if options.every_s is None:
                break
            due_s = max(started_s + options.every_s, _first_due_s(path, clock, wait=True))
    except (KeyboardInterrupt, InterruptedSweepError) as error:
        raise InterruptedSweepError(_stopped(path, measured, end_s, clock, resume_with)) from error
    finally:
        progress.close()
    if last_error is not None and not measured:
        raise last_error
    return _report(path, measured, tuple(skipped))


def _measure(  # noqa: PLR0913 - a session's file, device, and how it is taken
    path: Path, device: Device, progress: Progress, *, force: bool, wait: bool, clock: Clock
) -> None:
    """Measure a session and write it to the file, while holding the device's lock."""
    from bench.backends.registry import backend_of

    with SweepStore.open(path) as store:
        target, plan = store.target, store.plan
        backend = backend_of(target)
        _check_target(store, device)
    with measuring_alone(device, wait=wait, progress=progress):
        if not force:
            device.check_quiet()
        with SweepStore.resume(path, target, plan) as store:
            log = drift_log_to_extend(store)
            session = measure_session(
                device, backend, store, log, progress, forced=force, clock=clock
            )
            store.add_drift_session(session)


def _check(path: Path, device: Device) -> None:
    """Raise if a session is not possible, before any waiting."""
    with SweepStore.open(path) as store:
        _check_target(store, device)
        drift_log_to_extend(store)


def _check_target(store: SweepStore, device: Device) -> None:
    """Raise `TargetMismatchError` if the device is not the sweep's target."""
    from bench.backends.registry import backend_of

    check_same_target(
        device,
        backend_of(store.target),
        store.target,
        whose="the sweep's",
        remedy=f"a drift log has one target; give the --device of {store.path}, or make a new "
        "sweep of this one",
    )


def _first_due_s(path: Path, clock: Clock, *, wait: bool) -> float:
    """When the next session may begin; `InputError` if it is later and must not wait."""
    with SweepStore.open(path) as store:
        last_s = last_ended_s(store)
    now_s = clock.now()
    left_s = wait_s(last_s, now_s)
    if left_s > 0 and not wait:
        raise InputError(
            f"the last session ended {max(now_s - last_s, 0):.0f} s ago, a new one begins at least "
            f"300 s after it: measure in {left_s:.0f} s, or give --every 5m, which waits"
        )
    return now_s + left_s


def _wait_note(end_s: float | None) -> Callable[[float], str]:
    def note(now_s: float) -> str:
        if end_s is None:
            return "until the next session; Ctrl-C ends the log"
        return f"until the next session; the log ends in {max(end_s - now_s, 0) / 60:.0f} min"

    return note


def _stopped(path: Path, measured: int, end_s: float | None, clock: Clock, resume_with: str) -> str:
    left = "" if end_s is None else f" (--for had {max(end_s - clock.now(), 0) / 60:.0f}m left)"
    return (
        f"stopped after {measured} sessions, stored in {path}; continue with: {resume_with}{left}"
    )


def _report(path: Path, measured: int, skipped: tuple[str, ...]) -> DriftReport:
    with SweepStore.open(path) as store:
        log: DriftLog = drift_log_to_extend(store)
        return DriftReport(
            path=path, target=store.target, log=log, measured=measured, skipped=skipped
        )


def _path(sweep: Sweep | Path | str) -> Path:
    if isinstance(sweep, Sweep):
        return sweep.path
    if isinstance(sweep, str | Path):
        return Path(sweep)
    raise InputError(f"the sweep is {sweep!r:.80}, expected a Sweep or the path of its file")
