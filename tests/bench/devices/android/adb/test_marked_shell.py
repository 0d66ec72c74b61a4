"""Commands without shell_v2 on both daemons: status, outputs, input and their end."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bench.devices.android.adb.address import Address
from bench.devices.android.adb.connection import AdbConnection, Timeouts
from bench.devices.android.adb.link import Stream
from bench.devices.android.adb.marked_shell import MarkedProcess
from bench.devices.android.device import AdbDevice
from bench.devices.android.phone.options import PhoneOptions
from bench.devices.android.phone.settings_changes import SettingChange
from bench.devices.android.phone.settings_guard import GUARD, RESTORE, WORK, changed
from bench.devices.remote.content import push_missing
from bench.errors import DeviceError, DeviceLostError
from tests.phone_target.phone import RealPhone
from tests.pocket_phone.phone import DaemonOptions, PocketPhone
from tests.support.phone_control import PhoneControl
from tests.support.phone_faults import answer

TIMEOUTS = Timeouts(connect_s=10.0, answer_s=20.0, confirm_s=20.0, reconnect_s=10.0)
ONE = SettingChange(
    name="first",
    what="a setting",
    apply=f"echo on > {WORK}/changed",
    restore=f"rm -f {WORK}/changed",
)
PLACE = "/data/local/tmp/test"
# Android 5's daemon: no features, checksums, messages of 4 KB at most.
OLD = DaemonOptions(secure=False, features=(), version=0x01000000, max_payload=4096)


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(listener.getsockname()[1]))


@pytest.fixture(params=["pocket", "adbd"])
def phone(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PhoneControl]:
    """Old phone, or Android's own daemon with shell_v2 removed from its banner."""
    if request.param == "pocket":
        with PocketPhone(tmp_path / "phone", "pixel2", OLD) as made:
            yield made
            assert made.violations == []
        return
    monkeypatch.setattr("bench.devices.android.adb.link.split_features", lambda text: frozenset())
    adbd: Path = request.getfixturevalue("real_adbd")
    with RealPhone(tmp_path / "phone", "pixel2", adbd) as real:
        answer(real, allow=True)
        yield real


@pytest.fixture
def connection(phone: PhoneControl, tmp_path: Path) -> Iterator[AdbConnection]:
    made = AdbConnection.connect(
        Address.parse(phone.address), timeouts=TIMEOUTS, keys=tmp_path / "adbkey"
    )
    assert made.shell == "echoed marker"
    yield made
    made.close()


def test_a_command_returns_status_and_separate_outputs(connection: AdbConnection) -> None:
    done = connection.run(["sh", "-c", "cat; echo words >&2; printf end; exit 7"], stdin=b"a\nb")

    assert (done.status, done.out, done.err) == (7, b"a\nb\nend", b"words\n")
    assert connection.run(["true"]).status == 0
    assert connection.run(["no-such-command"]).status == 127
    assert connection.run(["sh", "-c", "kill -9 $$"]).status == 128 + 9


def test_arguments_reach_the_phone_unchanged(connection: AdbConnection) -> None:
    words = ["it's", "$HOME `id` ; exit 3", 'a "quoted" one', "*", "", "two\nlines", "back\\nslash"]

    done = connection.run(["printf", "%s|", *words])

    assert done.out.decode() == "".join(f"{word}|" for word in words)


def test_outputs_may_be_large_binary_and_mixed(connection: AdbConnection) -> None:
    content = os.urandom(300_000)
    push_missing(connection, PLACE, {"f": content})

    assert connection.run(["cat", f"{PLACE}/f"]).out == content
    done = connection.run(
        ["sh", "-c", "i=0; while [ $i -lt 300 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done"]
    )
    assert done.out.decode() == "".join(f"out {i}\n" for i in range(300))
    assert done.err.decode() == "".join(f"err {i}\n" for i in range(300))


def test_a_command_may_exceed_the_daemons_message_size(connection: AdbConnection) -> None:
    text = "".join(f"echo line {i}\n" for i in range(1000))

    done = connection.run(["sh", "-c", text])

    assert len(text) > 2 * 4096
    assert done.out.decode() == "".join(f"line {i}\n" for i in range(1000))


def test_programs_run_concurrently(connection: AdbConnection) -> None:
    with connection.start(
        ["sh", "-c", "while read l; do echo $l; done; echo end; exit 3"]
    ) as process:
        process.write(b"a\nb\n")
        assert process.read_line(10) == b"a\n"
        assert connection.run(["echo", "beside"]).text == "beside"
        assert process.read_line(10) == b"b\n"
        process.close_stdin()
        assert process.read_line(10) == b"end\n"
        assert process.read_line(10) is None
        assert process.status == 3


