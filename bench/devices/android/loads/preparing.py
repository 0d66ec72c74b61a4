"""Preparation of a replicate: the runner, model files and a job on the phone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bench.devices.android.adb.content import push_missing
from bench.devices.android.adb.errors import DeviceFullError
from bench.devices.android.facts.cores import mask_of, parse_list
from bench.devices.android.phone.connection import Connection
from bench.devices.android.phone.models import CACHE_BYTES, free_bytes
from bench.devices.android.phone.phone import ASK_S, BUNDLE, RUNNER_PID, Phone
from bench.devices.android.phone.settings_changes import (
    Change,
    before_script,
    clock_changes,
    fixed_mode_change,
    parse_before,
    screen_changes,
)
from bench.devices.android.phone.settings_guard import WORK
from bench.devices.android.runner.runner_text import Job
from bench.errors import DeviceError
from bench.protocol.backend import Backend
from bench.protocol.device import LoadPlan, Workload
from bench.protocol.target import Target

JOB = "job"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """All is on the phone: what to start there, and what was sent for it."""

    argv: tuple[str, ...]
    sent_bytes: int


def prepare(  # noqa: PLR0913, PLR0917
    phone: Phone,
    connection: Connection,
    work: Sequence[Workload],
    backend: Backend,
    target: Target,
    plan: LoadPlan,
) -> Prepared:
    """Put on the phone what is not there; a full one is cleared of other loads' models once.

    `DeviceError` says what is needed and what is free where that does not help.
    """
    return with_room(
        phone,
        connection,
        work,
        backend,
        target.batch,
        lambda: _prepare(phone, connection, work, backend, target, plan),
    )


def with_room(  # noqa: PLR0913, PLR0917
    phone: Phone,
    connection: Connection,
    work: Sequence[Workload],
    backend: Backend,
    batch: int,
    put: Callable[[], T],
) -> T:
    """`put` a load's files on the phone, again where a full one had to be cleared for it."""
    phone.shelf.clear(connection, work, batch, CACHE_BYTES)
    try:
        return put()
    except DeviceFullError:
        phone.tell("the phone is full: models of other loads are removed from it")
        phone.shelf.clear(connection, work, batch, 0)
    try:
        return put()
    except DeviceFullError as error:
        needed = phone.shelf.missing_bytes(work, backend, batch)
        free = free_bytes(connection)
        raise DeviceError(
            f"the phone is full: this load still needs {needed} bytes in {WORK}, "
            f"{'an unknown number' if free is None else free} are free; make room on the phone"
        ) from error


def changes_for(phone: Phone, connection: Connection, target: Target) -> list[Change]:
    """What is to be changed on the phone while this target is measured."""
    khz = phone.options.frequency_khz
    cores = parse_list(target.cores) or tuple(c.number for c in phone.facts().cores if c.online)
    script = before_script(cores if khz else ())
    done = connection.run(["sh", "-c", script], timeout_s=ASK_S)
    before = parse_before(done.out.decode(errors="replace"))
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
    plan: LoadPlan,
) -> Prepared:
    sent = phone.with_bundle(connection)
    paths, more = phone.shelf.place(connection, work, backend, target.batch)
    job = Job(
        threads=target.threads,
        cores=mask_of(target.cores),
        fp16=target.precision == "fp16",
        calls=plan.calls,
        seed=plan.seed,
        models=tuple(paths),
    )
    sent += more + push_missing(connection, WORK, {JOB: job.text().encode()})
    return Prepared(argv=run_argv(phone, [f"../{JOB}"]), sent_bytes=sent)


def run_argv(phone: Phone, arguments: Sequence[str]) -> tuple[str, ...]:
    """Start the runner in its folder, its number kept so that a later session can end it."""
    steps = f'cd {BUNDLE} && echo $$ > {RUNNER_PID} && exec "$@"'
    return ("sh", "-c", steps, "ofabench", *phone.bundle().start, *arguments)
