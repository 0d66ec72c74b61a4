"""Preparation of a replicate: the runner, model files and a job on the device."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bench.devices.remote.connection import Connection, DeviceFullError
from bench.devices.remote.content import push_missing
from bench.devices.remote.facts.cooling import CoolDown, ThrottlingDetector
from bench.devices.remote.facts.cores import mask_of, parse_list
from bench.devices.remote.machine import RemoteMachine
from bench.devices.remote.model_files import CACHE_BYTES, free_bytes
from bench.devices.remote.runner.runner_protocol import Job
from bench.errors import DeviceError
from bench.protocol.backend import Backend
from bench.protocol.device import ReplicatePlan, Workload
from bench.protocol.target import Target

JOB = "job"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedReplicate:
    """A replicate's files are on the device: the command to start, and the bytes sent.

    `models` are the workloads' files in the job.
    """

    argv: tuple[str, ...]
    models: tuple[str, ...]
    sent_bytes: int


def prepare(  # noqa: PLR0913, PLR0917
    machine: RemoteMachine,
    connection: Connection,
    work: Sequence[Workload],
    backend: Backend,
    target: Target,
    plan: ReplicatePlan,
) -> PreparedReplicate:
    """Copy missing files to the device; a full one is cleared of other replicates' models once.

    Raises `DeviceError` with the needed and the free size if that does not help.
    """
    return with_room(
        machine,
        connection,
        work,
        backend,
        target,
        lambda: _prepare(machine, connection, work, backend, target, plan),
    )


def with_room(  # noqa: PLR0913, PLR0917
    machine: RemoteMachine,
    connection: Connection,
    work: Sequence[Workload],
    backend: Backend,
    target: Target,
    put: Callable[[], T],
) -> T:
    """Run `put`, which copies a replicate's files; again if a full phone had to be cleared."""
    machine.shelf.clear(connection, machine.folder, work, target, CACHE_BYTES)
    try:
        return put()
    except DeviceFullError:
        machine.notify("the device is full: models of other replicates are removed from it")
        machine.shelf.clear(connection, machine.folder, work, target, 0)
    try:
        return put()
    except DeviceFullError as error:
        needed = machine.unsent_bytes() + machine.shelf.missing_bytes(work, backend, target)
        free = free_bytes(connection, machine.folder)
        raise DeviceError(
            f"the device is full: this replicate still needs {needed} bytes in "
            f"{machine.folder.path}, "
            f"{'an unknown number' if free is None else free} are free; make room on the device"
        ) from error


def heat_checks(
    machine: RemoteMachine,
    cores: str,
    start_c: float | None,
    clock_s: Callable[[], float],
    sleep: Callable[[float], None],
) -> tuple[ThrottlingDetector, CoolDown]:
    """Return the detector of throttling on `cores`, and the waits for a device to cool down.

    `start_c` is the temperature at the start of the first replicate.
    """
    cool_down = CoolDown(
        start_c,
        wait_s=machine.cooling.wait_s,
        total_s=machine.cooling.total_s,
        notify=machine.notify,
        clock_s=clock_s,
        sleep=sleep,
    )
    detector = ThrottlingDetector(parse_list(cores), start_c, blind=machine.cooling.blind)
    return detector, cool_down


def _prepare(  # noqa: PLR0913, PLR0917
    machine: RemoteMachine,
    connection: Connection,
    work: Sequence[Workload],
    backend: Backend,
    target: Target,
    plan: ReplicatePlan,
) -> PreparedReplicate:
    sent_bytes = machine.with_bundle(connection)
    placed = machine.shelf.place(connection, machine.folder, work, backend, target)
    job = Job(
        threads=target.threads,
        cores=mask_of(target.cores),
        fp16=target.precision == "fp16",
        samples=plan.samples,
        seed=plan.seed,
        models=placed.models,
        values=placed.values,
    )
    sent_bytes += placed.sent_bytes + push_missing(
        connection, machine.folder.path, {JOB: job.text().encode()}
    )
    return PreparedReplicate(
        argv=machine.run_argv([f"../{JOB}"]), models=placed.models, sent_bytes=sent_bytes
    )
