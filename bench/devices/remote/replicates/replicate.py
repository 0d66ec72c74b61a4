"""One replicate on a device: settings changed, rounds run and monitored, settings restored."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress

from bench.devices.remote.connection import Connection, Process
from bench.devices.remote.facts.device_state import DeviceState
from bench.devices.remote.machine import RemoteMachine
from bench.devices.remote.replicates.disturbance_monitor import MonitoredRounds, ThermalState
from bench.devices.remote.replicates.preparing import (
    PreparedReplicate,
    heat_checks,
    prepare,
)
from bench.devices.remote.replicates.runner_session import (
    LoadingReport,
    RunnerProcess,
    RunnerRefusalError,
    share_whole,
)
from bench.errors import DeviceError, DeviceLostError, UnrunnableError
from bench.protocol.backend import Backend
from bench.protocol.device import Facts, ReplicatePlan, RoundResult, Workload
from bench.protocol.target import Target
from bench.timing.references import reference_places


class RunnerReplicates:
    """Measures replicates on one device, one after another."""

    def __init__(
        self,
        machine: RemoteMachine,
        clock_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._machine = machine
        self._clock_s = clock_s
        self._sleep = sleep
        self._heat: ThermalState | None = None
        self._not_whole: set[str] = set()  # workloads that were reported

    def run(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: ReplicatePlan
    ) -> Generator[RoundResult]:
        """Measure one replicate, see `Device.run_replicate`."""
        machine, began_s = self._machine, self._clock_s()
        connection = machine.ready()
        before = machine.read_state(connection)
        heat = self._heat_for(target.cores, before)
        prepared = prepare(machine, connection, work, backend, target, plan)
        with (
            machine.changed_settings(connection, target) as applied,
            _runner(machine, connection, prepared) as process,
        ):
            runner = RunnerProcess(process, len(work), plan.samples, self._clock_s)
            try:
                loaded = runner.load(lambda: None)
            except RunnerRefusalError as error:
                raise _refused(error, work, prepared) from error
            self._report_partial_models(work, loaded)
            facts = {
                "load_setup_s": round(self._clock_s() - began_s, 3),
                "load_sent_bytes": prepared.sent_bytes,
                "load_changed": ",".join(sorted(applied)),
                **loading_facts(loaded),
            }
            monitored = MonitoredRounds(
                runner, lambda: machine.read_state(connection), heat, before, self._clock_s
            )
            compute, _ = reference_places(list(work))
            try:
                for number in range(plan.rounds):
                    result = monitored.next_round(plan.rounds - number, compute)
                    yield _with(result, facts if number == 0 else {})
                runner.stop()
            except GeneratorExit:  # the caller has enough rounds
                self._report_changes(before, connection)
                raise
            self._report_changes(before, connection)

    def _heat_for(self, cores: str, state: DeviceState) -> ThermalState:
        """Return the thermal state for these cores, relative to the first replicate's start."""
        if self._heat is None or self._heat.cores != cores:
            checks = heat_checks(
                self._machine, cores, state.temperature_c, self._clock_s, self._sleep
            )
            self._heat = ThermalState(cores, *checks)
        self._heat.watch.begin_replicate()
        return self._heat

    def _report_changes(self, before: DeviceState, connection: Connection) -> None:
        """Read the device's state after a replicate, and report what changed."""
        with suppress(DeviceLostError):
            changes = before.changes_to(self._machine.read_state(connection))
            if changes:
                self._machine.notify(f"while the device was measured, {changes}")

    def _report_partial_models(self, work: Sequence[Workload], loaded: LoadingReport) -> None:
        parts = {
            workload.key
            for workload, whole in zip(work, loaded.whole_graphs, strict=True)
            if not whole
        }
        new = sorted(parts - self._not_whole)
        if new:
            self._not_whole.update(new)
            self._machine.notify(
                f"XNNPACK runs {len(new)} models only partly, the rest of them by slower code: "
                f"{new[0]}{', ...' if len(new) > 1 else ''}"
            )


@contextmanager
def _runner(
    machine: RemoteMachine, connection: Connection, prepared: PreparedReplicate
) -> Iterator[Process]:
    """Start the runner, and end it afterwards if it still runs.

    A replicate that is left early has granted rounds, which would continue beside later work.
    """
    with connection.start(prepared.argv) as process:
        try:
            yield process
        finally:
            if process.status is None:
                with suppress(DeviceLostError):
                    machine.end_runner(connection)


def _refused(
    error: RunnerRefusalError, work: Sequence[Workload], prepared: PreparedReplicate
) -> DeviceError:
    """Return `UnrunnableError` where the runner refuses a model file of any origin, else `error`.

    A block that it refuses is no fault of the block's: such a replicate is not measured.
    """
    for place, (workload, model) in enumerate(zip(work, prepared.models, strict=True)):
        if workload.file and error.file.endswith(model):
            return UnrunnableError(error.reason, place=place)
    return error


def loading_facts(loaded: LoadingReport) -> Facts:
    """Return the runner's report of loading, as facts of the replicate's first round."""
    return {
        "load_models_s": round(loaded.load_s, 3),
        "load_ready_s": round(loaded.ready_s, 3),
        "clock_cost_ns": loaded.clock_cost_ns,
        "looped_models": sum(loops > 1 for loops in loaded.loops),
        "whole_graphs_share": share_whole(loaded.whole_graphs),
    }


def _with(result: RoundResult, facts: Facts) -> RoundResult:
    return RoundResult(
        samples_ns=result.samples_ns,
        order=result.order,
        repeated_bursts=result.repeated_bursts,
        facts={**result.facts, **facts},
    )
