"""Planners: which workloads a sweep measures next."""

from collections.abc import Collection, Sequence
from typing import Protocol, runtime_checkable

from bench.errors import InputError
from bench.protocol.device import Workload
from bench.sweep.elapsed import Spent
from bench.timing.measurement import Measurement


class Planner(Protocol):
    """Says what a sweep measures next.

    It decides from `done` alone, and so a resumed sweep continues as an undisturbed one would.
    """

    def next(
        self, done: Sequence[Measurement], unrunnable: Collection[Workload] = ()
    ) -> Sequence[Workload] | None:
        """Return the workloads of the next round, given all that is measured; None to stop.

        What is `unrunnable` is not asked for again.
        """
        ...


@runtime_checkable
class SpentWatcher(Protocol):
    """A planner that works within a time, and is shown what of it is spent before each round."""

    budget_s: float

    def note_spent(self, spent: Spent) -> None:
        """Take what the loads that count have taken so far."""
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
        """Return what is not measured yet."""
        known = {*unrunnable, *(measurement.workload for measurement in done)}
        return [workload for workload in self._work if workload not in known] or None


class SettlingPlanner:
    """Measures a list as `ListPlanner` does, then up to `again` times what has not settled.

    `loads` is the plan's. A block measured again has the loads of all its rounds, and its
    interval is of all of them.
    """

    def __init__(self, work: Sequence[Workload], *, again: int, loads: int) -> None:
        self._list = ListPlanner(work)
        self._most_loads = again * loads

    def next(
        self, done: Sequence[Measurement], unrunnable: Collection[Workload] = ()
    ) -> Sequence[Workload] | None:
        """Return what is not measured, else what is unsettled and has rounds left."""
        missing = self._list.next(done, unrunnable)
        if missing:
            return missing
        return [
            one.workload
            for one in done
            if one.workload.role != "reference"
            and one.workload not in unrunnable
            and not one.settled
            and one.loads <= self._most_loads
        ] or None
