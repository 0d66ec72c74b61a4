"""One replicate on a phone: settings changed, rounds run and monitored, settings restored."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress

from bench.devices.android.facts.cooling import CoolDown, HeatWatch
from bench.devices.android.facts.cores import parse_list
from bench.devices.android.facts.device_state import PhoneState, changes_between
from bench.devices.android.loads.disturbance_monitor import Heat, WatchedPasses
from bench.devices.android.loads.preparing import Prepared, changes_for, prepare
from bench.devices.android.loads.runner_session import Loaded, RunnerProcess, share_whole
from bench.devices.android.phone.connection import Connection, Process
from bench.devices.android.phone.phone import Phone, end_runner, read_moment
from bench.devices.android.phone.settings_guard import changed
from bench.errors import DeviceLostError
from bench.protocol.backend import Backend
from bench.protocol.device import Facts, LoadPlan, PassResult, Workload
from bench.protocol.target import Target
from bench.timing.references import reference_places


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
            watched = WatchedPasses(running, connection, heat, before, self._clock_s)
            compute, _ = reference_places(list(work))
            try:
                for number in range(plan.passes):
                    result = watched.next_pass(plan.passes - number, compute)
                    yield _with(result, facts if number == 0 else {})
                running.stop()
            except GeneratorExit:  # the caller has seen enough
                self._tell_changes(before, connection)
                raise
            self._tell_changes(before, connection)

    def _heat_for(self, cores: str, now: PhoneState) -> Heat:
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

    def _tell_changes(self, before: PhoneState, connection: Connection) -> None:
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


def _with(result: PassResult, facts: Facts) -> PassResult:
    return PassResult(
        samples_ns=result.samples_ns,
        order=result.order,
        retaken=result.retaken,
        facts={**result.facts, **facts},
    )
