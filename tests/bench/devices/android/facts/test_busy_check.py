"""Check that a phone is idle, cool and charged before it is measured."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.devices.android.facts.busy_check import CpuUse, check_fit, parse_busy, quiet_script
from bench.devices.android.facts.device_state import PhoneState
from bench.errors import DeviceError
from tests.support.local_phone import HereConnection
from tests.support.phone_roots import make_root
from tests.support.phone_texts import script_output


def stat(pid: int, name: str, user: int, system: int) -> str:
    return f"{pid} ({name}) S 1 {pid} 0 0 -1 4194560 10 0 0 0 {user} {system} 0 0 20 0 1 0 99"


BEFORE = "\n".join(
    [
        "1000.50 7000.00",
        stat(1, "busy-b", 500, 5),  # a kernel thread that was renamed
        stat(77, "a (b) c", 100, 50),
        stat(5, "adbd", 9, 9),
    ]
)
AFTER = "\n".join(
    [
        "1001.75 7008.00",
        stat(1, "busy-b", 500, 5),  # a kernel thread that was renamed
        stat(77, "a (b) c", 180, 70),
        stat(5, "adbd", 99, 99),
        stat(90, "new", 20, 5),
        stat(91, "cat", 3, 3),
    ]
)
FIT = PhoneState(battery_level=80, power_save=False, thermal_status=0, temperatures_c={"cpu": 35.0})


def test_the_use_by_other_processes_is_the_difference_of_two_readings() -> None:
    busy = parse_busy(script_output({"before": BEFORE, "after": AFTER}))

    # 80 + 20 ticks of process 77 and 25 of a new one, in 1.25 s.
    assert busy == CpuUse(cores=1.0, most="a (b) c, process 77")


def test_an_idle_phone_uses_no_cores() -> None:
    assert parse_busy(
        script_output({"before": BEFORE, "after": BEFORE.replace("1000.50", "1001.50")})
    ) == (CpuUse(cores=0.0, most="none"))


@pytest.mark.parametrize("after", ["", "later", "1000.50 7000.00", "1.x 2"])
def test_without_two_valid_readings_the_use_is_unknown(after: str) -> None:
    assert parse_busy(script_output({"before": BEFORE, "after": after})) is None


@given(st.text(), st.text())
def test_garbage_gives_no_negative_use(before: str, after: str) -> None:
    busy = parse_busy(script_output({"before": f"1.0 2\n{before}", "after": f"2.0 3\n{after}"}))

    assert busy is None or busy.cores >= 0


def test_the_script_lists_processes_in_a_shell(tmp_path: Path) -> None:
    make_root(tmp_path, "note8")

    completed = HereConnection(tmp_path).run(["sh", "-c", quiet_script().replace("sleep 1", ":")])

    text = completed.out.decode(errors="replace")
    assert completed.status == 0
    assert text.count("@@ofabench") == 4
    assert " (pytest) " in text or "(python" in text


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
