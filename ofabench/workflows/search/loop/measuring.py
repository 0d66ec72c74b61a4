"""Measurement of each iteration's candidates, stored in a sweep's file."""

from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.backends.registry import backend_of
from bench.errors import DeviceError, FileError
from bench.protocol.device import Device, Workload
from bench.protocol.progress import Progress
from bench.sweep.memory_batching import footprint_bytes, free_memory_bytes, lay_groups
from bench.sweep.replicates import unfinished_replicates
from bench.sweep.run import run_sweep
from bench.sweep.store import SweepStore
from bench.timing.aggregation import derive_measurements
from bench.timing.measurement import Measurement
from ofabench.options.measured_search import MeasureLaidOut
from ofabench.workflows.devices import device_of, measuring_alone

LEAST_ERROR = 0.002  # relative, of a latency: three replicates may agree by chance


@dataclass(frozen=True, kw_only=True, eq=False)
class Iteration:
    """Measurements of one iteration: networks in the order of the file.

    `error` is the relative standard error of a latency, from replicates, pooled over networks.
    """

    number: int
    networks: tuple[Workload, ...]
    measurements: dict[Workload, Measurement]
    started_at: str
    ended_at: str
    error: float


class _NothingMore:
    """Planner that adds nothing to what is planned already."""

    def next(self, done: Sequence[Measurement], unrunnable: Collection[Workload] = ()) -> None:
        """Return None: nothing more to measure."""
        del done, unrunnable


def lay_out(
    store: SweepStore,
    device: Device,
    candidates: Sequence[Workload],
    anchors: Sequence[Workload],
) -> None:
    """Plan the next iteration: every group has candidates and the anchors."""
    plan, target, costs = store.plan, store.target, device.model_costs()
    anchors = [
        work for work in anchors if work not in candidates and work not in store.unrunnable()
    ]
    room = free_memory_bytes(device.facts(), plan)
    room -= sum(footprint_bytes(work, target.batch, costs, target.precision) for work in anchors)
    groups = lay_groups(candidates, plan, target.batch, room, costs, target.precision)
    store.add_groups([[*anchors, *group] for group in groups])


def measure(
    store: SweepStore,
    device: Device,
    progress: Progress,
    *,
    forced: bool = False,
    wait: bool = False,
) -> None:
    """Measure what is planned and not measured yet; finished replicates are kept on any error."""
    if not unfinished_replicates(store):
        return
    backend = backend_of(store.target)
    folder = store.path.parent
    try:
        with measuring_alone(device, wait=wait, progress=progress):
            if not forced:
                device.check_quiet()
            run_sweep(
                device,
                backend,
                store.target,
                _NothingMore(),
                store.plan,
                store,
                progress,
                forced=forced,
                resume_with="the same command",
            )
    except DeviceError as error:
        raise DeviceError(
            f"{error}; finished measurements are kept in {folder}, the same command continues with "
            "them"
        ) from error


def measure_laid_out(options: MeasureLaidOut, progress: Progress) -> dict[str, str]:
    """Measure what a file plans, in a worker process that had no part in choosing it."""
    with SweepStore.open(options.sweep) as store:
        target, plan = store.target, store.plan
    with (
        closing(device_of(options.device)) as device,
        SweepStore.resume(options.sweep, target, plan) as store,
    ):
        measure(store, device, progress, forced=options.force, wait=options.device.wait)
    return {"sweep": str(options.sweep)}


def iterations(store: SweepStore) -> list[Iteration]:
    """Return every finished iteration, the first one first."""
    groups, loads = store.groups(), store.replicates()
    unfinished = {group.round for group, _ in unfinished_replicates(store)}
    finished = []
    for number in sorted({group.round for group in groups} - unfinished):
        work = {group.number: group.work for group in groups if group.round == number}
        iteration_loads = [load for load in loads if load.group in work]
        workloads = {
            place: item
            for load in iteration_loads
            for place, item in zip(load.workloads, work[load.group], strict=True)
        }
        measurements = derive_measurements(
            iteration_loads, workloads, store.target, store.plan, store.facts
        )
        of_networks = {
            item.workload: item for item in measurements if item.workload.role == "network"
        }
        if not of_networks:
            continue  # none of its networks could run
        times = [
            str(item.facts.get("taken_at", "")) for load in iteration_loads for item in load.rounds
        ]
        times = [item for item in times if item] or [store.sessions()[0].started_at]
        finished.append(
            Iteration(
                number=number,
                networks=tuple(of_networks),
                measurements=of_networks,
                started_at=times[0],
                ended_at=times[-1],
                error=_error(list(of_networks.values())),
            )
        )
    return finished


def only_iteration(path: Path) -> Iteration | None:
    """Return the iteration in a deciding measurement's file; None if it is unfinished.

    It starts when its session started, by this machine's clock, so that tries have an order.
    """
    with SweepStore.open(path) as store:
        finished = iterations(store)
        started = [session.started_at for session in store.sessions()]
    if len(finished) > 1:
        raise FileError(f"{path} is no deciding measurement; name another folder, --measured")
    return replace(finished[0], started_at=started[0]) if finished else None


def _error(measurements: Sequence[Measurement]) -> float:
    """Relative standard error of a network's latency, from replicates, pooled over networks."""
    squares = [
        float(np.var(np.log(measurement.replicate_ms()), ddof=1)) / measurement.replicates
        for measurement in measurements
        if measurement.replicates > 1
    ]
    return max(float(np.sqrt(np.mean(squares))) if squares else 0.0, LEAST_ERROR)
