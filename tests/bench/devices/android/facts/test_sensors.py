"""Sensors of phones: which are temperatures, of which part, in which unit, and which are off."""

import re
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.devices.android.facts.busy_check import check_fit
from bench.devices.android.facts.device_state import parse_state, state_script
from bench.devices.remote.facts.temperatures import (
    NOT_CELSIUS,
    PERCENTAGES,
    Part,
    celsius,
    hal_parts,
    hottest_c,
    nearest_part,
    only_temperatures,
    parse_hal,
    parse_zones,
    part_of,
    plausible_c,
)
from tests.support.local_phone import HereConnection
from tests.support.phone_roots import add_zone, make_root, set_battery
from tests.support.phone_texts import (
    HAL_OF_ALL_TYPES,
    NOTE8_MOMENT,
    PIXEL2_THERMAL,
    QUALCOMM_ZONES,
    SAMSUNG_THERMAL,
    script_output,
    zones,
)


@pytest.mark.parametrize(
    ("reading", "value"),
    [
        (38500, 38.5),
        (-5000, -5.0),
        (385, 38.5),
        (38, 38.0),
        (5, 5.0),
        (150, None),  # 150 degrees
        (151, 15.1),
        (1000, 100.0),
        (1001, None),  # 1 to 5 V or A, never a chip at 1 to 5 degrees
        (4999, None),
        (5000, 5.0),
        (124_999, 124.999),
        (125_000, None),  # no thermistor
        (0, None),  # a sensor that is off
        (4, None),  # a state
        (-1, None),
        (-19, None),  # ENODEV
        (-273, None),
        (-4999, None),
        (-19_999, -19.999),
        (-40_000, None),
        (-273_000, None),
        (-2_147_483_648, None),
        (None, None),
    ],
)
def test_zones_are_in_thousandths_tenths_or_degrees(
    reading: int | None, value: float | None
) -> None:
    assert celsius(reading) == value


def test_sensors_of_the_processor_are_preferred() -> None:
    assert hottest_c({"battery": 50.0, "skin": 45.0, "cpu-0-0": 40.0, "gpu": 60.0}) == 40.0
    assert hottest_c({"battery": 50.0, "skin": 45.0}) == 45.0
    assert hottest_c({"battery": 50.0}) == 50.0
    assert hottest_c({"soc": 97.0, "vbat": 4.2}, 31.0) == 31.0
    assert hottest_c({}, 31.0) == 31.0
    assert hottest_c({}) is None


def test_equal_names_keep_the_hottest_and_unnamed_zones_their_folder() -> None:
    zone = "/sys/class/thermal/thermal_zone"
    text = f"{zone}0/type cpu\n{zone}0/temp 40000\n{zone}1/type cpu\n{zone}1/temp 42000\n"

    assert parse_zones(f"{text}{zone}7/temp 30000") == {"cpu": 42.0, "thermal_zone7": 30.0}


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("cpu-0-0-usr", Part.CORES),
        ("cpu0-silver-usr", Part.CORES),
        ("apc-1-max-step", Part.CORES),
        ("mtktscpu", Part.CORES),
        ("BIG", Part.CORES),
        ("cluster0", Part.CORES),
        ("tsens_tz_sensor7", Part.CHIP),
        ("soc-thermal", Part.CHIP),  # Rockchip's: a temperature, unlike Qualcomm's `soc`
        ("xo-therm-usr", Part.BOARD),
        ("gpuss-0-usr", Part.OTHER),
        ("gpu-skin-avg-step", Part.OTHER),
        ("pm8150b_tz", Part.OTHER),
        ("bms", Part.OTHER),
        ("maxfg", Part.OTHER),
        ("G3D", Part.OTHER),
        ("mtktsbattery", Part.OTHER),
        *((name, None) for name in ("soc", "SOC", "socd", "soc#12", "vbat_too_low", "ibat-vhigh")),
        *((name, None) for name in ("ocp_cpu1", "soft_ocp_cpu2#40", "vdroop1", "batoilo")),
        *((name, None) for name in ("lmh-dcvs-01", "bcl-virt-monitor", "battery_cycle", "smpl_gm")),
    ],
)
def test_the_part_of_a_sensor_follows_from_its_name(name: str, part: Part | None) -> None:
    assert part_of(name) == part


def test_the_charge_of_the_battery_is_not_a_temperature() -> None:
    result = parse_zones(zones({"cpu-0-0-usr": 34000, "soc": 97}))

    assert result == {"cpu-0-0-usr": 34.0}
    assert hottest_c(result) == 34.0


def test_zones_with_other_quantities_are_ignored() -> None:
    assert parse_zones(zones(QUALCOMM_ZONES)) == {
        "cpu-0-0-usr": 34.0,
        "cpu-1-7-step": 33.2,
        "gpuss-0-usr": 36.1,
        "xo-therm-usr": 28.423,
        "battery": 25.5,
    }


