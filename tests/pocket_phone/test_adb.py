"""The pocket phone against the public `adb` program, which knows nothing of it."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.devices.android.adb.address import Address
from bench.devices.android.adb.connection import AdbConnection
from bench.devices.android.adb.server import listed
from tests.pocket_phone import wire
from tests.pocket_phone.phone import DaemonOptions, PocketPhone

pytestmark = pytest.mark.skipif(
    shutil.which("adb") is None, reason="adb is not installed (Debian: apt install adb)"
)
WITHIN_S = 10.0
OPEN_DAEMON = DaemonOptions(secure=False)


class Adb:
    """The program, with a separate server, keys and home folder."""

    def __init__(self, home: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.environment = {
            **os.environ,
            "ANDROID_ADB_SERVER_PORT": str(port),
            "ANDROID_SDK_HOME": str(home),
            "HOME": str(home),
            "TMPDIR": str(home),  # its log
        }
        self.environment.pop("ANDROID_VENDOR_KEYS", None)

    def __call__(
        self, *argv: str, stdin: bytes | None = b"", serial: str = ""
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["adb", *(["-s", serial] if serial else []), *argv],
            input=stdin,
            capture_output=True,
            env=self.environment,
            timeout=WITHIN_S,
            check=False,
        )

    def state(self, serial: str) -> str:
        """Second word of the device's line in `adb devices`; "" where it has none."""
        lines = self("devices").stdout.decode().splitlines()
        return next((line.split()[1] for line in lines if line.startswith(serial)), "")

    def begin(self, serial: str, *argv: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["adb", "-s", serial, *argv],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )


class Attached:
    """The program with one phone."""

    def __init__(self, adb: Adb, phone: PocketPhone) -> None:
        self.adb, self.phone = adb, phone
        self.serial = f"127.0.0.1:{phone.port}"
        self.adb("connect", self.serial)

    def __call__(self, *argv: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return self.adb(*argv, stdin=stdin, serial=self.serial)

    def shell(self, command: str, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
        done = self("shell", command, stdin=stdin)
        return done.returncode, done.stdout, done.stderr


def until_state(adb: Adb, serial: str, state: str) -> None:
    end = time.monotonic() + WITHIN_S
    while adb.state(serial) != state:
        assert time.monotonic() < end, f"{serial} is {adb.state(serial)!r}, expected {state!r}"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def adb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adb]:
    made = Adb(tmp_path_factory.mktemp("adb"))
    made("start-server")
    yield made
    made("kill-server")


@pytest.fixture
def attached(adb: Adb, tmp_path: Path) -> Iterator[Attached]:
    with PocketPhone(tmp_path / "phone", "pixel2", OPEN_DAEMON) as phone:
        made = Attached(adb, phone)
        yield made
        adb("disconnect", made.serial)
        assert phone.violations == []


def test_a_key_is_confirmed_once(adb: Adb, tmp_path: Path) -> None:
    with PocketPhone(tmp_path / "phone", "note8") as phone:
        serial = f"127.0.0.1:{phone.port}"
        adb("connect", serial)
        until_state(adb, serial, "unauthorized")
        phone.answer_dialog(allow=True)
        until_state(adb, serial, "device")
        phone.cut()
        adb("disconnect", serial)
        adb("connect", serial)
        until_state(adb, serial, "device")
        assert len(phone.screen.asked) == 1
        phone.forget_keys()
        adb("disconnect", serial)
        adb("connect", serial)
        until_state(adb, serial, "unauthorized")
        phone.answer_dialog(allow=False)
        assert adb("shell", "true", serial=serial).returncode == 1
        adb("disconnect", serial)
        assert phone.violations == []


def test_adb_reads_the_banner(attached: Attached) -> None:
    line = attached.adb("devices", "-l").stdout.decode().splitlines()[1]
    assert line.split()[:5] == [
        *(attached.serial, "device", "product:walleye", "model:Pixel_2", "device:walleye")
    ]
    assert {"shell_v2", "stat_v2", "ls_v2"} <= set(attached("features").stdout.decode().split())


def test_shell_has_status_outputs_apart_and_input(attached: Attached) -> None:
    completed = attached.shell("getprop ro.product.model; echo no >&2; exit 7")
    assert completed == (7, b"Pixel 2\n", b"no\n")
    data = bytes(range(256)) * 999
    assert attached.shell("cat; echo end", stdin=data) == (0, data + b"end\n", b"")
    paths = attached.shell("cd /data/local/tmp && pwd; ls -d /sys/class/thermal/*0")
    assert paths == (0, b"/data/local/tmp\n/sys/class/thermal/thermal_zone0\n", b"")
    assert attached("exec-out", "echo out; echo no >&2").stdout == b"out\nno\n"


def test_files_go_both_ways(attached: Attached, tmp_path: Path) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(os.urandom(1_000_000))
    source.chmod(0o751)
    pushed = attached("push", str(source), "/data/local/tmp/new/folder/name")
    assert pushed.returncode == 0, pushed.stderr
    there = attached.phone.root / "data/local/tmp/new/folder/name"
    assert there.read_bytes() == source.read_bytes()
    # The user's bits are everybody's (file_sync_service.cpp do_send): 0751 becomes 0777.
    assert there.stat().st_mode & 0o777 == 0o777
    assert attached("pull", "/data/local/tmp/new/folder/name", str(back)).returncode == 0
    assert back.read_bytes() == source.read_bytes()
    listed = attached("ls", "/data/local/tmp/new/folder").stdout.decode().split()
    assert [listed[n] for n in (3, 7, 11)] == [".", "..", "name"]
    assert attached("pull", "/data/local/tmp/nothing", str(back)).returncode == 1


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/data/local/tmp/x", "remote write failed: No space left on device"),
        ("/data/x", "remote couldn't create file: Permission denied"),
        ("/system/x", "remote couldn't create file: Read-only file system"),
    ],
)
def test_files_that_cannot_be_written(
    attached: Attached, tmp_path: Path, path: str, message: str
) -> None:
    (tmp_path / "source").write_bytes(bytes(200_000))
    attached.phone.fill_disk()
    refused = attached("push", str(tmp_path / "source"), path)
    assert refused.returncode == 1
    assert message in (refused.stderr + refused.stdout).decode()
    assert not (attached.phone.root / path[1:]).exists()
    attached.phone.free_disk()
    pushed = attached("push", str(tmp_path / "source"), "/data/local/tmp/x")
    assert pushed.returncode == 0


