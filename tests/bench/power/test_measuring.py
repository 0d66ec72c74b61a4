"""Energy of inferences on simulated machines: idle power subtracted, resolution known."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.power.boards import board_sensor
from bench.power.measuring import EnergyBench, energy_readings
from bench.power.rapl import rapl_sensor
from bench.power.sensor import EnergySensor
from bench.protocol.energy import EnergyPlan, EnergyReading
from bench.timing.energy import Energy
from tests.support.fake_sensors import SensorMachine, write_files

PLAN = EnergyPlan(least_s=0.4, seed=3)


@pytest.fixture
def machine(tmp_path: Path) -> SensorMachine:
    return SensorMachine(tmp_path)


def bench_of(
    machine: SensorMachine,
    sensor: Callable[[], EnergySensor | None],
    inferences_s: Sequence[float] = (0.002, 0.004),
) -> EnergyBench:
    @contextmanager
    def load(place: int) -> Iterator[Callable[[], object]]:
        machine.inference_s = inferences_s[place]
        yield machine.inference

    return EnergyBench(
        load=load,
        sensor=sensor,
        clock=machine.clock,
        sleep=machine.sleep,
        peak_memory=lambda: 123,
    )


def readings(machine: SensorMachine, workloads: int = 1) -> list[EnergyReading]:
    bench = bench_of(machine, lambda: rapl_sensor(machine.root, machine.clock))
    found = energy_readings(bench, workloads, PLAN)
    return sorted(found, key=lambda reading: reading.place)


def test_idle_power_is_subtracted_and_stated(machine: SensorMachine) -> None:
    machine.add_rapl()

    results = readings(machine, 2)

    # 2 ms and 4 ms at 10 W, of which 4 W would be drawn anyway.
    for reading, net_mj, with_idle_mj in zip(results, (12.0, 24.0), (20.0, 40.0), strict=True):
        energy = Energy.of([reading], "rapl")
        assert energy.energy_mj == pytest.approx(net_mj, rel=0.01)
        assert energy.with_idle_mj == pytest.approx(with_idle_mj, rel=0.01)
        assert energy.idle_w == pytest.approx(4.0)
        assert energy.peak_memory_bytes == 123


def test_an_inference_longer_than_the_window_is_measured(machine: SensorMachine) -> None:
    machine.add_rapl()
    bench = bench_of(machine, lambda: rapl_sensor(machine.root, machine.clock), (1.6,))

    (reading,) = energy_readings(bench, 1, PLAN)

    # Idle windows showed a new value each 5 ms, so one inference of 1.6 s is enough.
    assert reading.inferences == 1
    assert reading.joules == pytest.approx(16.0)
    assert reading.uncertainty_j == pytest.approx(10.0 * 0.005, rel=0.05)


def test_a_slow_counter_is_given_more_time(machine: SensorMachine) -> None:
    machine.add_rapl(update_s=0.05)

    (reading,) = readings(machine)

    # 2 % of the energy needs some 50 values, 0.05 s each.
    assert 2.4 <= reading.window_s <= 2.7
    energy = Energy.of([reading], "rapl")
    assert energy.energy_mj == pytest.approx(12.0, rel=0.1)


def test_a_counter_that_stands_still_is_no_zero(machine: SensorMachine) -> None:
    machine.add_rapl(share=0.0)

    (reading,) = readings(machine)

    assert (reading.joules, reading.idle_before_w) == (None, None)
    assert reading.window_s == pytest.approx(PLAN.most_s, rel=0.01)  # it was given all the time
    energy = Energy.of([reading, reading], "rapl")
    assert not energy.known
    assert energy.replicates == 0


def test_sampled_power_gives_the_same_energy(machine: SensorMachine) -> None:
    folder = machine.add_hwmon(0, "ina219", power1_input=4_000_000, update_interval=20)
    machine.shows.append(lambda: write_files(folder, power1_input=round(machine.watts * 1e6)))
    bench = bench_of(machine, lambda: board_sensor(machine.root, machine.clock))

    (reading,) = energy_readings(bench, 1, PLAN)

    # The first reading of a window still shows the idle power: half a period of 21.
    assert Energy.of([reading], "ina").energy_mj == pytest.approx(12.0, rel=0.05)


def test_without_a_sensor_memory_alone_is_measured(machine: SensorMachine) -> None:
    (reading,) = energy_readings(bench_of(machine, lambda: None), 1, PLAN)

    assert reading.joules is None
    assert reading.peak_memory_bytes == 123
    assert machine.now_s < 1001


def test_orders_differ_by_seed_and_each_workload_is_read_once(machine: SensorMachine) -> None:
    def order(seed: int) -> list[int]:
        bench = bench_of(machine, lambda: None, [0.002] * 6)
        plan = EnergyPlan(least_s=0.4, seed=seed)
        return [reading.place for reading in energy_readings(bench, 6, plan)]

    assert order(1) != order(2)
    assert order(1) == order(1)
    assert sorted(order(1)) == list(range(6))
