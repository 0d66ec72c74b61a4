"""Planners: which workloads a sweep measures next."""

from collections.abc import Collection, Sequence
from typing import Protocol, runtime_checkable

from bench.errors import InputError
from bench.protocol.device import Workload
from bench.sweep.elapsed import ElapsedTime
from bench.timing.measurement import Measurement


class Planner(Protocol):
    """Chooses what a sweep measures next.

    It decides from `done` alone, so that a resumed sweep continues as an uninterrupted one would.
    """

    def next(
        self, done: Sequence[Measurement], unrunnable: Collection[Workload] = ()
    ) -> Sequence[Workload] | None:
        """Return the workloads to measure next, given all measurements so far; None to stop.

        Workloads in `unrunnable` are not requested again.
        """
        ...


@runtime_checkable
class TimedPlanner(Protocol):
    """A planner with a time budget; it receives the time used so far before each request."""

    budget_s: float

    def note_elapsed(self, spent: ElapsedTime) -> None:
        """Receive the time that the finished replicates took so far."""
        ...


class ListPlanner:
    """Measures a given list, each workload once."""

    def __init__(self, work: Sequence[Workload]) -> None:
        if not work:
            raise InputError("a sweep needs at least one block or network, got none")
        self._work = tuple(dict.fromkeys(work))

    def next(
        self, done: Sequence[Measurement], unrunnable: Collection[Workload] = ()
    ) -> Sequence[Workload] | None:
        """Return the workloads that are not measured yet."""
        known = {*unrunnable, *(measurement.workload for measurement in done)}
        return [workload for workload in self._work if workload not in known] or None


class SettlingPlanner:
    """Measures a list as `ListPlanner` does, then up to `again` times what has a wide interval.

    `replicates` is the plan's number. A block that is measured again has the replicates of
    all repetitions, and its interval is computed from all of them.
    """

    def __init__(self, work: Sequence[Workload], *, again: int, replicates: int) -> None:
        self._list = ListPlanner(work)
        self._max_replicates = again * replicates

    def next(
        self, done: Sequence[Measurement], unrunnable: Collection[Workload] = ()
    ) -> Sequence[Workload] | None:
        """Return what is not measured, else what has a wide interval and repetitions left."""
        missing = self._list.next(done, unrunnable)
        if missing:
            return missing
        return [
            measurement.workload
            for measurement in done
            if measurement.workload.role != "reference"
            and measurement.workload not in unrunnable
            and not measurement.narrow_interval
            and measurement.replicates <= self._max_replicates
        ] or None
