"""CPU use of other processes, from two readings of /proc."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.devices.remote.facts.cpu_use import CpuUse, parse_busy, quiet_script
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
