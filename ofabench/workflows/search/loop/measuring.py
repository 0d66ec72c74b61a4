"""Measures the candidates of each iteration into a sweep's file."""

from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.backends.registry import get_backend
from bench.errors import DeviceError, FileError
from bench.protocol.device import Device, Workload
from bench.protocol.progress import Progress
from bench.sweep.memory_batching import footprint_bytes, free_memory_bytes, lay_groups
from bench.sweep.run import run_sweep, unfinished_loads
from bench.sweep.store import SweepStore
from bench.timing.aggregation import derive_measurements
from bench.timing.measurement import Measurement
from ofabench.options.measured_search import MeasureLaidOut
from ofabench.workflows.devices import device_of, measuring_alone

LEAST_ERROR = 0.002  # of a latency, relative: three replicates that agree by chance say no less


@dataclass(frozen=True, kw_only=True, eq=False)
class Iteration:
    """What one iteration measured, all in one stretch: networks in the order of the file.

    `error` is the relative standard error of a latency, by its replicates, pooled over networks.
    """

    number: int
    networks: tuple[Workload, ...]
    measurements: dict[Workload, Measurement]
    started_at: str
    ended_at: str
    error: float


class _NothingMore:
    """A planner: what is laid out is all."""

    def next(self, done: Sequence[Measurement], unrunnable: Collection[Workload] = ()) -> None:
        """Ask for nothing."""
        del done, unrunnable


def lay_out(
    store: SweepStore,
    device: Device,
    candidates: Sequence[Workload],
    anchors: Sequence[Workload],
) -> None:
    """Fix what the next iteration measures: anchors beside the candidates of every group."""
    plan, target, costs = store.plan, store.target, device.load_costs()
    anchors = [one for one in anchors if one not in candidates and one not in store.unrunnable()]
    room = free_memory_bytes(device.facts(), plan)
    room -= sum(footprint_bytes(one, target.batch, costs, target.precision) for one in anchors)
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
    """Measure what is laid out and not measured yet; what is finished is kept, whatever happens."""
    if not unfinished_loads(store):
        return
    backend = get_backend(store.target.backend)
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
            f"{error}; what is measured is kept in {folder}, the same command continues with it"
        ) from error


def measure_laid_out(options: MeasureLaidOut, progress: Progress) -> dict[str, str]:
    """Measure what is laid out in a file, in a worker process that had no part in choosing it."""
    with SweepStore.open(options.sweep) as store:
        target, plan = store.target, store.plan
    with (
        closing(device_of(options.device)) as device,
        SweepStore.resume(options.sweep, target, plan) as store,
    ):
        measure(store, device, progress, forced=options.force, wait=options.device.wait)
    return {"sweep": str(options.sweep)}


def iterations(store: SweepStore) -> list[Iteration]:
    """Every iteration that is measured to its end, the first one first."""
    groups, loads = store.groups(), store.loads()
    unfinished = {group.round for group, _ in unfinished_loads(store)}
    found = []
    for number in sorted({group.round for group in groups} - unfinished):
        work = {group.number: group.work for group in groups if group.round == number}
        own = [load for load in loads if load.group in work]
        known = {
            place: one
            for load in own
            for place, one in zip(load.workloads, work[load.group], strict=True)
        }
        measured = derive_measurements(own, known, store.target, store.plan, store.facts)
        networks = {one.workload: one for one in measured if one.workload.role == "network"}
        if not networks:
            continue  # nothing of it could run
        times = [str(one.facts.get("taken_at", "")) for load in own for one in load.passes]
        times = [one for one in times if one] or [store.sessions()[0].started_at]
        found.append(
            Iteration(
                number=number,
                networks=tuple(networks),
                measurements=networks,
                started_at=times[0],
                ended_at=times[-1],
                error=_error(list(networks.values())),
            )
        )
    return found


def only_iteration(path: Path) -> Iteration | None:
    """What a deciding measurement's file holds; None where it is not measured to its end.

    It started when its session did, by this machine's clock, so that tries have an order.
    """
    with SweepStore.open(path) as store:
        found = iterations(store)
        began = [one.started_at for one in store.sessions()]
    if len(found) > 1:
        raise FileError(f"{path} is no deciding measurement; name another folder, --measured")
    return replace(found[0], started_at=began[0]) if found else None


def _error(measured: Sequence[Measurement]) -> float:
    """Relative standard error of a network's latency, by its replicates, pooled."""
    squares = [
        float(np.var(np.log(one.load_ms()), ddof=1)) / one.loads
        for one in measured
        if one.loads > 1
    ]
    return max(float(np.sqrt(np.mean(squares))) if squares else 0.0, LEAST_ERROR)
