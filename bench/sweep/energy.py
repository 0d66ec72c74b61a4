"""Energy and peak memory of a sweep's workloads, measured after its latencies."""

from contextlib import closing

from bench.devices.device_lock import measuring
from bench.errors import DeviceError, DeviceLostError, InterruptedSweepError
from bench.protocol.backend import Backend
from bench.protocol.device import Device, Workload
from bench.protocol.energy import (
    LEAST_S,
    EnergyDevice,
    EnergyPlan,
    EnergySource,
    energy_source_of,
)
from bench.protocol.progress import NoProgress, Progress
from bench.sweep.energy_rows import StoredReading
from bench.sweep.store import SweepStore

QUIET: Progress = NoProgress()
ROLES = ("block", "network", "model")
NO_GROUP = 1_000_000  # for the seeds of these replicates, which are of all groups together
TRIES = 5  # of a replicate whose connection breaks


def measure_energies(  # noqa: PLR0913 - what is measured, where, how long, and how to continue
    store: SweepStore,
    device: Device,
    backend: Backend,
    progress: Progress = QUIET,
    *,
    least_s: float = LEAST_S,
    resume_with: str = "the same command and --resume",
) -> EnergySource:
    """Measure what the store's finished sweep lacks, once in each of its replicates.

    A device without a sensor gives peak memory alone, if anything. Each reading is stored as it
    ends. Ctrl-C raises `InterruptedSweepError`, which names `resume_with`.

    Returns:
        The sensor, or the reason for having none.
    """
    source = energy_source_of(device)
    store.note_energy_source(source)
    if not isinstance(device, EnergyDevice):
        return source
    replicates = range(store.plan.replicates)
    total = sum(len(_missing(store, number, source)) for number in replicates)
    try:
        with measuring(device):
            progress.start(total, "measuring energy" if source.name else "measuring memory")
            for number in replicates:
                _measure_replicate(store, device, backend, source, number, progress, least_s)
    except KeyboardInterrupt as error:
        raise InterruptedSweepError(
            f"stopped while energy was measured; {store.path} keeps what was measured; continue "
            f"with: {resume_with}"
        ) from error
    finally:
        progress.close()
    return source


def _missing(store: SweepStore, number: int, source: EnergySource) -> list[Workload]:
    """Return the workloads without a reading in a replicate; one without energy is repeated."""
    known = {
        workload
        for workload, stored in store.energy_readings().items()
        for each in stored
        if each.number == number and (each.source or not source.name)
    }
    unrunnable = store.unrunnable()
    work = dict.fromkeys(workload for group in store.groups() for workload in group.work)
    return [
        workload
        for workload in work
        if workload.role in ROLES and workload not in known and workload not in unrunnable
    ]


def _measure_replicate(  # noqa: PLR0913, PLR0917
    store: SweepStore,
    device: EnergyDevice,
    backend: Backend,
    source: EnergySource,
    number: int,
    progress: Progress,
    least_s: float,
) -> None:
    """Measure the missing workloads of a replicate; again those that a broken connection left."""
    plan = EnergyPlan(least_s=least_s, seed=store.plan.replicate_plan(NO_GROUP, number).seed)
    tries = 0
    while work := _missing(store, number, source):
        try:
            run = device.measure_energy(work, backend, store.target, plan)
            with closing(run) as readings:
                for reading in readings:
                    if reading.place >= len(work):
                        raise DeviceError(_wrong(len(work)))
                    stored = StoredReading(number=number, source=source.name, reading=reading)
                    store.add_energy(work[reading.place], stored)
                    progress.advance(1, f"replicate {number + 1} of {store.plan.replicates}")
            if _missing(store, number, source):
                raise DeviceError(_wrong(len(work)))
        except DeviceLostError as error:
            tries += 1
            if tries == TRIES:
                raise DeviceError(
                    f"energy of replicate {number + 1} failed {tries} times, the last time: {error}"
                ) from error


def _wrong(workloads: int) -> str:
    return (
        f"the device did not give one reading of energy for each of {workloads} workloads; correct "
        "its measure_energy, or leave --energy out"
    )
