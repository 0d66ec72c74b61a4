"""Sensors of energy on a fake tree of files with a simulated clock; joules computed by hand."""

from pathlib import Path

import pytest

from bench.errors import DeviceError
from bench.power.boards import board_sensor
from bench.power.host import NONE_HERE, host_sensor, host_source
from bench.power.rapl import rapl_sensor
from bench.power.sensor import CounterSensor, EnergySensor, SampledPower
from tests.support.fake_sensors import RANGE_UJ, SensorMachine, write_files


@pytest.fixture
def machine(tmp_path: Path) -> SensorMachine:
    return SensorMachine(tmp_path)


def found(sensor: EnergySensor | None) -> EnergySensor:
    assert sensor is not None
    sensor.read()
    return sensor


def test_rapl_counts_packages_and_memory_and_names_them(machine: SensorMachine) -> None:
    machine.add_rapl("intel-rapl:0", "package-0")
    machine.add_rapl("intel-rapl:0:0", "core", share=0.5)
    machine.add_rapl("intel-rapl:0:1", "dram", share=0.25)
    machine.add_rapl("intel-rapl:1", "psys", share=2.0)
    sensor = found(rapl_sensor(machine.root, machine.clock))

    machine.spend(2.0, 8.0)

    assert sensor.name == "rapl (package-0, dram)"
    assert sensor.read().joules == pytest.approx(16.0 + 4.0)


def test_rapl_is_followed_over_the_end_of_its_range(machine: SensorMachine) -> None:
    machine.add_rapl(first_uj=RANGE_UJ - 999_999)
    sensor = found(rapl_sensor(machine.root, machine.clock))

    machine.spend(0.5, 4.0)

    # The counter goes from the range less 0.999999 J to 1 J: past 0, which counts once.
    file = machine.root / "sys/class/powercap/intel-rapl:0/energy_uj"
    assert int(file.read_text()) == 1_000_000
    assert sensor.read().joules == pytest.approx(2.0)


def test_rapl_that_may_have_wrapped_twice_is_refused(machine: SensorMachine) -> None:
    machine.add_rapl(range_uj=50_000_000_000)
    sensor = found(rapl_sensor(machine.root, machine.clock))

    machine.spend(101.0, 4.0)  # at 500 W, 50 kJ take 100 s

    with pytest.raises(DeviceError, match=r"may have wrapped around .* --resume"):
        sensor.read()


@pytest.mark.parametrize("uj", ["", "-1", str(RANGE_UJ + 1), "much"])
def test_rapl_with_an_impossible_value_is_refused(machine: SensorMachine, uj: str) -> None:
    machine.add_rapl()
    sensor = found(rapl_sensor(machine.root, machine.clock))
    (machine.root / "sys/class/powercap/intel-rapl:0/energy_uj").write_text(uj)

    with pytest.raises(DeviceError, match="can no longer be read"):
        sensor.read()


