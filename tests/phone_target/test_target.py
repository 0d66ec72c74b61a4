"""The phone that is Android's own adbd: it is one, as Debian's `adb` sees it."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.phone_target.adb import Adb, Desk, wait_until
from tests.phone_target.phone import RealPhone, port_of, port_place

REPOSITORY = Path(__file__).parents[2]
DISK = "/data/local/tmp"
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"
SLEEP = "sleep 60 > /dev/null 2>&1 < /dev/null &"
PROGRAM = r"""
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <sys/utsname.h>
int main(void) {
    struct utsname name;
    cpu_set_t last;
    CPU_ZERO(&last);
    CPU_SET(7, &last);
    uname(&name);
    return printf("%s %d\n", name.machine, sched_setaffinity(0, sizeof last, &last)) < 0;
}
"""
KEEPER = """
import sys
from pathlib import Path
from tests.phone_target.phone import RealPhone
phone = RealPhone(Path(sys.argv[1]), "note8", Path(sys.argv[2]))
phone.start()
print("started", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def adb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adb]:
    if shutil.which("adb") is None:
        pytest.skip("Debian's adb is not installed: apt-get install adb")
    with port_place() as place:
        port = port_of(place)
    adb = Adb(tmp_path_factory.mktemp("home"), port)
    yield adb
    adb("kill-server")


@pytest.fixture
def stranger(adb: Adb, real_phone: RealPhone) -> Iterator[Desk]:
    """A phone that has not been asked yet."""
    desk = Desk(adb, real_phone)
    desk.connect()
    assert desk.state == "unauthorized"
    yield desk
    desk.disconnect()


@pytest.fixture
def desk(stranger: Desk) -> Desk:
    """A phone that lets this adb in, for good."""
    stranger.phone.answer_dialog(True)
    stranger.wait_for("device")
    return stranger


def test_a_refused_host_cannot_connect(stranger: Desk) -> None:
    stranger.phone.answer_dialog(False)
    assert stranger.state == "unauthorized"
    assert stranger("shell", "true").returncode == 1
    stranger.connect()
    stranger.phone.answer_dialog(True)
    stranger.wait_for("device")


def test_a_host_is_allowed_once_or_always(stranger: Desk) -> None:
    keys = stranger.phone.root / "data/misc/adb/adb_keys"
    stranger.phone.answer_dialog(True, always=False)
    stranger.wait_for("device")
    assert not keys.exists()

    stranger.connect()
    assert stranger.state == "unauthorized"
    stranger.phone.answer_dialog(True, always=True)
    stranger.wait_for("device")
    assert len(keys.read_text().splitlines()) == 1

    stranger.connect()
    stranger.wait_for("device")
    stranger.phone.forget_keys()
    stranger.connect()
    assert stranger.state == "unauthorized"


def test_shell_gives_status_output_and_errors_apart(desk: Desk) -> None:
    done = desk("shell", "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")
    assert desk.shell("id -u") == "2000\n"
    assert "shell_v2" in desk("features").stdout.split()


def test_it_reports_the_facts_of_its_model(desk: Desk) -> None:
    model = desk.shell("getprop ro.product.model").strip()
    assert model in ("SM-N950F", "Pixel 2")
    assert f"model:{re.sub('[- ]', '_', model)}" in desk.adb("devices", "-l").stdout
    assert desk.shell("cat /proc/cpuinfo").count("CPU part\t: 0xd0b") == 8
    desk.phone.set_temperature(71.0)
    desk.phone.set_frequency(4, 1_200_000)
    zones = desk.shell("cat /sys/class/thermal/thermal_zone*/temp").split()
    assert {"71000", "710"} & set(zones)
    clock = "/sys/devices/system/cpu/cpu4/cpufreq/scaling_cur_freq"
    assert desk.shell(f"cat {clock}") == "1200000\n"


def test_files_come_back_as_they_went(desk: Desk, tmp_path: Path) -> None:
    content = os.urandom(1_000_003)
    (tmp_path / "there").write_bytes(content)
    assert desk("push", tmp_path / "there", f"{DISK}/file").returncode == 0
    assert (desk.phone.root / DISK[1:] / "file").read_bytes() == content
    assert desk("pull", f"{DISK}/file", tmp_path / "back").returncode == 0
    assert (tmp_path / "back").read_bytes() == content


