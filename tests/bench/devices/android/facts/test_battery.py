"""Output of `dumpsys battery` of several versions of Android and makers."""

import pytest

from bench.devices.android.facts.battery import Battery, parse_battery
from bench.devices.android.phone.settings_changes import parse_before
from tests.support.phone_texts import NOTE8_BATTERY, script_output

CHARGE = "  status: 2\n  present: true\n  level: 80\n  scale: 100\n  temperature: 301\n"


def battery(**sources: bool) -> str:
    lines = [f"  {name} powered: {str(on).lower()}\n" for name, on in sources.items()]
    return f"Current Battery Service state:\n{''.join(lines)}{CHARGE}"


@pytest.mark.parametrize(
    ("sources", "plugged"),
    [
        ({"AC": False, "USB": False}, "no"),  # Android 4.1 and older
        ({"AC": False, "USB": False, "Wireless": True}, "wireless"),
        ({"AC": False, "USB": False, "Wireless": False, "Dock": True}, "dock"),  # 13 on
        ({"AC": True, "USB": True, "Wireless": False, "Dock": False}, "ac,usb"),
        ({"AC": False, "USB": False, "Pogo pin": True}, "pogo pin"),
        ({}, None),
    ],
)
def test_every_source_of_power_is_named(sources: dict[str, bool], plugged: str | None) -> None:
    assert parse_battery(battery(**sources)).plugged == plugged


def test_a_phone_on_a_dock_counts_as_plugged_in_for_its_screen() -> None:
    docked = battery(AC=False, USB=False, Dock=True)

    assert parse_before(script_output({"battery": docked})).plugged
    assert not parse_before(script_output({"battery": docked.replace("true", "false")})).plugged
    assert parse_before(script_output({})).plugged  # unknown: the screen's settings are not changed


def test_a_log_after_the_state_is_ignored() -> None:
    log = "[EventLog]\n  Dock powered: maybe\n  USB powered: false\n"

    assert parse_battery(NOTE8_BATTERY + log).plugged == "usb"


@pytest.mark.parametrize(
    ("tenths", "celsius"),
    [
        ("301", 30.1),
        ("-50", -5.0),
        ("-2147483648", None),
        ("2147483647", None),
        ("0", None),  # no gauge
        ("-200", None),
        ("1249", 124.9),
        ("3570", None),  # hundredths
        ("28500", None),  # thousandths
        ("warm", None),
    ],
)
def test_implausible_temperatures_of_the_battery_are_unknown(
    tenths: str, celsius: float | None
) -> None:
    text = CHARGE.replace("301", tenths)

    assert parse_battery(text).temperature_c == celsius


@pytest.mark.parametrize(
    ("level", "scale", "percent"),
    [
        ("80", "100", 80),
        ("150", "200", 75),
        ("0", "100", 0),
        ("101", "100", None),
        ("-1", "100", None),
        ("80", "0", None),
        ("0", "-1", None),
        ("80", "", 80),
    ],
)
def test_the_level_of_the_battery_is_a_percentage_of_its_scale(
    level: str, scale: str, percent: int | None
) -> None:
    text = CHARGE.replace("level: 80", f"level: {level}").replace("scale: 100", f"scale: {scale}")

    assert parse_battery(text).level == percent


def test_a_device_without_a_battery_has_no_level() -> None:
    text = battery(AC=True).replace("present: true", "present: false").replace("80", "0")

    assert parse_battery(text) == Battery(plugged="ac")


def test_without_a_battery_service_nothing_is_known() -> None:
    assert parse_battery("Can't find service: battery") == Battery()