def test_a_zone_with_a_high_charge_does_not_block_measuring(tmp_path: Path) -> None:
    make_root(tmp_path, "pixel2")
    for name, reading in QUALCOMM_ZONES.items():
        add_zone(tmp_path, name, reading)
    set_battery(tmp_path, level=97)

    now = parse_state(HereConnection(tmp_path).run(["sh", "-c", state_script()]).out.decode())

    assert (now.temperature_c, now.battery_level, now.plugged) == (34.0, 97, "usb")
    check_fit(now, None)


def test_the_type_of_a_hal_sensor_outranks_its_name() -> None:
    now = parse_state(script_output({**NOTE8_MOMENT, "zones": "", "thermal": SAMSUNG_THERMAL}))

    assert now.temperatures_c == {"AP": 45.6, "PA": 50.7, "BAT": 33.3}
    assert now.temperature_c == 45.6


def test_hal_types_other_than_temperatures_are_ignored() -> None:
    assert parse_hal(HAL_OF_ALL_TYPES) == {
        "CPU0": 41.2,
        "GPU0": 57.5,
        "nsp0": 44.0,
        "SOC": 45.0,
        "VIRTUAL-SKIN": 33.1,
        "cpu7-usr": 40.5,
    }
    assert hal_parts(HAL_OF_ALL_TYPES) == {
        "CPU0": Part.CORES,
        "GPU0": Part.OTHER,
        "nsp0": Part.OTHER,
        "SOC": Part.CHIP,
        "VIRTUAL-SKIN": Part.BOARD,
        "cpu7-usr": Part.CORES,
    }
    now = parse_state(script_output({**NOTE8_MOMENT, "zones": "", "thermal": HAL_OF_ALL_TYPES}))
    assert now.temperature_c == 41.2


@pytest.mark.parametrize(("kind", "name"), [(6, "CPU0"), (7, "cpu-0-0-usr"), (8, "soc")])
def test_limits_of_the_battery_are_not_temperatures(kind: int, name: str) -> None:
    reading = f"\tTemperature{{mValue=50.0, mType={kind}, mName={name}, mStatus=0}}"

    assert parse_hal(f"Current temperatures from HAL:\n{reading}\n") == {}


def test_of_equal_names_the_sensor_nearest_to_the_cores_is_used() -> None:
    lines = [
        f"\tTemperature{{mValue={value}, mType={kind}, mName=a, mStatus=0}}"
        for value, kind in ((60.0, 1), (40.0, 0), (42.0, 0), (70.0, 3))
    ]
    dump = "\n".join(["Current temperatures from HAL:", *lines])

    assert (parse_hal(dump), hal_parts(dump)) == ({"a": 42.0}, {"a": Part.CORES})


def test_cached_readings_of_the_hal_are_ignored() -> None:
    cached, _, _ = PIXEL2_THERMAL.partition("HAL Ready")

    assert parse_hal(cached) == {}


def test_the_hal_is_used_where_zones_are_of_other_parts() -> None:
    battery = zones({"battery": 31000, "soc": 97})
    now = parse_state(script_output({**NOTE8_MOMENT, "zones": battery, "thermal": SAMSUNG_THERMAL}))

    assert (now.temperature_c, now.parts["AP"]) == (45.6, Part.CORES)


def test_zones_are_used_where_they_are_as_near_as_the_hal() -> None:
    now = parse_state(script_output({**NOTE8_MOMENT, "thermal": SAMSUNG_THERMAL}))

    assert (now.temperature_c, now.parts) == (41.5, {})


def test_readings_of_the_runner_are_filtered_too() -> None:
    result = {"soc": 97.0, "vbat#4": 4.2, "cpu": 40.0, "cpu#3": 0.0, "cpu#5": 150.0, "skin": -40.0}

    assert only_temperatures(result) == {"cpu": 40.0}
    assert nearest_part(result) == Part.CORES
    assert nearest_part({"soc": 97.0}) == Part.NOTHING


def test_the_runner_ignores_the_same_zones() -> None:
    folder = files("bench.devices.remote.runner") / "source"
    source = (folder / "sensors.c").read_text(encoding="utf-8")
    lists = {
        name: tuple(re.findall(r'"(\w+)"', words))
        for name, words in re.findall(r"(\w+)\[\] = \{([^}]*)\}", source)
    }

    assert lists == {"percentages": PERCENTAGES, "not_celsius": NOT_CELSIUS}


@given(st.integers())
def test_every_temperature_is_plausible(reading: int) -> None:
    value = celsius(reading)

    assert value is None or plausible_c(value) == value
