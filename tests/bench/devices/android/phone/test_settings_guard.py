"""Settings are changed while a phone is measured, and restored whatever happens."""

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


def previous(connection: HereConnection, cores: tuple[int, ...] = ()) -> PreviousSettings:
    done = connection.run(["sh", "-c", before_script(cores)])
    return parse_before(done.out.decode())


def on(connection: HereConnection, path: str) -> Path:
    return connection.root / path.lstrip("/")


def silent(words: str) -> None:
    raise AssertionError(f"unexpected message: {words}")


def until(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end_s, "the condition did not hold within 10 s"
        time.sleep(0.01)


def test_the_screen_stays_on_only_while_measured(phones: Phones) -> None:
    phone = phones("note8")
    set_screen(phone.root, on=False)
    assert claim(phone, "first").state == "free"

    with changed(phone, screen_changes(previous(phone)), "first", silent) as worked:
        assert worked == {"stay_on"}
        assert setting(phone.root, STAY_ON) == "7"
        assert (phone.root / "phone/wakefulness").read_text() == "Awake\n"
        assert on(phone, RESTORE).exists()

    assert setting(phone.root, STAY_ON) == "0"
    assert (phone.root / "phone/wakefulness").read_text() == "Asleep\n"
    assert not on(phone, RESTORE).exists()
    assert not on(phone, GUARD).exists()


def test_a_setting_that_did_not_exist_is_deleted_again(phones: Phones) -> None:
    phone = phones("note8")
    (phone.root / "phone/settings" / STAY_ON).unlink()
    claim(phone, "first")

    with changed(phone, screen_changes(previous(phone)), "first", silent):
        assert setting(phone.root, STAY_ON) == "7"

    assert setting(phone.root, STAY_ON) is None


def test_the_screen_timeout_is_raised_on_an_unplugged_phone(phones: Phones) -> None:
    phone = phones("pixel2")
    set_battery(phone.root, plugged=False)
    claim(phone, "first")

    with changed(phone, screen_changes(previous(phone)), "first", silent):
        assert setting(phone.root, "system/screen_off_timeout") == "1800000"

    assert setting(phone.root, "system/screen_off_timeout") == "60000"


def test_support_for_fixed_performance_mode_is_detected(phones: Phones) -> None:
    def is_supported(phone: HereConnection) -> bool:
        return phone.run(["sh", "-c", fixed_mode_command(on=False)]).status == 0

    pixel, note = phones("pixel2"), phones("note8")

    assert is_supported(pixel)
    assert not is_supported(note)  # Android 9: the command is unknown
    (pixel.root / "phone/fixed_performance_refused").touch()
    assert not is_supported(pixel)  # answers that its power HAL lacks it


def test_fixed_performance_mode_is_on_only_while_measured(phones: Phones) -> None:
    phone = phones("pixel2")
    claim(phone, "first")

    with changed(phone, [fixed_mode_change()], "first", silent):
        assert (phone.root / MODE).read_text() == "true\n"

    assert (phone.root / MODE).read_text() == "false\n"


def clocks(phone: HereConnection, core: int) -> tuple[int, int]:
    folder = phone.root / CPU / f"cpu{core}/cpufreq"
    low, high = (int((folder / f"scaling_{end}_freq").read_text()) for end in ("min", "max"))
    return low, high


def test_frequencies_are_fixed_with_root_and_restored(phones: Phones) -> None:
    phone = phones("note8")
    give_root(phone.root)
    claim(phone, "first")
    changes = clock_changes(previous(phone, (4, 5)), (4, 5), 1_469_000)

    with changed(phone, changes, "first", silent) as worked:
        assert worked == {"clock4", "clock5"}
        assert clocks(phone, 4) == clocks(phone, 5) == (1_469_000, 1_469_000)
        assert clocks(phone, 6) == (741_000, 2_314_000)

    assert clocks(phone, 4) == clocks(phone, 5) == (741_000, 2_314_000)


def test_the_form_of_su_is_detected() -> None:
    def su_form(lines: str) -> str | None:
        return parse_before(f"@@ofabench root\n{lines}\n@@ofabench end\n").as_root

    assert su_form("su -c.\nsu 0 sh -c.") == "su -c"
    assert su_form(".") == ""
    assert su_form("") is None


def test_a_fixed_frequency_without_root_is_refused() -> None:
    with pytest.raises(DeviceError, match=r"needs root.*omit --frequency-khz"):
        clock_changes(PreviousSettings(), (4,), 1_000_000)


def test_a_frequency_that_the_cores_lack_is_refused() -> None:
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
    name="works",
    what="a setting",
    apply=f"echo on > {WORK}/changed",
    restore=f"rm -f {WORK}/changed",
)
BREAKS = SettingChange(
    name="breaks", what="a thing", apply="echo 'not allowed' >&2; false", restore="true"
)


def test_a_change_that_fails_is_reported(phones: Phones) -> None:
    phone, words = phones("note8"), list[str]()
    claim(phone, "first")

    with changed(phone, [BREAKS, WORKS], "first", words.append) as worked:
        assert worked == {"works"}
        assert on(phone, f"{WORK}/changed").exists()

    assert words == ["the phone refuses to change a thing: not allowed"]
    assert not on(phone, f"{WORK}/changed").exists()


