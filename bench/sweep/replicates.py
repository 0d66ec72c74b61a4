"""Replicates of a sweep: groups, replicates and rounds, stored as they end."""

from collections.abc import Iterator
from contextlib import closing

import numpy as np

from bench.drift.session_gap import Span
from bench.errors import DeviceError, DeviceLostError, UnrunnableError
from bench.protocol.backend import Backend
from bench.protocol.clock import Clock, iso
from bench.protocol.device import Device, Facts, RoundResult
from bench.protocol.progress import Progress, RoundWatcher
from bench.sweep.elapsed import spent
from bench.sweep.live_rounds import RoundCounts
from bench.sweep.memory_batching import free_memory_bytes, lay_groups
from bench.sweep.planner import Planner, TimedPlanner
from bench.sweep.spread import Spread
from bench.sweep.steps import Steps
from bench.sweep.store import SweepStore
from bench.sweep.store_rows import Group
from bench.sweep.waiting import wait_s, wait_until
from bench.timing.aggregation import disturbed_rounds

REPLICATE_TRIES = 5  # of a replicate whose connection breaks; the device is reconnected in between

Stage = tuple[int, int]
"""A request of the planner and a measurement session, both counted from 0."""


def unfinished_replicates(store: SweepStore) -> list[tuple[Group, int]]:
    """Return the replicates planned and not measured, the first ones of a request first."""
    finished = {(replicate.group, replicate.number) for replicate in store.replicates()}
    missing = [
        (group.round, number, group.number, group)
        for group in store.groups()
        for number in range(store.plan.replicates)
        if (group.number, number) not in finished
    ]
    return [(group, number) for _, number, _, group in sorted(missing, key=lambda entry: entry[:3])]


def _wall_s(store: SweepStore) -> float:
    """Return the wall seconds that the sweep has taken so far, as far as known."""
    elapsed = spent(store)
    return 0.0 if elapsed is None else elapsed.wall_s


