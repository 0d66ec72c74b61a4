"""Runs a plan: groups, replicates and rounds, stored as they end, resumed where they stopped."""

from contextlib import closing

import numpy as np

from bench.devices.device_lock import measuring
from bench.drift.session_gap import Span
from bench.errors import (
    DeviceError,
    DeviceLostError,
    InterruptedSweepError,
    TargetMismatchError,
    UnrunnableError,
)
from bench.protocol.backend import Backend
from bench.protocol.clock import Clock, SystemClock, iso
from bench.protocol.device import Device, Facts, RoundResult
from bench.protocol.progress import NoProgress, Progress, RoundWatcher
from bench.protocol.target import Target
from bench.sweep.elapsed import spent
from bench.sweep.live_rounds import RoundCounts
from bench.sweep.memory_batching import free_memory_bytes, lay_groups
from bench.sweep.planner import Planner, TimedPlanner
from bench.sweep.spread import AT_ONCE, Spread
from bench.sweep.steps import Steps
from bench.sweep.store import SweepStore
from bench.sweep.store_rows import Group
from bench.sweep.waiting import wait_s, wait_until
from bench.timing.aggregation import disturbed_rounds
from bench.timing.plan import SweepPlan

QUIET: Progress = NoProgress()
SYSTEM: Clock = SystemClock()
REPLICATE_TRIES = 5  # of a replicate whose connection breaks; the device is reconnected in between


def run_sweep(  # noqa: PLR0913, PLR0917
    device: Device,
    backend: Backend,
    target: Target,
    planner: Planner,
    plan: SweepPlan,
    store: SweepStore,
    progress: Progress = QUIET,
    *,
    forced: bool = False,
    resume_with: str = "the same command and --resume",
    clock: Clock = SYSTEM,
    spread: Spread = AT_ONCE,
) -> None:
    """Measure what `planner` requests, until it requests nothing more.

    `spread` sets the number of measurement sessions; between them it waits.

    `store` is new or resumed, of this target and plan. Replicates alternate between groups, so that
    a block's replicates are far apart in time. Ctrl-C raises `InterruptedSweepError`, which names
    `resume_with`; finished replicates are kept in any case. Raises `DeviceInUseError` if another
    process measures on the device: wrap the call in `bench.devices.device_lock.measuring` to wait
    for it.
    """
    if store.target != target or store.plan != plan:
        raise TargetMismatchError(f"{store.path} was made for another target or plan; resume it")
    spread.check(plan.replicates)
    sweep = _Sweep(device, backend, store, progress, clock, spread)
    try:
        with measuring(device):
            sweep.run(planner, forced=forced)
    except KeyboardInterrupt as error:
        done, wanted = len(store.replicates()), len(store.groups()) * plan.replicates
        raise InterruptedSweepError(
            f"stopped with {done} of {wanted} replicates done, which {store.path} keeps; "
            f"continue with: {resume_with}"
        ) from error
    finally:
        progress.close()


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


class _Sweep:
    """One process of a sweep."""

    def __init__(  # noqa: PLR0913, PLR0917
        self,
        device: Device,
        backend: Backend,
        store: SweepStore,
        progress: Progress,
        clock: Clock,
        spread: Spread,
    ) -> None:
        self._device = device
        self._backend = backend
        self._store = store
        self._progress = progress
        self._clock, self._spread = clock, spread
        self._waited_s = 0.0
        self._steps = Steps(progress, clock, None, 0.0)
        self._counts = RoundCounts()

    def run(self, planner: Planner, *, forced: bool) -> None:
        """Measure all planned replicates, then request more, until there are none."""
        started_s = self._clock.monotonic()
        store, facts = self._store, self._device.facts()
        session = store.begin_session(facts, iso(self._clock.now()), forced=forced)
        budget_s = planner.budget_s if isinstance(planner, TimedPlanner) else None
        self._steps = Steps(self._progress, self._clock, budget_s, _wall_s(store))
        while todo := unfinished_replicates(store) or self._next_round(planner, facts):
            self._counts.begin(len(todo))
            for number, stretch in self._spread.stretches(todo, store.plan.replicates):
                self._await_session(number, stretch[0])
                self._steps.start(len(stretch) * store.plan.rounds, self._spread.words(number))
                for planned, replicate in stretch:
                    self._counts.begin_replicate()
                    # Its current state: unrunnable workloads may have been removed since.
                    group = next(
                        stored for stored in store.groups() if stored.number == planned.number
                    )
                    replicate_id, span_s = self._measure_replicate(group, replicate)
                    wall_s = self._clock.monotonic() - started_s - self._waited_s
                    store.finish_replicate(replicate_id, session, wall_s, span_s)

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
        wait_until(now_s + left_s, self._clock, self._progress, lambda _: words)
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
