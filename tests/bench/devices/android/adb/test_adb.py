"""Shell and files of a phone over ADB, against the pocket phone, with every kind of failure."""

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.devices.android.adb.address import Address
from bench.devices.android.adb.connection import AdbConnection, Timeouts
from bench.devices.remote.connection import DeviceFullError, PushFile, UnauthorizedError
from bench.devices.remote.content import push_missing
from bench.errors import DeviceError, DeviceLostError, InputError
from tests.pocket_phone.phone import PocketPhone
from tests.support.phone_roots import take_command

# Long enough for a machine that is busy with other tests; tests of timeouts use shorter ones.
SHORT = Timeouts(connect_s=10.0, answer_s=20.0, confirm_s=20.0, reconnect_s=10.0)
PLACE = "/data/local/tmp/test"


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key shared by all tests, because creating it is slow."""
    return tmp_path_factory.mktemp("android") / "adbkey"


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the adb client to a port on which no server answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(port))


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[PocketPhone]:
    with PocketPhone(tmp_path / "phone", "pixel2") as made:
        made.answer_dialog(True)
        yield made
        assert made.violations == []


def connect(
    phone: PocketPhone, key: Path, messages: list[str] | None = None, timeouts: Timeouts = SHORT
) -> AdbConnection:
    return AdbConnection.connect(
        Address.parse(phone.address),
        timeouts=timeouts,
        keys=key,
        notify=(messages if messages is not None else []).append,
        sleep=lambda seconds: None,
    )


@pytest.fixture
def connection(phone: PocketPhone, key: Path) -> Iterator[AdbConnection]:
    made = connect(phone, key)
    yield made
    made.close()


def test_a_command_returns_status_and_separate_outputs(connection: AdbConnection) -> None:
    done = connection.run(["sh", "-c", "cat; echo words >&2; exit 7"], stdin=b"said\0\n")

    assert (done.status, done.out, done.err) == (7, b"said\0\n", b"words\n")


def test_arguments_reach_the_phone_unchanged(connection: AdbConnection) -> None:
    words = ["it's", "$HOME `id` ; exit 3", 'a "quoted" one', "*", ""]

    done = connection.run(["printf", "%s|", *words])

    assert done.out.decode() == "".join(f"{word}|" for word in words)


def test_large_input_and_output_are_transferred(connection: AdbConnection) -> None:
    data = os.urandom(3_000_000)

    assert connection.run(["cat"], stdin=data).out == data


def test_programs_run_concurrently(connection: AdbConnection) -> None:
    with connection.start(
        ["sh", "-c", "while read l; do echo $l; done; echo end; exit 3"]
    ) as process:
        process.write(b"a\nb\n")
        assert process.read_line(2) == b"a\n"
        assert connection.run(["echo", "beside"]).text == "beside"
        assert process.read_line(2) == b"b\n"
        process.close_stdin()
        assert process.read_line(2) == b"end\n"
        assert process.read_line(2) is None
        assert process.status == 3


def test_a_closed_program_ends_on_the_phone(phone: PocketPhone, connection: AdbConnection) -> None:
    with connection.start(["cat"]) as program:
        program.write(b"x\n")
        assert program.read_line(2) == b"x\n"
        assert len(phone.processes()) == 1

    assert connection.run(["true"]).status == 0
    for _ in range(200):
        if not phone.processes():
            break
        connection.run(["sleep", "0.01"])
    assert phone.processes() == []


def test_waiting_for_output_has_a_timeout(connection: AdbConnection) -> None:
    with (
        connection.start(["cat"]) as program,
        pytest.raises(DeviceLostError, match=r"for 0\.\d+ s"),
    ):
        program.read_line(0.05)
    with pytest.raises(DeviceLostError, match=r"0\.\d+ s"):
        connection.run(["sleep", "5"], timeout_s=0.05)


def test_files_are_pushed_and_pulled_unchanged(
    phone: PocketPhone, connection: AdbConnection
) -> None:
    contents = {f"{PLACE}/f{i}": os.urandom(size) for i, size in enumerate((0, 1, 65536, 200_001))}
    sent: list[int] = []

    connection.push([PushFile(path, data, 0o755) for path, data in contents.items()], sent.append)

    assert sum(sent) == 265_538
    assert {path: connection.pull(path) for path in contents} == contents
    assert (phone.root / f"{PLACE[1:]}/f1").stat().st_mode & 0o100


def test_refusals_quote_the_phone(connection: AdbConnection) -> None:
    with pytest.raises(DeviceError, match=r"/system/x: .*[Rr]ead-only"):
        connection.push([PushFile("/system/x", b"1")])
    with pytest.raises(DeviceError, match=r"/data/none: .*No such file"):
        connection.pull("/data/none")


def test_a_full_phone_is_an_error_and_accepts_files_later(
    phone: PocketPhone, connection: AdbConnection
) -> None:
    phone.fill_disk()
    with pytest.raises(DeviceFullError, match="No space left on device"):
        connection.push([PushFile(f"{PLACE}/{i}", b"x" * 100_000) for i in range(50)])
    phone.free_disk()

    connection.push([PushFile(f"{PLACE}/a", b"abc")])

    assert connection.pull(f"{PLACE}/a") == b"abc"


@pytest.mark.parametrize("lacking", [(), ("sha256sum",), ("sha256sum", "sha1sum")])
def test_only_missing_or_damaged_files_are_sent(
    phone: PocketPhone, connection: AdbConnection, lacking: tuple[str, ...]
) -> None:
    for command in lacking:
        take_command(phone.root, command)
    files: dict[str, bytes | Path] = {f"m {i}.tflite": bytes([i]) * 1000 for i in range(120)}

    assert push_missing(connection, PLACE, files) == 120_000
    assert push_missing(connection, PLACE, files) == 0
    (phone.root / PLACE[1:] / "m 7.tflite").write_bytes(b"damaged")
    (phone.root / PLACE[1:] / "m 8.tflite").unlink()
    assert push_missing(connection, PLACE, {**files, "new": b"12"}) == 2_002

    names = {path.name for path in (phone.root / PLACE[1:]).iterdir()}
    assert names == {*files, "new"}


def test_a_name_that_is_a_path_is_refused(connection: AdbConnection) -> None:
    with pytest.raises(InputError, match=r"'\.\./x' cannot be used"):
        push_missing(connection, PLACE, {"../x": b""})


def test_only_the_first_connection_explains_the_confirmation(phone: PocketPhone, key: Path) -> None:
    result: list[str] = []

    connect(phone, key, result).close()
    connect(phone, key, result).close()

    assert len(result) == 1
    assert "Allow USB debugging?" in result[0]


@pytest.mark.parametrize("answers", [True, False])
def test_a_phone_that_is_not_confirmed_is_unauthorised(
    tmp_path: Path, key: Path, answers: bool
) -> None:
    with PocketPhone(tmp_path / "phone") as phone:
        if answers:
            phone.answer_dialog(False)
        with pytest.raises(UnauthorizedError, match=r"did not allow debugging within 0\.2 s"):
            connect(phone, key, timeouts=replace(SHORT, confirm_s=0.2))


def test_a_cut_connection_is_an_error_and_is_reestablished(
    phone: PocketPhone, connection: AdbConnection
) -> None:
    phone.cut()
    with pytest.raises(DeviceLostError, match="connection"):
        connection.run(["true"])
    with pytest.raises(DeviceLostError):
        connection.push([PushFile(f"{PLACE}/a", b"1")])

    connection.reconnect()

    assert connection.run(["echo", "back"]).text == "back"


@pytest.mark.parametrize("after_bytes", [0, 10, 24, 30, 1000, 70_000, 1_500_000])
def test_a_cut_during_a_push_leaves_no_partial_file(
    phone: PocketPhone, connection: AdbConnection, after_bytes: int
) -> None:
    files: dict[str, bytes | Path] = {f"m{i}": os.urandom(400_000) for i in range(5)}
    phone.cut_after(bytes_in=after_bytes)

    with pytest.raises(DeviceLostError):
        push_missing(connection, PLACE, files)

    folder = phone.root / PLACE[1:]
    there = {p.name: p.read_bytes() for p in folder.glob("m?")} if folder.exists() else {}
    assert all(files[name] == content for name, content in there.items())
    connection.reconnect()
    push_missing(connection, PLACE, files)
    assert {name: (folder / name).read_bytes() for name in files} == files


@pytest.mark.parametrize("after_bytes", [0, 3, 20, 24, 28, 39, 44])
def test_a_garbled_message_is_not_an_answer(
    phone: PocketPhone, connection: AdbConnection, after_bytes: int
) -> None:
    # The daemon's answer to an opened service is OKAY, 24 bytes; then come WRTE and its payload.
    phone.garble_after(bytes_out=after_bytes)

    with pytest.raises(DeviceLostError):
        connection.run(["true"], timeout_s=0.2)


@pytest.mark.parametrize("after_bytes", [9, 24 + 9])  # of OKAY, of WRTE: which stream it is for
def test_a_message_to_an_unknown_stream_is_an_error(
    phone: PocketPhone, connection: AdbConnection, after_bytes: int
) -> None:
    phone.garble_after(bytes_out=after_bytes)

    with pytest.raises(DeviceLostError, match="belongs to no stream"):
        connection.run(["true"])


def test_reconnecting_waits_for_a_phone(phone: PocketPhone, connection: AdbConnection) -> None:
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 4:
            phone.start()

    phone.stop()
    connection._sleep = sleep
    connection.reconnect()

    assert connection.run(["echo", "back"]).text == "back"
    # 0.2, 0.4, 0.8 and 1.6 s, plus or minus up to a fifth.
    assert pauses == [pytest.approx(s, rel=0.2) for s in (0.2, 0.4, 0.8, 1.6)]


def test_a_phone_that_stays_away_is_an_error(
    phone: PocketPhone, connection: AdbConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [0.0]
    monkeypatch.setattr("bench.devices.android.adb.connection.time.monotonic", lambda: now_s[0])

    def sleep(seconds: float) -> None:
        now_s[0] += seconds

    connection._sleep = sleep
    phone.stop()
    with pytest.raises(DeviceError, match="did not come back within 10 s: no phone answers at"):
        connection.reconnect()


def test_an_address_without_a_listener_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(DeviceError, match=rf"no phone answers at 127\.0\.0\.1:{port}"):
        AdbConnection.connect(Address.parse(f"adb:127.0.0.1:{port}"), timeouts=SHORT)


def test_an_address_of_another_service_is_an_error(key: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"adb:127.0.0.1:{server.getsockname()[1]}"
        timeouts = Timeouts(answer_s=0.1)
        with pytest.raises(DeviceError, match=r"does not answer as a phone does: .*0\.1 s"):
            AdbConnection.connect(Address.parse(address), timeouts=timeouts, keys=key)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("adb:R58M123ABC", None, None),
        ("adb:192.0.2.7:5555", "192.0.2.7", 5555),
        ("adb:[2001:db8::1]:5555", "2001:db8::1", 5555),
        ("adb:emulator-5554", None, None),
        ("adb:adb-1A2B._adb-tls-connect._tcp", None, None),
        ("adb:adb-R5CT90-Ab12Cd (2)._adb-tls-connect._tcp", None, None),
        ("adb:A+B#C;d", None, None),
        ("adb:transport_id:7", None, None),
        ("adb:usb:1-4", None, None),
    ],
)
def test_addresses_are_parsed(text: str, host: str | None, port: int | None) -> None:
    result = Address.parse(text)

    assert (result.host, result.port) == (host, port)
    assert str(result) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "adb:", "cpu", "adb:host:0", "adb:host:70000", "adb: a", "adb:a\n", "adb:a\0b"),
        "adb:(no serial number)",
    ],
)
def test_invalid_addresses_are_refused(text: str) -> None:
    with pytest.raises(
        InputError,
        match=r"expected adb:SERIAL, adb:HOST:PORT or adb:transport_id:N|use its transport id",
    ):
        Address.parse(text)
