"""Settings that are changed while a phone is measured, and put back whatever happens."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bench.devices.android.phone.settings_changes import (
    PreviousSettings,
    SettingChange,
    before_script,
    clock_changes,
    fixed_mode_change,
    fixed_mode_command,
    parse_before,
    screen_changes,
)
from bench.devices.android.phone.settings_guard import (
    GUARD,
    RESTORE,
    WORK,
    changed,
    claim,
    restore_text,
)
from bench.errors import DeviceError, DeviceLostError, InputError
from tests.support.local_phone import HereConnection
from tests.support.phone_roots import (
    CPU,
    ModelName,
    give_root,
    make_root,
    set_battery,
    set_screen,
    setting,
)

STAY_ON = "global/stay_on_while_plugged_in"
MODE = "phone/fixed_performance"
Phones = Callable[[ModelName], HereConnection]


@pytest.fixture
def phones(tmp_path: Path) -> Iterator[Phones]:
    made: list[HereConnection] = []

    def make(model: ModelName) -> HereConnection:
        make_root(tmp_path / model, model)
        made.append(HereConnection(tmp_path / model))
        return made[-1]

    yield make
    for connection in made:
        connection.end()


def before(connection: HereConnection, cores: tuple[int, ...] = ()) -> PreviousSettings:
    done = connection.run(["sh", "-c", before_script(cores)])
    return parse_before(done.out.decode())


def on(connection: HereConnection, path: str) -> Path:
    return connection.root / path.lstrip("/")


def silent(words: str) -> None:
    raise AssertionError(f"told: {words}")


def until(what: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 10
    while not what():
        assert time.monotonic() < end_s, "waited 10 s in vain"
        time.sleep(0.01)


def test_the_screen_stays_on_within_and_not_after(phones: Phones) -> None:
    phone = phones("note8")
    set_screen(phone.root, on=False)
    assert claim(phone, "one").state == "free"

    with changed(phone, screen_changes(before(phone)), "one", silent) as worked:
        assert worked == {"stay_on"}
        assert setting(phone.root, STAY_ON) == "7"
        assert (phone.root / "phone/wakefulness").read_text() == "Awake\n"
        assert on(phone, RESTORE).exists()

    assert setting(phone.root, STAY_ON) == "0"
    assert (phone.root / "phone/wakefulness").read_text() == "Asleep\n"
    assert not on(phone, RESTORE).exists()
    assert not on(phone, GUARD).exists()


def test_a_setting_that_was_not_there_is_deleted_again(phones: Phones) -> None:
    phone = phones("note8")
    (phone.root / "phone/settings" / STAY_ON).unlink()
    claim(phone, "one")

    with changed(phone, screen_changes(before(phone)), "one", silent):
        assert setting(phone.root, STAY_ON) == "7"

    assert setting(phone.root, STAY_ON) is None


def test_a_phone_without_a_cable_stays_awake_for_a_while(phones: Phones) -> None:
    phone = phones("pixel2")
    set_battery(phone.root, plugged=False)
    claim(phone, "one")

    with changed(phone, screen_changes(before(phone)), "one", silent):
        assert setting(phone.root, "system/screen_off_timeout") == "1800000"

    assert setting(phone.root, "system/screen_off_timeout") == "60000"


def test_fixed_performance_mode_is_known_by_the_phones_answer(phones: Phones) -> None:
    def has_it(phone: HereConnection) -> bool:
        return phone.run(["sh", "-c", fixed_mode_command(on=False)]).status == 0

    pixel, note = phones("pixel2"), phones("note8")

    assert has_it(pixel)
    assert not has_it(note)  # Android 9: the command is unknown
    (pixel.root / "phone/fixed_performance_refused").touch()
    assert not has_it(pixel)  # says in words that its power HAL has it not


def test_fixed_performance_mode_is_on_within(phones: Phones) -> None:
    phone = phones("pixel2")
    claim(phone, "one")

    with changed(phone, [fixed_mode_change()], "one", silent):
        assert (phone.root / MODE).read_text() == "true\n"

    assert (phone.root / MODE).read_text() == "false\n"


def clocks(phone: HereConnection, core: int) -> tuple[int, int]:
    folder = phone.root / CPU / f"cpu{core}/cpufreq"
    low, high = (int((folder / f"scaling_{end}_freq").read_text()) for end in ("min", "max"))
    return low, high


def test_frequencies_are_held_with_root_and_let_go(phones: Phones) -> None:
    phone = phones("note8")
    give_root(phone.root)
    claim(phone, "one")
    changes = clock_changes(before(phone, (4, 5)), (4, 5), 1_469_000)

    with changed(phone, changes, "one", silent) as worked:
        assert worked == {"clock4", "clock5"}
        assert clocks(phone, 4) == clocks(phone, 5) == (1_469_000, 1_469_000)
        assert clocks(phone, 6) == (741_000, 2_314_000)

    assert clocks(phone, 4) == clocks(phone, 5) == (741_000, 2_314_000)


def test_root_is_used_as_the_phone_gives_it() -> None:
    def told(lines: str) -> str | None:
        return parse_before(f"@@ofabench root\n{lines}\n@@ofabench end\n").as_root

    assert told("su -c.\nsu 0 sh -c.") == "su -c"
    assert told(".") == ""
    assert told("") is None


def test_without_root_no_frequency_is_held() -> None:
    with pytest.raises(DeviceError, match=r"needs root.*omit --frequency-khz"):
        clock_changes(PreviousSettings(), (4,), 1_000_000)


def test_a_frequency_that_the_cores_have_not_is_refused() -> None:
    folder = "/sys/devices/system/cpu/cpu4/cpufreq"
    files = {
        f"{folder}/scaling_min_freq": "741000",
        f"{folder}/scaling_max_freq": "2314000",
        f"{folder}/cpuinfo_min_freq": "741000",
        f"{folder}/cpuinfo_max_freq": "2314000",
    }
    listed = {**files, f"{folder}/scaling_available_frequencies": "741000 2314000 "}

    with pytest.raises(InputError, match="is 3000000 kHz, core 4 has 741000 to 2314000"):
        clock_changes(PreviousSettings(as_root="", clocks=files), (4,), 3_000_000)
    with pytest.raises(InputError, match="is 800000 kHz, core 4 has 741000, 2314000"):
        clock_changes(PreviousSettings(as_root="", clocks=listed), (4,), 800_000)
    with pytest.raises(DeviceError, match="core 5 does not report"):
        clock_changes(PreviousSettings(as_root="", clocks=files), (5,), 800_000)


WORKS = SettingChange(
    name="works", what="one thing", apply=f"echo on > {WORK}/one", restore=f"rm -f {WORK}/one"
)
BREAKS = SettingChange(
    name="breaks", what="a thing", apply="echo 'not allowed' >&2; false", restore="true"
)


def test_a_change_that_does_not_work_is_told(phones: Phones) -> None:
    phone, words = phones("note8"), list[str]()
    claim(phone, "one")

    with changed(phone, [BREAKS, WORKS], "one", words.append) as worked:
        assert worked == {"works"}
        assert on(phone, f"{WORK}/one").exists()

    assert words == ["the phone refuses to change a thing: not allowed"]
    assert not on(phone, f"{WORK}/one").exists()


def test_a_needed_change_that_does_not_work_ends_it_and_the_rest_is_put_back(
    phones: Phones,
) -> None:
    phone = phones("note8")
    claim(phone, "one")
    needed = SettingChange(name="x", what="the clock", apply="false", restore="true", needed=True)

    with (
        pytest.raises(DeviceError, match="refuses to change the clock: no message"),
        changed(phone, [WORKS, needed], "one", silent),
    ):
        raise AssertionError("it is not entered")

    assert not on(phone, f"{WORK}/one").exists()
    assert not on(phone, RESTORE).exists()


def test_an_interrupt_puts_everything_back(phones: Phones) -> None:
    phone = phones("note8")
    claim(phone, "one")

    with pytest.raises(KeyboardInterrupt), changed(phone, [WORKS], "one", silent):
        raise KeyboardInterrupt

    assert not on(phone, f"{WORK}/one").exists()


def test_a_lost_connection_puts_everything_back_and_nobody_is_told(phones: Phones) -> None:
    phone = phones("note8")
    claim(phone, "one")

    def measure() -> None:
        with changed(phone, [WORKS], "one", silent):
            phone.cut()
            phone.run(["true"])

    with pytest.raises(DeviceLostError):
        measure()

    until(lambda: not on(phone, GUARD).exists())
    assert not on(phone, f"{WORK}/one").exists()
    assert not on(phone, RESTORE).exists()


def test_the_guardian_outlives_the_hang_up(phones: Phones) -> None:
    phone = phones("note8")
    claim(phone, "one")

    with changed(phone, [WORKS], "one", silent):
        phone.processes[-1].popen.send_signal(signal.SIGHUP)
        assert claim(phone, "two").state == "taken"

    assert not on(phone, f"{WORK}/one").exists()


def test_what_a_dead_phone_left_is_put_back_by_the_next_connection(phones: Phones) -> None:
    phone = phones("note8")
    claim(phone, "one")
    with changed(phone, [WORKS], "one", lambda _: None):
        os.killpg(phone.processes[-1].popen.pid, signal.SIGKILL)
        until(lambda: phone.processes[-1].status is not None)
    assert on(phone, f"{WORK}/one").exists()

    assert claim(phone, "two").state == "restored"

    assert not on(phone, f"{WORK}/one").exists()
    assert claim(phone, "two").state == "free"


def test_a_guardian_that_died_is_told(phones: Phones) -> None:
    phone, words = phones("note8"), list[str]()
    claim(phone, "one")

    with changed(phone, [WORKS], "one", words.append):
        os.killpg(phone.processes[-1].popen.pid, signal.SIGKILL)

    assert words == ["not restored on the phone: no message; the next session tries again"]


def test_one_phone_is_measured_by_one_session(phones: Phones) -> None:
    phone = phones("note8")
    claim(phone, "one")

    with changed(phone, [WORKS], "one", silent):
        assert claim(phone, "two").state == "taken"
        assert on(phone, f"{WORK}/one").exists()


def test_a_guardian_of_the_same_session_is_ended_by_it(phones: Phones) -> None:
    """Its connection broke, and the phone has not noticed."""
    phone = phones("note8")
    claim(phone, "one")

    with closing(changed(phone, [WORKS], "one", silent).gen) as first:
        next(first)
        assert claim(phone, "one").state == "free"
        assert not on(phone, f"{WORK}/one").exists()


def test_what_cannot_be_put_back_is_told_and_stands_in_the_way(phones: Phones) -> None:
    phone, words = phones("note8"), list[str]()
    claim(phone, "one")
    stuck = SettingChange(name="stuck", what="the lid", apply="true", restore="false")

    with changed(phone, [stuck, WORKS], "one", words.append):
        pass

    assert words == ["not restored on the phone: the lid; the next session tries again"]
    assert not on(phone, f"{WORK}/one").exists()
    result = claim(phone, "two")
    assert (result.state, result.words) == ("failed", "the lid")
    with (
        pytest.raises(
            DeviceError, match=r"so none were changed: an earlier session's .* is still there"
        ),
        changed(phone, [WORKS], "two", silent),
    ):
        raise AssertionError("it is not entered")


def test_putting_back_may_be_done_twice(phones: Phones, tmp_path: Path) -> None:
    phone = phones("note8")
    text = restore_text(screen_changes(before(phone)))
    claim(phone, "one")
    on(phone, RESTORE).write_text(text)
    shutil.copy(on(phone, RESTORE), tmp_path / "again")

    for _ in range(2):
        assert phone.run(["sh", "-c", text]).status == 0

    assert setting(phone.root, STAY_ON) == "0"


def test_a_folder_that_cannot_be_made_is_told(phones: Phones) -> None:
    phone = phones("note8")
    shutil.rmtree(phone.root / "data/local/tmp")
    (phone.root / "data/local/tmp").touch()

    with pytest.raises(DeviceError, match=r"the phone's folder .* cannot be used: mkdir"):
        claim(phone, "one")
