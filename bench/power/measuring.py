"""Energy of workloads, one after another: idle, at work, idle."""

import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np

from bench.power.sensor import EnergySensor
from bench.power.windows import Window, measure_window
from bench.protocol.energy import EnergyPlan, EnergyReading

UNMETERED_CALLS = 3  # without a sensor, for the peak of memory
WARM_CALLS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyBench:
    """What energy is measured with.

    `load` loads a workload by its place for the duration of a `with` block; its value runs one
    inference and returns when that has ended. `sensor` returns a new one, None where there is none.
    `sleep` waits for seconds. `peak_memory` returns how much resident memory the loaded model has
    taken at most, in bytes; None if unknown.
    """

    load: Callable[[int], AbstractContextManager[Callable[[], object]]]
    sensor: Callable[[], EnergySensor | None]
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    peak_memory: Callable[[], int | None] = lambda: None


def energy_readings(
    bench: EnergyBench, workloads: int, plan: EnergyPlan
) -> Generator[EnergyReading]:
    """Yield a reading of each workload, in an order drawn from the plan's seed."""
    for place in np.random.default_rng([plan.seed, 2]).permutation(workloads).tolist():
        with bench.load(place) as call:
            reading = _reading(bench, place, call, plan)
        yield reading


def _reading(
    bench: EnergyBench, place: int, call: Callable[[], object], plan: EnergyPlan
) -> EnergyReading:
    sensor = bench.sensor()
    runner = _Runner(bench, call)
    runner.repeat(UNMETERED_CALLS if sensor is None else WARM_CALLS)
    if sensor is None:
        return EnergyReading(
            place=place,
            inferences=UNMETERED_CALLS,
            window_s=runner.busy_s,
            busy_s=runner.busy_s,
            peak_memory_bytes=bench.peak_memory(),
        )
    before = _idle(bench, sensor, plan)
    runner.calls, runner.busy_s = 0, 0.0
    active = measure_window(
        sensor,
        runner.run_for,
        least_s=plan.least_s,
        most_s=plan.most_s,
        update_s=before.update_s,
    )
    after = _idle(bench, sensor, plan)
    uncertainties = [
        window.uncertainty_w for window in (before, after) if window.uncertainty_w is not None
    ]
    return EnergyReading(
        place=place,
        inferences=runner.calls,
        window_s=active.seconds,
        busy_s=runner.busy_s,
        joules=active.joules,
        uncertainty_j=active.uncertainty_j,
        idle_before_w=before.watts,
        idle_after_w=after.watts,
        idle_uncertainty_w=max(uncertainties) if len(uncertainties) == 2 else None,
        peak_memory_bytes=bench.peak_memory(),
    )


def _idle(bench: EnergyBench, sensor: EnergySensor, plan: EnergyPlan) -> Window:
    """Measure the idle device; first wait a little, until threads that spin have stopped."""
    bench.sleep(plan.idle_s / 4)
    return measure_window(sensor, bench.sleep, least_s=plan.idle_s, most_s=plan.most_s / 2)


class _Runner:
    """Repeats inferences, and counts them and their time."""

    def __init__(self, bench: EnergyBench, call: Callable[[], object]) -> None:
        self._bench, self._call = bench, call
        self.calls, self.busy_s = 0, 0.0

    def repeat(self, calls: int) -> None:
        """Run this number of inferences."""
        started_s = self._bench.clock()
        for _ in range(calls):
            self._call()
        self._count(calls, started_s)

    def run_for(self, seconds: float) -> None:
        """Run inferences for about this long, at least one."""
        clock, call, started_s, calls = self._bench.clock, self._call, self._bench.clock(), 0
        while not calls or clock() - started_s < seconds:
            call()
            calls += 1
        self._count(calls, started_s)

    def _count(self, calls: int, started_s: float) -> None:
        self.calls += calls
        self.busy_s += self._bench.clock() - started_s