def test_programs_for_aarch64_run(desk: Desk, tmp_path: Path) -> None:
    compiler = shutil.which("aarch64-linux-gnu-gcc")
    if compiler is None:
        pytest.skip("no compiler for aarch64: apt-get install gcc-aarch64-linux-gnu")
    (tmp_path / "a.c").write_text(PROGRAM)
    subprocess.run([compiler, "-static", "-o", tmp_path / "a", tmp_path / "a.c"], check=True)
    desk("push", tmp_path / "a", f"{DISK}/a")
    # Bound to a core that the phone has, and this machine may not have.
    assert desk.shell(f"chmod 755 {DISK}/a && {DISK}/a") == "aarch64 0\n"


def test_a_full_disk_refuses_files_until_it_is_freed(
    desk: Desk, real_phone: RealPhone, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(bytes(100_000))
    desk("push", tmp_path / "file", f"{DISK}/before")
    real_phone.fill_disk()
    pushed = desk("push", tmp_path / "file", f"{DISK}/file")
    assert pushed.returncode == 1
    assert "No space left on device" in pushed.stdout
    assert "No space left on device" in desk("shell", f"echo text > {DISK}/line").stderr
    assert desk.shell(f"wc -c < {DISK}/before") == "100000\n"
    real_phone.fill_disk(free_bytes=50_000)
    assert desk("push", tmp_path / "file", f"{DISK}/file").returncode == 1
    real_phone.free_disk()
    assert desk("push", tmp_path / "file", f"{DISK}/file").returncode == 0


def test_programs_of_the_phone_can_be_listed_and_killed(desk: Desk) -> None:
    assert desk.phone.processes() == []
    with desk.start("shell", "sleep 60") as running:
        os.kill(desk.wait_for_program("sleep"), signal.SIGKILL)
        assert running.wait(timeout=10) == 128 + signal.SIGKILL


def test_a_cut_connection_ends_the_programs_writing_to_it(desk: Desk) -> None:
    desk.phone.cut_after(bytes_out=100_000)
    desk("shell", "cat /dev/zero")  # adb itself calls that a success
    assert desk.state in ("", "offline")
    wait_until(desk.phone.processes, lambda seen: not seen)
    desk.connect_again()


def test_the_daemon_comes_back_after_it_was_killed(desk: Desk) -> None:
    boot = desk.shell(BOOT_ID)
    desk("shell", f"touch {DISK}/kept; {SLEEP}")
    desk.wait_for_program("sleep")
    desk.phone.stop()
    assert desk.phone.processes() == []
    desk.connect()
    assert desk.state == ""
    desk.phone.start()
    desk.connect_again()
    assert desk.shell(f"{BOOT_ID}; ls {DISK}") == f"{boot}kept\n"


def test_a_reboot_leaves_only_files(desk: Desk) -> None:
    boot = desk.shell(BOOT_ID)
    desk("shell", f"touch {DISK}/kept; {SLEEP}")
    sleep = desk.wait_for_program("sleep")
    desk.phone.reboot()
    assert not psutil.pid_exists(sleep)
    assert desk.phone.processes() == []
    desk.connect_again()
    assert desk.shell(f"ls {DISK}") == "kept\n"
    assert desk.shell(BOOT_ID) != boot


@pytest.mark.parametrize("real_phone", ["note8"], indirect=True)
@pytest.mark.usefixtures("real_phone")  # skips where no phone starts
def test_no_process_outlives_its_test(real_adbd: Path, tmp_path: Path) -> None:
    argv = [sys.executable, "-c", KEEPER, str(tmp_path / "other"), str(real_adbd)]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, cwd=REPOSITORY) as keeper:
        assert keeper.stdout is not None
        assert keeper.stdout.readline() == b"started\n"
        processes = psutil.Process(keeper.pid).children(recursive=True)
        assert {"adbd", "bash"} <= {process.name() for process in processes}
        keeper.kill()
        _, alive = psutil.wait_procs(processes, timeout=10)
    assert alive == []
