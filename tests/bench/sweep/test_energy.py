"""Energy of a sweep on the fake device: stored, resumed, and equal to what the machine draws."""

import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bench.backends.fake import FakeBackend, block_cost_ns
from bench.blocks.spec import BlockSpec
from bench.devices.fake import FakeDevice, SimulatedPower
from bench.errors import DeviceError, DeviceLostError, FileError, InterruptedSweepError
from bench.protocol.backend import Backend
from bench.protocol.device import Device, Workload
from bench.protocol.energy import EnergyPlan, EnergyReading
from bench.protocol.target import Target
from bench.sweep.energy import measure_energies
from bench.sweep.planner import ListPlanner
from bench.sweep.run import run_sweep
from bench.sweep.store import SweepStore
from bench.sweep.summary import summarise
from bench.timing.plan import SweepPlan

TARGET = Target(device="fake", backend="fake", backend_version="1")
PLAN = SweepPlan(replicates=2, rounds=2, samples=2)
WORK = [
    Workload(
        role="block",
        blocks=(
            BlockSpec(
                kind="mbconv", in_size=14, in_channels=8, out_channels=8, mid_channels=32 * count
            ),
        ),
    )
    for count in range(1, 4)
]
POWER = SimulatedPower(idle_w=1.0, active_w=4.0, uj_per_kilobyte=0.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "s.sqlite"
    with SweepStore.create(path, TARGET, PLAN) as store:
        run_sweep(FakeDevice(), FakeBackend(), TARGET, ListPlanner(WORK), PLAN, store)
    return path


def measure(path: Path, device: Device) -> None:
    with SweepStore.resume(path, TARGET, PLAN) as store:
        measure_energies(store, device, FakeBackend(), least_s=0.01)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppingDevice(FakeDevice):
    """A fake device that raises an error after some readings, each time it measures."""

    error: BaseException = field(default_factory=KeyboardInterrupt)
    after: int = 2
    asked: list[int] = field(default_factory=list)

    def measure_energy(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: EnergyPlan
    ) -> Generator[EnergyReading]:
        self.asked.append(len(work))
        inner = FakeDevice.measure_energy(self, work, backend, target, plan)
        for count, reading in enumerate(inner):
            if count == self.after:
                raise self.error
            yield reading


def test_each_workload_has_the_energy_that_the_machine_draws(path: Path) -> None:
    measure(path, FakeDevice(power=POWER))

    with SweepStore.open(path) as store:
        energies, summary = store.energies(), summarise(store)
    assert set(energies) == set(WORK)  # references have none
    for workload, energy in energies.items():
        inference_ms = (3000.0 + block_cost_ns(workload.blocks[0])) / 1e6
        assert energy.energy_mj == pytest.approx(4.0 * inference_ms, rel=0.02)
        assert energy.with_idle_mj == pytest.approx(5.0 * inference_ms, rel=0.02)
        assert energy.low_mj < energy.energy_mj < energy.high_mj
        assert (energy.replicates, energy.source) == (2, "simulated counter")
    assert (summary.energies, summary.energy_source) == (3, "simulated counter")


def test_an_interruption_keeps_what_was_measured_and_resumes(path: Path) -> None:
    device = StoppingDevice()
    with pytest.raises(InterruptedSweepError, match="continue with: the same command and --resume"):
        measure(path, device)
    with SweepStore.open(path) as store:
        assert sum(map(len, store.energy_readings().values())) == 2

    measure(path, FakeDevice())

    with SweepStore.open(path) as store:
        readings = store.energy_readings()
    assert [[each.number for each in readings[workload]] for workload in WORK] == [[0, 1]] * 3


def test_a_broken_connection_is_tried_again_without_repeating_readings(path: Path) -> None:
    device = StoppingDevice(error=DeviceLostError("gone"), after=2)

    measure(path, device)

    assert device.asked == [3, 1, 3, 1]


def test_a_device_that_stays_lost_is_an_error(path: Path) -> None:
    with pytest.raises(DeviceError, match="failed 5 times, the last time: gone"):
        measure(path, StoppingDevice(error=DeviceLostError("gone"), after=0))


def test_without_a_sensor_the_reason_is_stored_and_memory_measured(path: Path) -> None:
    measure(path, FakeDevice(power=None))

    with SweepStore.open(path) as store:
        energies, summary = store.energies(), summarise(store)
    assert not any(energy.known for energy in energies.values())
    assert all(energy.peak_memory_bytes for energy in energies.values())
    assert summary.energy_reason == "the device fake was made without power"

    measure(path, FakeDevice())  # by now it has a sensor

    with SweepStore.open(path) as store:
        assert all(energy.known for energy in store.energies().values())


def test_a_device_that_measures_no_energy_is_named(path: Path) -> None:
    class Plain:
        address = "plain:1"

    measure(path, Plain())  # type: ignore[arg-type]

    with SweepStore.open(path) as store:
        reason = summarise(store).energy_reason
    assert reason.startswith("plain:1 does not report it: phones do not")


def test_a_damaged_reading_is_found(path: Path) -> None:
    measure(path, FakeDevice())
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE energy SET reading = replace(reading, '1', '2')")

    with (
        SweepStore.open(path) as store,
        pytest.raises(FileError, match="an energy reading is not what was written"),
    ):
        store.energies()


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongDevice(FakeDevice):
    """A fake device whose readings are of these places."""

    places: tuple[int, ...] = ()

    def measure_energy(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: EnergyPlan
    ) -> Generator[EnergyReading]:
        for place in self.places:
            yield EnergyReading(place=place, inferences=1, window_s=1.0, busy_s=1.0)


@pytest.mark.parametrize("places", [(), (0, 1), (3,)])
def test_a_device_that_leaves_workloads_out_is_an_error(
    path: Path, places: tuple[int, ...]
) -> None:
    with pytest.raises(DeviceError, match="one reading of energy for each of 3 workloads"):
        measure(path, WrongDevice(places=places))