class SweepReplicates:
    """Replicates of a sweep, one after the other, as `run` is iterated.

    `progress` is shown the rounds, `waiting` the time between two sessions. Time that passes
    between two steps of the iteration is not the sweep's.
    """

    def __init__(  # noqa: PLR0913, PLR0917
        self,
        device: Device,
        backend: Backend,
        store: SweepStore,
        progress: Progress,
        waiting: Progress,
        clock: Clock,
        spread: Spread,
    ) -> None:
        self._device = device
        self._backend = backend
        self._store = store
        self._progress, self._waiting = progress, waiting
        self._clock, self._spread = clock, spread
        self._waited_s = 0.0
        self._steps = Steps(progress, clock, None, 0.0)
        self._counts = RoundCounts()

    def run(self, planner: Planner, *, forced: bool) -> Iterator[Stage]:
        """Measure all planned replicates, then request more, until there are none.

        Yields the stage of a replicate before it is measured, and before a wait for its session.
        """
        started_s = self._clock.monotonic()
        store, facts = self._store, self._device.facts()
        session = store.begin_session(facts, iso(self._clock.now()), forced=forced)
        budget_s = planner.budget_s if isinstance(planner, TimedPlanner) else None
        self._steps = Steps(self._progress, self._clock, budget_s, _wall_s(store))
        while todo := unfinished_replicates(store) or self._next_round(planner, facts):
            self._counts.begin(len(todo))
            for number, stretch in self._spread.stretches(todo, store.plan.replicates):
                stage = stretch[0][0].round, number
                yield from self._paused(stage)
                self._await_session(number, stretch[0])
                self._steps.start(len(stretch) * store.plan.rounds, self._spread.words(number))
                for place, (planned, replicate) in enumerate(stretch):
                    if place:
                        yield from self._paused(stage)
                    self._counts.begin_replicate()
                    # Its current state: unrunnable workloads may have been removed since.
                    group = next(
                        stored for stored in store.groups() if stored.number == planned.number
                    )
                    replicate_id, span_s = self._measure_replicate(group, replicate)
                    wall_s = self._clock.monotonic() - started_s - self._waited_s
                    store.finish_replicate(replicate_id, session, wall_s, span_s)

    def _paused(self, stage: Stage) -> Iterator[Stage]:
        """Yield a stage; until the iteration continues, no time of this sweep passes."""
        paused_s = self._clock.monotonic()
        yield stage
        passed_s = self._clock.monotonic() - paused_s
        self._waited_s += passed_s
        self._steps.paused(passed_s)

    def _await_session(self, session: int, first: tuple[Group, int]) -> None:
        """Wait until the next measurement session may begin, unless it has begun."""
        if session == 0:
            return
        store, replicates, spread = self._store, self._store.plan.replicates, self._spread
        rounds = {group.number: group for group in store.groups()}
        begun = any(
            rounds[replicate.group].round == first[0].round
            and spread.session_of(rounds[replicate.group], replicate.number, replicates) == session
            for replicate in store.replicates()
        )
        if begun:
            return
        now_s = self._clock.now()
        left_s = wait_s(store.replicate_times()[-1][1], now_s, spread.every_s)
        begun_s = self._clock.monotonic()
        words = f"until {spread.words(session)}; after Ctrl-C, --resume continues in time"
        wait_until(now_s + left_s, self._clock, self._waiting, lambda _: words)
        waited_s = self._clock.monotonic() - begun_s
        self._waited_s += waited_s
        self._steps.waited(waited_s)

    def _next_round(self, planner: Planner, facts: Facts) -> list[tuple[Group, int]]:
        store = self._store
        if isinstance(planner, TimedPlanner) and (elapsed := spent(store)) is not None:
            planner.note_elapsed(elapsed)
        work = planner.next(store.measurements(), store.unrunnable())
        if not work:
            return []
        free_bytes = free_memory_bytes(facts, store.plan)
        target, costs = store.target, self._device.model_costs()
        store.add_groups(
            lay_groups(work, store.plan, target.batch, free_bytes, costs, target.precision)
        )
        return unfinished_replicates(store)

    def _measure_replicate(self, group: Group, number: int) -> tuple[int, Span]:
        """Measure a replicate, from its beginning again if the connection broke.

        Returns its id, unfinished, and when it was measured.
        """
        attempts = 0
        while True:
            begun_s = self._clock.now()
            replicate_id = self._store.begin_replicate(group.number, number)
            try:
                self._measure(group, number, replicate_id)
                return replicate_id, (begun_s, self._clock.now())
            except DeviceLostError as error:
                self._store.drop_replicate(replicate_id)
                attempts += 1
                if attempts == REPLICATE_TRIES:
                    raise DeviceError(
                        f"replicate {number + 1} failed {attempts} times, the last time: {error}"
                    ) from error
                note = f"repeated: {error}"
            except UnrunnableError as error:
                self._store.drop_replicate(replicate_id)
                workload = self._store.exclude(group.number, error.place, error.reason)
                group = next(
                    stored for stored in self._store.groups() if stored.number == group.number
                )
                note = f"cannot run, {error.reason}: {workload.key}"
            self._steps.back(note)

    def _measure(self, group: Group, number: int, replicate_id: int) -> None:
        """Store rounds until enough are undisturbed, or the device yields no more."""
        plan = self._store.plan
        replicate_plan = plan.replicate_plan(group.number, number)
        note = f"replicate {number + 1} of {plan.replicates}"
        results: list[RoundResult] = []
        self._steps.begin_replicate()
        run = self._device.run_replicate(
            group.work, self._backend, self._store.target, replicate_plan
        )
        with closing(run) as rounds:
            for count, result in enumerate(rounds, start=1):
                self._store.add_round(replicate_id, count - 1, result)
                results.append(result)
                if isinstance(self._progress, RoundWatcher):
                    self._progress.show_round(self._counts.after_round(results, group.work))
                if count <= plan.rounds:
                    self._steps.round_done(note)
                if count >= plan.rounds:
                    disturbed = disturbed_rounds(results, group.work)
                    if np.count_nonzero(~disturbed) >= plan.rounds:
                        break
