"""One load on a phone: settings changed, passes run and watched, everything put back."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from bench.backends.base import Backend
from bench.devices.base import THROTTLED, Facts, LoadPlan, PassResult, Workload
from bench.errors import DeviceLostError
from bench.phone.connection import Connection, Process
from bench.phone.cooling import CoolDown, HeatWatch, Signs
from bench.phone.cores import parse_list
from bench.phone.moment import Moment, changes_between, joined
from bench.phone.phone import Phone, end_runner, read_moment
from bench.phone.preparing import Prepared, changes_for, prepare
from bench.phone.runner_text import PassEnded
from bench.phone.running import CREDITS, Loaded, RunnerProcess, share_whole
from bench.phone.settings import changed
from bench.phone.temperatures import hottest_c
from bench.references import reference_places
from bench.spec import Target

LOOK_EVERY_S = 20.0  # how old what is known of screen, cable and heat may become


@dataclass(frozen=True, slots=True)
class Heat:
    """What is kept of a phone's heat from load to load."""

    cores: str
    watch: HeatWatch
    cool_down: CoolDown


class PhoneLoads:
    """Runs loads on one phone, one after the other."""

    def __init__(
        self,
        phone: Phone,
        clock_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._phone = phone
        self._clock_s = clock_s
        self._sleep = sleep
        self._heat: Heat | None = None
        self._not_whole: set[str] = set()  # workloads that were told of

    def run(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: LoadPlan
    ) -> Generator[PassResult]:
        """As `Device.run_load`."""
        phone, began_s = self._phone, self._clock_s()
        connection = phone.ready()
        before = read_moment(connection)
        heat = self._heat_for(target.cores, before)
        prepared = prepare(phone, connection, work, backend, target, plan)
        changes = changes_for(phone, connection, target)
        with (
            changed(connection, changes, phone.session, phone.tell) as worked,
            _runner(connection, prepared) as process,
        ):
            running = RunnerProcess(process, len(work), plan.calls, self._clock_s)
            loaded = running.load(lambda: None)
            self._tell_not_whole(work, loaded)
            facts = {
                "load_setup_s": round(self._clock_s() - began_s, 3),
                "load_sent_bytes": prepared.sent_bytes,
                "load_changed": ",".join(sorted(worked)),
                **load_facts(loaded),
            }
            watched = _Watched(running, connection, heat, before, self._clock_s)
            compute, _ = reference_places(list(work))
            try:
                for number in range(plan.passes):
                    left = plan.passes - number
                    result = watched.next_pass(left, compute, parse_list(target.cores))
                    yield _with(result, facts if number == 0 else {})
                running.stop()
            except GeneratorExit:  # the caller has seen enough
                self._tell_changes(before, connection)
                raise
            self._tell_changes(before, connection)

    def _heat_for(self, cores: str, now: Moment) -> Heat:
        """Heat as it is followed for these cores; the first load's start is everyone's."""
        options = self._phone.options
        if self._heat is None or self._heat.cores != cores:
            start_c = now.temperature_c
            cool_down = CoolDown(
                start_c,
                wait_s=options.cool_wait_s,
                total_s=options.cool_total_s,
                tell=self._phone.tell,
                clock_s=self._clock_s,
                sleep=self._sleep,
            )
            watch = HeatWatch(parse_list(cores), start_c)
            self._heat = Heat(cores, watch, cool_down)
        self._heat.watch.begin_load()
        return self._heat

    def _tell_changes(self, before: Moment, connection: Connection) -> None:
        """Look at the phone after a load, and say what is not as it was before."""
        with suppress(DeviceLostError):
            words = changes_between(before, read_moment(connection))
            if words:
                self._phone.tell(f"while the phone was measured, {words}")

    def _tell_not_whole(self, work: Sequence[Workload], loaded: Loaded) -> None:
        parts = {one.key for one, whole in zip(work, loaded.whole_graphs, strict=True) if not whole}
        new = sorted(parts - self._not_whole)
        if new:
            self._not_whole.update(new)
            self._phone.tell(
                f"XNNPACK did not take {len(new)} models whole, parts of them run by slower code: "
                f"{new[0]}{', ...' if len(new) > 1 else ''}"
            )


class _Watched:
    """Passes of a load, each judged by the phone's heat; falls idle to look and to cool."""

    def __init__(
        self,
        running: RunnerProcess,
        connection: Connection,
        heat: Heat,
        now: Moment,
        clock_s: Callable[[], float],
    ) -> None:
        self._running = running
        self._connection = connection
        self._heat = heat
        self._now = now
        self._clock_s = clock_s
        self._looked_s = clock_s()
        self._why = ""  # what is to be cooled down for

    def next_pass(self, left: int, compute: Sequence[int], cores: Sequence[int]) -> PassResult:
        """Run one; `left` are wanted, this one included."""
        pausing = self._why or self._clock_s() - self._looked_s >= LOOK_EVERY_S
        cooled_s = self._pause() if pausing and self._running.idle else 0.0
        if not pausing or self._running.idle:
            self._running.grant(min(CREDITS, left))
        ended = self._running.next_pass()
        signs = _signs(ended, self._now, compute)
        why = self._heat.watch.throttled(signs)
        self._why = why or self._why
        facts: Facts = {
            **pass_facts(ended, cores, signs.temperature_c),
            **self._now.state(),
            "cooled_s": round(cooled_s, 3),
            THROTTLED: bool(why),
            "throttled_by": why or None,
        }
        return PassResult(
            samples_ns=ended.samples_ns, order=ended.order, retaken=ended.retaken, facts=facts
        )

    def _pause(self) -> float:
        """Look at the phone, and wait where it is too hot; seconds that it was waited for."""
        self._now = read_moment(self._connection)
        waited_s = 0.0
        if self._why:
            waited_s = self._heat.cool_down.wait(self._why, self._look)
            self._why = ""
        self._looked_s = self._clock_s()
        return waited_s

    def _look(self) -> Moment:
        self._now = read_moment(self._connection)
        return self._now


@contextmanager
def _runner(connection: Connection, prepared: Prepared) -> Iterator[Process]:
    """Start the runner, and see at the end that nothing of it is left.

    A load that is left early has passes granted: they would go on beside what comes next.
    """
    with connection.start(prepared.argv) as process:
        try:
            yield process
        finally:
            if process.status is None:
                with suppress(DeviceLostError):
                    end_runner(connection)


def load_facts(loaded: Loaded) -> Facts:
    """What the runner said of a load, as facts of its first pass."""
    return {
        "load_models_s": round(loaded.load_s, 3),
        "load_ready_s": round(loaded.ready_s, 3),
        "clock_cost_ns": loaded.clock_cost_ns,
        "looped_models": sum(loops > 1 for loops in loaded.loops),
        "whole_graphs_share": share_whole(loaded.whole_graphs),
    }


def pass_facts(ended: PassEnded, cores: Sequence[int], temperature_c: float | None) -> Facts:
    """What the runner said of a pass. Its time of day is this machine's: a phone's may jump."""
    clocks = _by_core(ended)
    used = [khz for core, khz in clocks.items() if not cores or core in cores]
    return {
        "taken_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "load_average": ended.load_average,
        "frequency_now_khz": max(used, default=None),
        "frequencies_khz": joined(clocks),
        "temperature_c": temperature_c,
        "temperatures_c": joined(ended.temperatures_c),
        "disturbed_visits_kept": ended.kept,
        "pass_ns": ended.ended_ns - ended.began_ns,
    }


def _signs(ended: PassEnded, now: Moment, compute: Sequence[int]) -> Signs:
    later = ended.samples_ns[list(compute), 1:] if compute else np.empty(0)
    if compute and later.size == 0:
        later = ended.samples_ns[list(compute)]
    told = hottest_c(ended.temperatures_c)
    return Signs(
        frequencies_khz=_by_core(ended),
        limits_khz=now.limits_khz,
        thermal_status=now.thermal_status,
        temperature_c=now.temperature_c if told is None else told,
        reference_ns=float(np.median(later)) if later.size else None,
    )


def _by_core(ended: PassEnded) -> dict[int, int]:
    names = ((name.removeprefix("cpu"), khz) for name, khz in ended.frequencies_khz.items())
    return {int(name): khz for name, khz in names if name.isdecimal() and khz > 0}


def _with(result: PassResult, facts: Facts) -> PassResult:
    return PassResult(
        samples_ns=result.samples_ns,
        order=result.order,
        retaken=result.retaken,
        facts={**result.facts, **facts},
    )
