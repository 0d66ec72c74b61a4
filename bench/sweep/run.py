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
from bench.protocol.device import Device, Facts, PassResult
from bench.protocol.progress import NoProgress, PassWatcher, Progress
from bench.protocol.target import Target
from bench.sweep.elapsed import spent
from bench.sweep.live_rounds import PassLooks
from bench.sweep.memory_batching import free_memory_bytes, lay_groups
from bench.sweep.planner import Planner, SpentWatcher
from bench.sweep.spread import AT_ONCE, Spread
from bench.sweep.steps import Steps
from bench.sweep.store import SweepStore
from bench.sweep.store_rows import Group
from bench.sweep.waiting import wait_s, wait_until
from bench.timing.aggregation import load_marks
from bench.timing.plan import SweepPlan

QUIET: Progress = NoProgress()
SYSTEM: Clock = SystemClock()
LOAD_TRIES = 5  # of a load that breaks off, a device that comes back in between


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
    """Measure what `planner` asks for, until it asks for nothing more.

    `spread` says in how many measurement sessions; between them it waits.

    `store` is new or resumed, of this target and plan. Loads go round the groups, so that a
    block's loads lie far apart in time. Ctrl-C ends with `InterruptedSweepError`, which names
    `resume_with`; whatever ends it, finished loads are kept. `DeviceInUseError` where another
    process measures on the device: `bench.devices.device_lock.measuring` around this waits for it.
    """
    if store.target != target or store.plan != plan:
        raise TargetMismatchError(f"{store.path} was made for another target or plan; resume it")
    spread.check(plan.loads)
    sweep = _Sweep(device, backend, store, progress, clock, spread)
    try:
        with measuring(device):
            sweep.run(planner, forced=forced)
    except KeyboardInterrupt as error:
        done, wanted = len(store.loads()), len(store.groups()) * plan.loads
        raise InterruptedSweepError(
            f"stopped with {done} of {wanted} replicates done, which {store.path} keeps; "
            f"go on with: {resume_with}"
        ) from error
    finally:
        progress.close()


def unfinished_loads(store: SweepStore) -> list[tuple[Group, int]]:
    """What is laid out and not measured: each round's first loads before its second ones."""
    done = {(load.group, load.number) for load in store.loads()}
    wanted = [
        (group.round, number, group.number, group)
        for group in store.groups()
        for number in range(store.plan.loads)
        if (group.number, number) not in done
    ]
    return [(group, number) for _, number, _, group in sorted(wanted, key=lambda w: w[:3])]


def _wall_s(store: SweepStore) -> float:
    """Wall seconds that the sweep has taken so far, as far as they are known."""
    so_far = spent(store)
    return 0.0 if so_far is None else so_far.wall_s


class _Sweep:
    """One session of a sweep."""

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
        self._looks = PassLooks()

    def run(self, planner: Planner, *, forced: bool) -> None:
        """Finish what is laid out, then ask for more, until there is none."""
        started_s = self._clock.monotonic()
        store, facts = self._store, self._device.facts()
        session = store.begin_session(facts, iso(self._clock.now()), forced=forced)
        budget_s = planner.budget_s if isinstance(planner, SpentWatcher) else None
        self._steps = Steps(self._progress, self._clock, budget_s, _wall_s(store))
        while todo := unfinished_loads(store) or self._next_round(planner, facts):
            self._looks.begin(len(todo))
            for number, stretch in self._spread.stretches(todo, store.plan.loads):
                self._await_session(number, stretch[0])
                self._steps.start(len(stretch) * store.plan.passes, self._spread.words(number))
                for laid, replicate in stretch:
                    self._looks.begin_load()
                    # As it is now: what cannot run has been taken out of it since.
                    group = next(one for one in store.groups() if one.number == laid.number)
                    load_id, span_s = self._load(group, replicate)
                    wall_s = self._clock.monotonic() - started_s - self._waited_s
                    store.finish_load(load_id, session, wall_s, span_s)

    def _await_session(self, session: int, first: tuple[Group, int]) -> None:
        """Wait until the next measurement session may begin, unless it has begun."""
        if session == 0:
            return
        store, loads, spread = self._store, self._store.plan.loads, self._spread
        rounds = {group.number: group for group in store.groups()}
        begun = any(
            rounds[load.group].round == first[0].round
            and spread.session_of(rounds[load.group], load.number, loads) == session
            for load in store.loads()
        )
        if begun:
            return
        now_s = self._clock.now()
        left_s = wait_s(store.load_times()[-1][1], now_s, spread.every_s)
        begun_s = self._clock.monotonic()
        words = f"until {spread.words(session)}; after Ctrl-C, --resume continues in time"
        wait_until(now_s + left_s, self._clock, self._progress, lambda _: words)
        waited_s = self._clock.monotonic() - begun_s
        self._waited_s += waited_s
        self._steps.waited(waited_s)

    def _next_round(self, planner: Planner, facts: Facts) -> list[tuple[Group, int]]:
        store = self._store
        if isinstance(planner, SpentWatcher) and (so_far := spent(store)) is not None:
            planner.note_spent(so_far)
        work = planner.next(store.measurements(), store.unrunnable())
        if not work:
            return []
        free_bytes = free_memory_bytes(facts, store.plan)
        target, costs = store.target, self._device.load_costs()
        store.add_groups(
            lay_groups(work, store.plan, target.batch, free_bytes, costs, target.precision)
        )
        return unfinished_loads(store)

    def _load(self, group: Group, number: int) -> tuple[int, Span]:
        """Measure a load, from its start again where it broke off.

        Returns its id, unfinished, and when it was measured.
        """
        tried = 0
        while True:
            begun_s = self._clock.now()
            load_id = self._store.begin_load(group.number, number)
            try:
                self._measure(group, number, load_id)
                return load_id, (begun_s, self._clock.now())
            except DeviceLostError as error:
                self._store.drop_load(load_id)
                tried += 1
                if tried == LOAD_TRIES:
                    raise DeviceError(
                        f"load {number + 1} broke off {tried} times, at last so: {error}"
                    ) from error
                note = f"taken again: {error}"
            except UnrunnableError as error:
                self._store.drop_load(load_id)
                one = self._store.exclude(group.number, error.place, error.reason)
                group = next(g for g in self._store.groups() if g.number == group.number)
                note = f"left out, {error.reason}: {one.key}"
            self._steps.back(note)

    def _measure(self, group: Group, number: int, load_id: int) -> None:
        """Store passes until enough are unmarked, or the device has no more to give."""
        plan = self._store.plan
        load_plan = plan.load_plan(group.number, number)
        note = f"replicate {number + 1} of {plan.loads}"
        results: list[PassResult] = []
        self._steps.begin_load()
        run = self._device.run_load(group.work, self._backend, self._store.target, load_plan)
        with closing(run) as passes:
            for taken, result in enumerate(passes, start=1):
                self._store.add_pass(load_id, taken - 1, result)
                results.append(result)
                if isinstance(self._progress, PassWatcher):
                    self._progress.show_pass(self._looks.look(results, group.work))
                if taken <= plan.passes:
                    self._steps.passed(note)
                if taken >= plan.passes:
                    marked = load_marks(results, group.work)
                    if np.count_nonzero(~marked) >= plan.passes:
                        break
