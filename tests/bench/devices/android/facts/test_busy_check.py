"""Check that a phone is idle, cool and charged before it is measured."""

import dataclasses
from typing import Any

import pytest

from bench.devices.android.facts.busy_check import check_fit
from bench.devices.android.facts.device_state import PhoneState
from bench.devices.remote.facts.cpu_use import CpuUse
from bench.errors import DeviceError

FIT = PhoneState(battery_level=80, power_save=False, thermal_status=0, temperatures_c={"cpu": 35.0})


def test_an_idle_cool_and_charged_phone_passes() -> None:
    check_fit(FIT, CpuUse(cores=0.29, most="system_server, process 1"))
    check_fit(FIT, None)
    check_fit(PhoneState(), None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"battery_level": 14}, "its battery is at 14 %"),
        ({"power_save": True}, "battery saver is on"),
        ({"thermal_status": 2}, "it is hot \\(thermal status moderate\\)"),
        ({"temperatures_c": {"cpu": 61.0}}, "it is hot \\(61 C, over 60\\)"),
    ],
)
def test_a_reason_against_measuring_is_named(change: dict[str, Any], words: str) -> None:
    now = dataclasses.replace(FIT, **change)

    with pytest.raises(DeviceError, match=f"cannot be measured now: {words}.*or use --force"):
        check_fit(now, None)


def test_all_reasons_are_in_one_line() -> None:
    now = dataclasses.replace(FIT, battery_level=5, power_save=True)

    with pytest.raises(DeviceError) as error:
        check_fit(now, CpuUse(cores=0.5, most="game, process 9"))

    assert str(error.value) == (
        "the phone cannot be measured now: other processes use 50% of a core (most: game, "
        "process 9), at most 30% is expected: close apps; its battery is at 5 %: charge it to "
        "15 %; battery saver is on: turn it off; or use --force"
    )
