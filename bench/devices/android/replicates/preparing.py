"""Preparation of a replicate: the runner, model files and a job on the phone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bench.devices.android.adb.content import push_missing
from bench.devices.android.facts.cooling import CoolDown, ThrottlingDetector
from bench.devices.android.facts.cores import mask_of, parse_list
from bench.devices.android.phone.model_files import CACHE_BYTES, free_bytes
from bench.devices.android.phone.phone import ASK_S, BUNDLE, RUNNER_PID, Phone
from bench.devices.android.phone.settings_changes import (
    SettingChange,
    before_script,
    clock_changes,
    fixed_mode_change,
    parse_before,
    screen_changes,
)
from bench.devices.android.phone.settings_guard import WORK
from bench.devices.android.runner.runner_protocol import Job
from bench.devices.remote.connection import Connection, DeviceFullError
from bench.errors import DeviceError
from bench.protocol.backend import Backend
from bench.protocol.device import ReplicatePlan, Workload
from bench.protocol.target import Target

JOB = "job"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedReplicate:
    """A replicate's files are on the phone: the command to start, and the bytes sent.

    `models` are the workloads' files in the job.
    """

    argv: tuple[str, ...]
    models: tuple[str, ...]
    sent_bytes: int


def prepare(  # noqa: PLR0913, PLR0917
    phone: Phone,
    connection: Connection,
    work: Sequence[Workload],
    backend: Backend,
    target: Target,
    plan: ReplicatePlan,
) -> PreparedReplicate:
    """Copy missing files to the phone; a full one is cleared of other replicates' models once.

    Raises `DeviceError` with the needed and the free size if that does not help.
    """
    return with_room(
        phone,
        connection,
        work,
        backend,
        target,
        lambda: _prepare(phone, connection, work, backend, target, plan),
    )


def with_room(  # noqa: PLR0913, PLR0917
    phone: Phone,
    connection: Connection,
    work: Sequence[Workload],
    backend: Backend,
    target: Target,
    put: Callable[[], T],
) -> T:
    """Run `put`, which copies a replicate's files; again if a full phone had to be cleared."""
    phone.shelf.clear(connection, work, target, CACHE_BYTES)
    try:
        return put()
    except DeviceFullError:
        phone.notify("the phone is full: models of other replicates are removed from it")
        phone.shelf.clear(connection, work, target, 0)
    try:
        return put()
    except DeviceFullError as error:
        needed = phone.shelf.missing_bytes(work, backend, target)
        free = free_bytes(connection)
        raise DeviceError(
            f"the phone is full: this replicate still needs {needed} bytes in {WORK}, "
            f"{'an unknown number' if free is None else free} are free; make room on the phone"
        ) from error


def heat_checks(
    phone: Phone,
    cores: str,
    start_c: float | None,
    clock_s: Callable[[], float],
    sleep: Callable[[float], None],
) -> tuple[ThrottlingDetector, CoolDown]:
    """Return the detector of throttling on `cores`, and the waits for a phone to cool down.

    `start_c` is the temperature at the start of the first replicate.
    """
    options = phone.options
    cool_down = CoolDown(
        start_c,
        wait_s=options.cool_wait_s,
        total_s=options.cool_total_s,
        notify=phone.notify,
        clock_s=clock_s,
        sleep=sleep,
    )
    return ThrottlingDetector(parse_list(cores), start_c), cool_down


def changes_for(phone: Phone, connection: Connection, target: Target) -> list[SettingChange]:
    """Return the changes of settings for measuring this target."""
    khz = phone.options.frequency_khz
    cores = parse_list(target.cores) or tuple(
        core.number for core in phone.facts().cores if core.online
    )
    script = before_script(cores if khz else ())
    completed = connection.run(["sh", "-c", script], timeout_s=ASK_S)
    before = parse_before(completed.out.decode(errors="replace"))
    changes = screen_changes(before)
    if khz:
        return [*changes, *clock_changes(before, cores, khz)]
    return [*changes, fixed_mode_change()] if phone.has_fixed_mode() else changes


def _prepare(  # noqa: PLR0913, PLR0917
    phone: Phone,
    connection: Connection,
    work: Sequence[Workload],
    backend: Backend,
    target: Target,
    plan: ReplicatePlan,
) -> PreparedReplicate:
    sent_bytes = phone.with_bundle(connection)
    placed = phone.shelf.place(connection, work, backend, target)
    job = Job(
        threads=target.threads,
        cores=mask_of(target.cores),
        fp16=target.precision == "fp16",
        samples=plan.samples,
        seed=plan.seed,
        models=placed.models,
        values=placed.values,
    )
    sent_bytes += placed.sent_bytes + push_missing(connection, WORK, {JOB: job.text().encode()})
    return PreparedReplicate(
        argv=run_argv(phone, [f"../{JOB}"]), models=placed.models, sent_bytes=sent_bytes
    )


def run_argv(phone: Phone, arguments: Sequence[str]) -> tuple[str, ...]:
    """Return the command that starts the runner in its folder and stores its process id."""
    steps = f'cd {BUNDLE} && echo $$ > {RUNNER_PID} && exec "$@"'
    return ("sh", "-c", steps, "ofabench", *phone.bundle().start, *arguments)