def test_a_required_change_that_fails_is_an_error_and_the_rest_is_restored(
    phones: Phones,
) -> None:
    phone = phones("note8")
    claim(phone, "first")
    needed = SettingChange(name="x", what="the clock", apply="false", restore="true", needed=True)

    with (
        pytest.raises(DeviceError, match="refuses to change the clock: no message"),
        changed(phone, [WORKS, needed], "first", silent),
    ):
        raise AssertionError("it is not entered")

    assert not on(phone, f"{WORK}/changed").exists()
    assert not on(phone, RESTORE).exists()


def test_an_interrupt_restores_everything(phones: Phones) -> None:
    phone = phones("note8")
    claim(phone, "first")

    with pytest.raises(KeyboardInterrupt), changed(phone, [WORKS], "first", silent):
        raise KeyboardInterrupt

    assert not on(phone, f"{WORK}/changed").exists()


def test_a_lost_connection_restores_everything_without_a_message(phones: Phones) -> None:
    phone = phones("note8")
    claim(phone, "first")

    def measure() -> None:
        with changed(phone, [WORKS], "first", silent):
            phone.cut()
            phone.run(["true"])

    with pytest.raises(DeviceLostError):
        measure()

    until(lambda: not on(phone, GUARD).exists())
    assert not on(phone, f"{WORK}/changed").exists()
    assert not on(phone, RESTORE).exists()


def test_the_guardian_survives_a_hang_up(phones: Phones) -> None:
    phone = phones("note8")
    claim(phone, "first")

    with changed(phone, [WORKS], "first", silent):
        phone.processes[-1].popen.send_signal(signal.SIGHUP)
        assert claim(phone, "second").state == "taken"

    assert not on(phone, f"{WORK}/changed").exists()


def test_settings_left_by_a_restart_are_restored_by_the_next_connection(phones: Phones) -> None:
    phone = phones("note8")
    claim(phone, "first")
    with changed(phone, [WORKS], "first", lambda _: None):
        os.killpg(phone.processes[-1].popen.pid, signal.SIGKILL)
        until(lambda: phone.processes[-1].status is not None)
    assert on(phone, f"{WORK}/changed").exists()

    assert claim(phone, "second").state == "restored"

    assert not on(phone, f"{WORK}/changed").exists()
    assert claim(phone, "second").state == "free"


def test_a_guardian_that_died_is_reported(phones: Phones) -> None:
    phone, words = phones("note8"), list[str]()
    claim(phone, "first")

    with changed(phone, [WORKS], "first", words.append):
        os.killpg(phone.processes[-1].popen.pid, signal.SIGKILL)

    assert words == ["not restored on the phone: no message; the next session tries again"]


def test_a_phone_is_measured_by_a_single_session(phones: Phones) -> None:
    phone = phones("note8")
    claim(phone, "first")

    with changed(phone, [WORKS], "first", silent):
        assert claim(phone, "second").state == "taken"
        assert on(phone, f"{WORK}/changed").exists()


def test_a_session_ends_its_own_earlier_guardian(phones: Phones) -> None:
    """The connection broke, and the phone has not noticed."""
    phone = phones("note8")
    claim(phone, "first")

    with closing(changed(phone, [WORKS], "first", silent).gen) as first:
        next(first)
        assert claim(phone, "first").state == "free"
        assert not on(phone, f"{WORK}/changed").exists()


def test_a_setting_that_cannot_be_restored_is_reported_and_blocks_new_changes(
    phones: Phones,
) -> None:
    phone, words = phones("note8"), list[str]()
    claim(phone, "first")
    stuck = SettingChange(name="stuck", what="the lid", apply="true", restore="false")

    with changed(phone, [stuck, WORKS], "first", words.append):
        pass

    assert words == ["not restored on the phone: the lid; the next session tries again"]
    assert not on(phone, f"{WORK}/changed").exists()
    result = claim(phone, "second")
    assert (result.state, result.words) == ("failed", "the lid")
    with (
        pytest.raises(
            DeviceError, match=r"so none were changed: an earlier session's .* is still there"
        ),
        changed(phone, [WORKS], "second", silent),
    ):
        raise AssertionError("it is not entered")


def test_restoring_twice_is_harmless(phones: Phones, tmp_path: Path) -> None:
    phone = phones("note8")
    text = restore_text(screen_changes(previous(phone)))
    claim(phone, "first")
    on(phone, RESTORE).write_text(text)
    shutil.copy(on(phone, RESTORE), tmp_path / "again")

    for _ in range(2):
        assert phone.run(["sh", "-c", text]).status == 0

    assert setting(phone.root, STAY_ON) == "0"


def test_a_folder_that_cannot_be_created_is_an_error(phones: Phones) -> None:
    phone = phones("note8")
    shutil.rmtree(phone.root / "data/local/tmp")
    (phone.root / "data/local/tmp").touch()

    with pytest.raises(DeviceError, match=r"the phone's folder .* cannot be used: mkdir"):
        claim(phone, "first")