def test_missing_permission_says_what_to_do(
    machine: SensorMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.add_rapl()
    read = Path.read_text

    def refused(file: Path, *args: str, **options: str) -> str:
        if file.name == "energy_uj":
            raise PermissionError(13, "Permission denied")
        return read(file, *args, **options)

    monkeypatch.setattr(Path, "read_text", refused)

    source = host_source(machine.root)

    assert source.name == ""
    assert "sudo chmod a+r" in source.reason
    assert "intel-rapl:0/energy_uj" in source.reason


def test_a_board_with_power_in_microwatts_is_integrated_by_trapezoids(
    machine: SensorMachine,
) -> None:
    folder = machine.add_hwmon(2, "ina226", power1_input=3_000_000, update_interval=100)
    sensor = found(board_sensor(machine.root, machine.clock))
    machine.now_s += 0.5
    write_files(folder, power1_input=5_000_000)
    sensor.read()
    machine.now_s += 1.0

    result = sensor.read()

    assert result.joules == pytest.approx(0.5 * (3 + 5) / 2 + 1.0 * 5)
    assert (result.watts, result.updates) == (5.0, 1)
    assert (sensor.name, sensor.period_s) == ("ina226 (rail 1)", 0.1)


def test_the_rails_of_an_ina3221_are_volts_times_amperes(machine: SensorMachine) -> None:
    rails = {"in1_label": "VDD_GPU_SOC", "in2_label": "VDD_CPU_CV", "in3_label": "NC"}
    values = {"in1_input": 5_000, "curr1_input": 600, "in2_input": 5_000, "curr2_input": 400}
    unused = {"in3_input": 5_000, "curr3_input": 900, "in4_input": 12, "in7_input": 40}
    machine.add_hwmon(0, "ina3221", **rails, **values, **unused, in7_label="sum of shunt voltages")
    machine.add_hwmon(1, "ina3221", in1_label="VIN_SYS_5V0", in1_input=5_000, curr1_input=1_000)
    sensor = found(board_sensor(machine.root, machine.clock))

    machine.now_s += 2.0

    assert sensor.name == "ina3221 (VDD_GPU_SOC, VDD_CPU_CV, VIN_SYS_5V0)"
    assert sensor.read().joules == pytest.approx(2.0 * (3.0 + 2.0 + 5.0))


def test_the_supply_of_the_whole_board_is_not_added_to_its_parts(machine: SensorMachine) -> None:
    machine.add_hwmon(
        0,
        "ina3221",
        in1_label="VDD_IN",
        in1_input=5_000,
        curr1_input=1_400,
        in2_label="VDD_CPU_GPU_CV",
        in2_input=5_000,
        curr2_input=400,
    )
    sensor = found(board_sensor(machine.root, machine.clock))

    assert (sensor.name, sensor.read().watts) == ("ina3221 (VDD_IN)", 7.0)


def test_an_older_jetson_has_its_rails_in_the_iio_tree(machine: SensorMachine) -> None:
    folder = machine.root / "sys/bus/iio/devices/iio:device0"
    write_files(folder, name="ina3221x", rail_name_0="POM_5V_IN", in_power0_input=2_500)
    write_files(folder, rail_name_1="POM_5V_GPU", in_power1_input=900)
    sensor = found(board_sensor(machine.root, machine.clock))

    assert (sensor.name, sensor.read().watts) == ("ina3221x (POM_5V_IN)", 2.5)


def test_counters_of_sockets_are_used_without_their_cores(machine: SensorMachine) -> None:
    folder = machine.add_hwmon(
        3,
        "amd_energy",
        energy1_label="Ecore000",
        energy1_input=7,
        energy2_label="Esocket0",
        energy2_input=1_000_000,
    )
    sensor = found(board_sensor(machine.root, machine.clock))
    write_files(folder, energy2_input=4_500_000)

    assert isinstance(sensor, CounterSensor)
    assert (sensor.name, sensor.read().joules) == ("amd_energy (Esocket0)", 3.5)


def test_a_counter_that_goes_back_is_refused(machine: SensorMachine) -> None:
    folder = machine.add_hwmon(0, "amd_energy", energy1_label="Esocket0", energy1_input=10)
    sensor = found(board_sensor(machine.root, machine.clock))
    write_files(folder, energy1_input=9)

    with pytest.raises(DeviceError, match="went back from 10 to 9"):
        sensor.read()


@pytest.mark.parametrize("driver", ["BAT0", "ucsi_source_psy_1", "nvme", "coretemp", "amdgpu"])
def test_sensors_of_something_else_are_left_alone(machine: SensorMachine, driver: str) -> None:
    machine.add_hwmon(0, driver, power1_input=5_000_000)

    assert board_sensor(machine.root, machine.clock) is None


def test_a_sensor_that_cannot_be_read_says_so(machine: SensorMachine) -> None:
    machine.add_hwmon(0, "ina219", power1_input="on")

    reason = host_source(machine.root).reason

    assert "hwmon0 cannot be read" in reason
    assert "'on', expected a whole number" in reason


def test_rapl_comes_before_a_board_and_neither_is_a_reason(machine: SensorMachine) -> None:
    assert host_sensor(machine.root).reason == NONE_HERE
    machine.add_hwmon(0, "ina219", power1_input=1)
    assert isinstance(host_sensor(machine.root).sensor, SampledPower)
    machine.add_rapl()
    assert host_source(machine.root).name == "rapl (package-0)"
