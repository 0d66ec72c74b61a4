"""File trees of test phones: output of their commands, and changes."""

import subprocess
from pathlib import Path
from typing import get_args

import pytest

from tests.support import phone_roots
from tests.support.phone_dumps import emulated_cpuinfo
from tests.support.phone_roots import ModelName, make_root

CPU = "sys/devices/system/cpu"


def call(root: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    path = root / "system/bin" / argv[0]
    return subprocess.run([path, *argv[1:]], capture_output=True, text=True, check=False)


def output_of(root: Path, *argv: str) -> str:
    return call(root, *argv).stdout.strip()


@pytest.fixture
def note8(tmp_path: Path) -> Path:
    make_root(tmp_path, "note8")
    return tmp_path


@pytest.fixture
def pixel2(tmp_path: Path) -> Path:
    make_root(tmp_path, "pixel2")
    return tmp_path


def test_getprop_tells_all_one_or_a_default(note8: Path) -> None:
    assert output_of(note8, "getprop", "ro.product.model") == "SM-N950F"
    assert output_of(note8, "getprop", "ro.ofabench.emulated") == "qemu-aarch64"
    assert output_of(note8, "getprop", "ro.nothing") == ""
    assert output_of(note8, "getprop", "ro.nothing", "else") == "else"
    lines = output_of(note8, "getprop").splitlines()
    assert "[ro.build.version.release]: [9]" in lines
    assert lines == sorted(lines)


def test_cores_are_two_clusters(note8: Path) -> None:
    fastest = [
        int((note8 / CPU / f"cpu{core}/cpufreq/cpuinfo_max_freq").read_text()) for core in range(8)
    ]
    assert fastest == [1_690_000] * 4 + [2_314_000] * 4
    assert (note8 / CPU / "online").read_text() == "0-7\n"
    info = (note8 / "proc/cpuinfo").read_text()
    assert info.count("processor\t:") == 8
    assert info.count("CPU part\t: 0xd03") == info.count("CPU part\t: 0x001") == 4


def test_a_temperature_is_written_in_each_sensors_own_unit(pixel2: Path) -> None:
    phone_roots.set_temperature(pixel2, 71.5)
    zones = {
        (zone / "type").read_text().strip(): int((zone / "temp").read_text())
        for zone in (pixel2 / "sys/class/thermal").iterdir()
    }
    assert zones == {
        "tsens_tz_sensor1": 715,
        "tsens_tz_sensor7": 715,
        "tsens_tz_sensor13": 350,
        "battery": 28000,
        "quiet_therm": 31,
    }
    reading = "Temperature{mValue=71.5, mType=0, mName=tsens_tz_sensor7, mStatus=0}"
    assert output_of(pixel2, "dumpsys", "thermalservice").count(reading) == 2


def test_thermal_service_is_there_since_android_10(tmp_path: Path) -> None:
    make_root(tmp_path / "old", "note8")
    make_root(tmp_path / "new", "pixel2")
    phone_roots.set_thermal_status(tmp_path / "new", 3)
    old = call(tmp_path / "old", "dumpsys", "thermalservice")
    assert (old.returncode, old.stderr) == (0, "Can't find service: thermalservice\n")
    assert "\nThermal Status: 3\n" in output_of(tmp_path / "new", "dumpsys", "thermalservice")


def test_frequency_limit_and_battery_are_what_was_set(note8: Path) -> None:
    phone_roots.set_frequency_limit(note8, 4, 1_066_000)
    phone_roots.set_battery(note8, level=15, tenths_c=412, plugged=False)
    freq = note8 / CPU / "cpu4/cpufreq"
    assert (freq / "scaling_max_freq").read_text() == "1066000\n"
    assert (freq / "scaling_cur_freq").read_text() == "1066000\n"
    assert (freq / "cpuinfo_max_freq").read_text() == "2314000\n"
    dump = output_of(note8, "dumpsys", "battery").splitlines()
    assert {"  level: 15", "  temperature: 412", "  USB powered: false", "  status: 3"} <= {*dump}


def test_settings_keep_what_they_are_told(note8: Path) -> None:
    output_of(note8, "settings", "put", "global", "low_power", "1")
    assert output_of(note8, "settings", "get", "global", "low_power") == "1"
    assert output_of(note8, "settings", "delete", "global", "low_power") == "Deleted 1 rows"
    assert output_of(note8, "settings", "get", "global", "low_power") == "null"
    assert output_of(note8, "settings", "list", "global") == "stay_on_while_plugged_in=0"
    assert phone_roots.setting(note8, "global/low_power") is None
    assert phone_roots.received_commands(note8)[0] == "settings put global low_power 1"


@pytest.mark.parametrize(
    ("word", "value"), [("true", "7"), ("usb", "2"), ("ac", "1"), ("wireless", "4"), ("false", "0")]
)
def test_svc_power_stayon_is_a_setting_and_wakes(note8: Path, word: str, value: str) -> None:
    phone_roots.set_screen(note8, on=False)
    output_of(note8, "svc", "power", "stayon", word)
    assert phone_roots.setting(note8, "global/stay_on_while_plugged_in") == value
    awake = "Awake" if value != "0" else "Asleep"
    dump = output_of(note8, "dumpsys", "power").splitlines()
    assert f"  mWakefulness={awake}" in dump
    assert f"Display Power: state={'ON' if value != '0' else 'OFF'}" in dump
    assert f"  mStayOn={'true' if value != '0' else 'false'}" in dump


def test_keys_wake_and_send_to_sleep(note8: Path) -> None:
    output_of(note8, "input", "keyevent", "26")
    assert "  mWakefulness=Asleep" in output_of(note8, "dumpsys", "power").splitlines()
    output_of(note8, "input", "keyevent", "KEYCODE_WAKEUP")
    assert "  mWakefulness=Awake" in output_of(note8, "dumpsys", "power").splitlines()


def test_fixed_performance_mode_is_there_since_android_11(tmp_path: Path) -> None:
    request = ("cmd", "power", "set-fixed-performance-mode-enabled", "true")
    make_root(tmp_path / "old", "note8")
    make_root(tmp_path / "new", "pixel2")
    old, new = call(tmp_path / "old", *request), call(tmp_path / "new", *request)
    assert (old.returncode, old.stdout) == (255, f"Unknown command: {request[2]}\n")
    assert (new.returncode, new.stdout) == (0, "")
    state = tmp_path / "new/phone/fixed_performance"
    assert state.read_text() == "true\n"
    phone_roots.new_boot(tmp_path / "new")
    assert state.read_text() == "false\n"


def test_a_reboot_changes_the_boot_id(note8: Path) -> None:
    before = (note8 / phone_roots.BOOT_ID).read_text()
    phone_roots.new_boot(note8)
    assert (note8 / phone_roots.BOOT_ID).read_text() != before


def test_root_and_missing_commands(note8: Path) -> None:
    assert not (note8 / "system/bin/su").exists()
    phone_roots.give_root(note8)
    assert output_of(note8, "su", "-c", "echo as root") == "as root"
    assert output_of(note8, "su", "0", "echo", "as root") == "as root"
    phone_roots.take_command(note8, "sha256sum")
    lacking = call(note8, "sha256sum", "/dev/null")
    assert (lacking.returncode, "not found" in lacking.stderr) == (127, True)


@pytest.mark.parametrize("model", get_args(ModelName))
def test_a_root_is_made_again_over_itself(tmp_path: Path, model: ModelName) -> None:
    make_root(tmp_path, model, abi="x86_64", emulated="pocket-phone")
    phone_roots.set_temperature(tmp_path, 90.0)
    make_root(tmp_path, model, abi="x86_64", emulated="pocket-phone")
    assert output_of(tmp_path, "getprop", "ro.product.cpu.abi") == "x86_64"
    assert all(
        int((zone / "temp").read_text()) < 90_000 and int((zone / "temp").read_text()) != 900
        for zone in (tmp_path / "sys/class/thermal").iterdir()
    )


def test_emulated_cpuinfo_tells_of_the_emulated_part() -> None:
    assert emulated_cpuinfo(2).count("CPU part\t: 0xd0b") == 2