def test_a_program_hears_that_the_connection_broke(attached: Attached) -> None:
    trap = "trap 'echo hung up > /data/local/tmp/heard; exit' HUP; echo ready; read x; read x"
    with attached.adb.begin(attached.serial, "shell", trap) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        attached.phone.cut()
        heard = attached.phone.root / "data/local/tmp/heard"
        end = time.monotonic() + WITHIN_S
        while attached.phone.processes():
            assert time.monotonic() < end
            time.sleep(0.01)
        assert heard.read_text() == "hung up\n"
        running.communicate(timeout=WITHIN_S)


def test_a_killed_programs_status_is_its_signal(attached: Attached) -> None:
    with attached.adb.begin(attached.serial, "shell", "echo ready; exec sleep 60") as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        (pid,) = attached.phone.processes()
        os.kill(pid, signal.SIGKILL)
        running.communicate(timeout=WITHIN_S)
        assert running.returncode == 128 + signal.SIGKILL


def test_a_reboot_changes_the_boot_id(attached: Attached) -> None:
    boot_id = attached.phone.root / "proc/sys/kernel/random/boot_id"
    before = boot_id.read_text()
    assert attached.shell("cat /proc/sys/kernel/random/boot_id")[1].decode() == before
    assert attached("reboot").returncode == 0
    end = time.monotonic() + WITHIN_S
    while boot_id.read_text() == before:
        assert time.monotonic() < end
        time.sleep(0.01)
    attached.adb("disconnect", attached.serial)
    attached.adb("connect", attached.serial)
    until_state(attached.adb, attached.serial, "device")
    assert attached.shell("cat /proc/sys/kernel/random/boot_id")[1].decode() == boot_id.read_text()


def test_an_old_phone(adb: Adb, tmp_path: Path) -> None:
    options = DaemonOptions(
        secure=False, features=("cmd",), version=wire.VERSION_OLD, max_payload=4096
    )
    (tmp_path / "source").write_bytes(os.urandom(100_000))
    with PocketPhone(tmp_path / "phone", "note8", options) as phone:
        old = Attached(adb, phone)
        assert old("push", str(tmp_path / "source"), "/data/local/tmp/x").returncode == 0
        there = phone.root / "data/local/tmp/x"
        assert there.read_bytes() == (tmp_path / "source").read_bytes()
        assert old.shell("echo out; echo no >&2; exit 7") == (0, b"out\nno\n", b"")
        adb("disconnect", old.serial)
        assert phone.violations == []


@pytest.mark.parametrize("kind", ["tcp", "localfilesystem"])
def test_a_real_server_gives_its_phone_by_transport_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with tempfile.TemporaryDirectory(prefix="adb-") as folder:  # a socket's path is 107 bytes
        adb = Adb(tmp_path)
        place = f"localfilesystem:{folder}/adb.sock"
        if kind == "tcp":
            place = f"tcp:localhost:{adb.environment['ANDROID_ADB_SERVER_PORT']}"
        adb.environment["ADB_SERVER_SOCKET"] = place
        monkeypatch.setenv("ADB_SERVER_SOCKET", place)
        with PocketPhone(tmp_path / "phone", "pixel2", OPEN_DAEMON) as phone:
            adb("connect", f"127.0.0.1:{phone.port}")
            devices = listed()
            assert devices is not None
            (device,) = devices
            assert (device.serial, device.state, device.model) == (
                f"127.0.0.1:{phone.port}",
                "ready",
                "Pixel 2",
            )

            connection = AdbConnection.connect(
                Address.parse(f"adb:transport_id:{device.transport_id}")
            )

            assert connection.run(["getprop", "ro.product.model"]).text == "Pixel 2"
            assert connection.run(["sh", "-c", "exit 7"]).status == 7
            connection.close()
        adb("kill-server")