def test_the_end_of_a_program_is_detected(connection: AdbConnection) -> None:
    with connection.start(["sh", "-c", "read l; echo $l; exit 4"]) as process:
        process.write(b"stop\n")
        assert process.read_line(10) == b"stop\n"
        assert process.read_line(10) is None
        assert process.status == 4


def becomes_empty(look: Callable[[], object]) -> bool:
    deadline_s = time.monotonic() + 10
    while look():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("command", ["cat", "sleep 60"])
def test_a_closed_program_ends_on_the_phone(
    phone: PhoneControl, connection: AdbConnection, command: str
) -> None:
    with connection.start(["sh", "-c", f"echo on; exec {command}"]) as program:
        assert program.read_line(10) == b"on\n"

    assert connection.run(["true"]).status == 0
    assert becomes_empty(phone.processes)


def test_a_broken_connection_is_not_the_end_of_a_program(
    phone: PhoneControl, connection: AdbConnection
) -> None:
    with connection.start(["sh", "-c", "echo on; exec sleep 60"]) as program:
        assert program.read_line(10) == b"on\n"
        phone.cut()
        with pytest.raises(DeviceLostError):
            program.wait(10)

    connection.reconnect()
    assert connection.run(["echo", "back"]).text == "back"
    assert becomes_empty(phone.processes)


def test_input_with_nul_bytes_is_refused(connection: AdbConnection) -> None:
    with pytest.raises(DeviceError, match=r"no shell_v2.* NUL"):
        connection.run(["cat"], stdin=b"a\0b")


def test_settings_are_restored_by_the_guardian(
    phone: PhoneControl, connection: AdbConnection
) -> None:
    connection.run(["mkdir", "-p", WORK])
    result: list[str] = []
    with changed(connection, [ONE], "session", result.append) as done:
        assert done == {"first"}
        assert (phone.root / f"{WORK}/changed".lstrip("/")).exists()

    assert result == []
    for path in (f"{WORK}/changed", RESTORE, GUARD):
        assert not (phone.root / path.lstrip("/")).exists()


def test_the_facts_name_the_source_of_exit_statuses(phone: PhoneControl, tmp_path: Path) -> None:
    options = PhoneOptions(keys=tmp_path / "adbkey")
    with closing(AdbDevice(phone.address, options, notify=lambda _: None)) as device:
        facts = device.facts()

    assert facts["adb_exit_status"] == "echoed marker"
    assert facts["model"] == "Pixel 2"
    assert facts["android_version"] == "11"


def test_a_daemon_without_exec_is_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PocketPhone, "_service", lambda self, name: None)
    with PocketPhone(tmp_path / "phone", "pixel2", OLD) as phone:
        made = AdbConnection.connect(Address.parse(phone.address), timeouts=TIMEOUTS)
        with pytest.raises(DeviceError, match=r"neither shell_v2 nor exec.*Android 5 or newer"):
            made.run(["true"])
        made.close()


class PiecewiseStream:
    """Stream that returns given data in pieces of `size` bytes."""

    def __init__(self, data: bytes, size: int) -> None:
        self._pieces = [data[i : i + size] for i in range(0, len(data), size)]

    def read(self, timeout_s: float) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def write(self, data: bytes, timeout_s: float) -> None:
        del data, timeout_s

    def close(self) -> None:
        pass


@contextmanager
def process_of(data: bytes, size: int) -> Iterator[MarkedProcess]:
    stream: Stream = PiecewiseStream(data, size)
    with MarkedProcess(stream, 1.0, b"@@m") as made:
        yield made


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_markers_are_recognised_wherever_pieces_end(size: int) -> None:
    result = b"half@@m e wrong\n line\n@@m2\nlast@@m s 130\n@@m e late\n@@m x\n"

    with process_of(result, size) as process:
        done = process.wait(5)

    assert (done.status, done.out, done.err) == (130, b"half line\n@@m2\nlast", b"wrong\nlate\n")


@pytest.mark.parametrize("data", [b"@@m s x\n", b"@@m x\n", b"@@m ?\n"])
def test_a_garbled_marker_is_an_error(data: bytes) -> None:
    with process_of(data, 100) as process, pytest.raises(DeviceLostError, match="garbled"):
        process.wait(5)


def test_output_without_an_end_marker_is_an_error() -> None:
    result = b"x\n@@m s 0\n"
    with (
        process_of(result, 100) as process,
        pytest.raises(DeviceLostError, match="before its comm"),
    ):
        process.wait(5)
