"""The pocket phone by itself: its protocol, its paths and keys, and the proxy before it."""

import base64
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pocket_phone import keys, wire
from tests.pocket_phone.disk import Disk
from tests.pocket_phone.phone import DaemonOptions, PocketPhone
from tests.pocket_phone.places import Places, Unrooted
from tests.pocket_phone.wire import HEADER, BrokenError, Message, Wire
from tests.support.phone_control import PhoneControl
from tests.support.phone_proxy import Proxy

OPEN_DAEMON = DaemonOptions(secure=False)
WITHIN_S = 5.0


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < end, "did not come true in time"
        time.sleep(0.005)


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[PocketPhone]:
    with PocketPhone(tmp_path / "phone", "note8", OPEN_DAEMON) as made:
        control: PhoneControl = made
        assert control.address == f"adb:127.0.0.1:{made.port}"
        yield made


class RawHost:
    """A host that sends arbitrary bytes."""

    def __init__(self, port: int, version: int = wire.VERSION_NO_CHECKSUM) -> None:
        sock = socket.create_connection(("127.0.0.1", port), timeout=WITHIN_S)
        self.wire = Wire(sock, 1 << 20)
        self.wire.send(wire.CNXN, version, 1 << 20, b"host::features=shell_v2")
        self.hello = self.wire.receive()
        self.wire.checksums = self.hello.arg0 == version == wire.VERSION_OLD

    def open(self, service: str, local: int = 7) -> int:
        self.wire.send(wire.OPEN, local, 0, service.encode() + b"\0")
        answer = self.wire.receive()
        assert answer.command == wire.OKAY
        return answer.arg0

    def everything(self, local: int, remote: int) -> bytes:
        """What a stream gives until it is closed."""
        data = b""
        while (message := self.wire.receive()).command != wire.CLSE:
            if message.command == wire.WRTE:
                data += message.payload
                self.wire.send(wire.OKAY, local, remote)
        return data

    def is_dropped(self) -> bool:
        try:
            while True:
                self.wire.receive()
        except BrokenError:
            self.wire.close()
            return True


@pytest.fixture
def host(phone: PocketPhone) -> Iterator[RawHost]:
    made = RawHost(phone.port)
    yield made
    made.wire.close()


def test_the_banner_is_as_adbd_writes_it(host: RawHost) -> None:
    assert host.hello.payload == (
        b"device::ro.product.name=greatltexx;ro.product.model=SM-N950F;"
        b"ro.product.device=greatlte;features=cmd,stat_v2,shell_v2"
    )


def test_shell_packets_keep_outputs_apart_and_end_with_the_status(host: RawHost) -> None:
    remote = host.open("shell,v2,raw:echo out; sleep 0.01; echo err >&2; sleep 0.01; exit 7")
    assert host.everything(7, remote) == (
        b"\x01\x04\0\0\0out\n" + b"\x02\x04\0\0\0err\n" + b"\x03\x01\0\0\0\x07"
    )


def test_sync_stat_of_a_missing_file_is_zeros(host: RawHost) -> None:
    remote = host.open("sync:")
    host.wire.send(wire.WRTE, 7, remote, b"STAT" + struct.pack("<I", 5) + b"/nope")
    assert host.wire.receive() == Message(wire.OKAY, remote, 7)
    assert host.wire.receive().payload == b"STAT" + bytes(12)


def test_unknown_services_are_refused(host: RawHost) -> None:
    host.wire.send(wire.OPEN, 9, 0, b"jdwp:1\0")
    assert host.wire.receive() == Message(wire.CLSE, 0, 9)


def test_a_phone_without_shell_2_refuses_it(tmp_path: Path) -> None:
    options = DaemonOptions(secure=False, features=("cmd",), version=wire.VERSION_OLD)
    with PocketPhone(tmp_path, "note8", options) as phone:
        host = RawHost(phone.port, wire.VERSION_OLD)
        host.wire.send(wire.OPEN, 9, 0, b"shell,v2,raw:true\0")
        assert host.wire.receive() == Message(wire.CLSE, 0, 9)
        assert host.everything(7, host.open("shell:echo out; echo err >&2")) == b"out\nerr\n"
        host.wire.close()


def test_a_second_write_before_its_okay_breaks_the_connection(
    phone: PocketPhone, host: RawHost
) -> None:
    remote = host.open("shell,v2,raw:sleep 60")
    for _ in range(2):  # nobody reads: the second does not fit the phone's buffer
        host.wire.send(wire.WRTE, 7, remote, b"\0" + struct.pack("<I", 1 << 19) + bytes(1 << 19))
    host.wire.send(wire.WRTE, 7, remote, b"x")
    assert host.is_dropped()
    until(lambda: bool(phone.violations))
    assert phone.violations == ["WRTE to stream 1 before its OKAY"]
    until(lambda: not phone.processes())


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ((wire.OPEN, 7, 0, 0, 0, 1), "magic"),
        ((wire.OPEN, 7, 0, (1 << 20) + 1, 0, wire.OPEN ^ 0xFFFFFFFF), "payload"),
        ((0x20202020, 7, 0, 0, 0, 0xDFDFDFDF), "unknown command"),
    ],
)
def test_a_breach_of_the_protocol_breaks_the_connection(
    phone: PocketPhone, message: tuple[int, ...], said: str
) -> None:
    with socket.create_connection(("127.0.0.1", phone.port), timeout=WITHIN_S) as sock:
        hello = b"host::\0"
        sock.sendall(
            HEADER.pack(
                wire.CNXN, wire.VERSION_NO_CHECKSUM, 1 << 20, len(hello), 0, wire.CNXN ^ 0xFFFFFFFF
            )
            + hello
        )
        assert sock.recv(24)[:4] == b"CNXN"
        sock.sendall(HEADER.pack(*message))
        while sock.recv(4096):
            pass
    until(lambda: bool(phone.violations))
    assert said in phone.violations[0]


def test_the_old_version_of_the_protocol_checks_sums(tmp_path: Path) -> None:
    options = DaemonOptions(secure=False, version=wire.VERSION_OLD, max_payload=4096)
    with PocketPhone(tmp_path, "note8", options) as phone:
        host = RawHost(phone.port, wire.VERSION_NO_CHECKSUM)
        assert (host.hello.arg0, host.hello.arg1) == (wire.VERSION_OLD, 4096)
        host.wire.checksums = False  # which it should not do
        host.wire.send(wire.OPEN, 7, 0, b"sync:\0")
        assert host.is_dropped()
        until(lambda: bool(phone.violations))
        assert "checksum" in phone.violations[0]


def test_a_restart_keeps_only_the_port(phone: PocketPhone, host: RawHost) -> None:
    host.open("shell,v2,raw:sleep 60")
    until(lambda: len(phone.processes()) == 1)
    before = (phone.root / "proc/sys/kernel/random/boot_id").read_text()
    phone.stop()
    assert phone.processes() == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", phone.port), timeout=WITHIN_S)
    phone.start()
    phone.reboot()
    assert RawHost(phone.port).hello.command == wire.CNXN
    assert (phone.root / "proc/sys/kernel/random/boot_id").read_text() != before


# --- keys ------------------------------------------------------------------------------------


def encoded(modulus: int, exponent: int) -> str:
    raw = struct.pack("<II", 64, 0) + modulus.to_bytes(256, "little") + bytes(256)
    return base64.b64encode(raw + struct.pack("<I", exponent)).decode() + " user@host"


def test_a_signature_is_a_padded_token() -> None:
    token = bytes(range(20))
    # With 1 as exponent a signature is what it signs: RFC 8017's example of the padding for SHA-1.
    padded = bytes.fromhex("0001" + "ff" * 218 + "003021300906052b0e03021a05000414") + token
    key = encoded(1 << 2047, 1)
    assert keys.verify(key, token, padded)
    assert not keys.verify(key, token[::-1], padded)
    assert not keys.verify(key, token, padded[:-1])
    assert not keys.verify("no key", token, padded)
    assert keys.decode_key(encoded(12345, 65537)) == (12345, 65537)


def test_the_dialog_is_answered_before_or_after_it_comes_up(tmp_path: Path) -> None:
    screen = keys.Screen(tmp_path / "adb_keys")
    granted: list[str] = []
    screen.answer(allow=True, always=False)
    screen.ask("first", lambda: granted.append("first"))
    screen.ask("second", lambda: granted.append("second"))
    assert granted == ["first"]
    assert not (tmp_path / "adb_keys").exists()
    screen.answer(allow=True, always=True)
    assert granted == ["first", "second"]
    assert (tmp_path / "adb_keys").read_text() == "second\n"
    screen.answer(allow=False, always=True)
    screen.ask("third", lambda: granted.append("third"))
    assert granted == ["first", "second"]
    screen.forget()
    assert not (tmp_path / "adb_keys").exists()


# --- paths and disk --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "run"),
    [
        ("cat /proc/cpuinfo", "cat ROOT/proc/cpuinfo"),
        ("cat /proc/cpuinfox /proc/self/stat", "cat /proc/cpuinfox /proc/self/stat"),
        ("cd '/data/local/tmp/a b' && ./run", "cd 'ROOT/data/local/tmp/a b' && ./run"),
        ("x=/sdcard/y;ls $x>/system/z", "x=ROOT/sdcard/y;ls $x>ROOT/system/z"),
        ("ls ./data/x /my/data /database", "ls ./data/x /my/data /database"),
        ("test -e /data", "test -e ROOT/data"),
        ("cat /sys/class/thermal/*/temp", "cat ROOT/sys/class/thermal/*/temp"),
    ],
)
def test_paths_in_commands_are_the_trees(tmp_path: Path, said: str, run: str) -> None:
    assert Places(tmp_path).command(said) == run.replace("ROOT", str(tmp_path.resolve()))


def test_no_path_leads_out_of_the_tree(tmp_path: Path) -> None:
    places = Places(tmp_path)
    assert places.host("/data/../../../etc/passwd") == places.root / "etc/passwd"
    assert places.host("sdcard/./x") == places.root / "sdcard/x"
    with pytest.raises(ValueError, match="quotes"):
        Places(tmp_path / "with space")


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        (b"/r/t/data/x", b"/data/x"),
        (b"/r/t\n/r/t", b"/\n/"),
        (b"a/r/t/r/t/b/r", b"a/b/r"),
        (b"nothing", b"nothing"),
        (b"", b""),
    ],
)
def test_output_does_not_contain_paths_of_the_tree(text: bytes, passed: bytes) -> None:
    unrooted = Unrooted(b"/r/t")
    assert unrooted.feed(text) + unrooted.rest() == passed


@given(st.lists(st.sampled_from([b"/r", b"/t", b"/x", b"/", b"r", b"\n"])), st.integers(1, 5))
def test_output_in_pieces_is_as_output_in_one(parts: list[bytes], size: int) -> None:
    text = b"".join(parts)
    whole, pieces = Unrooted(b"/r/t"), Unrooted(b"/r/t")
    chunks = [text[start : start + size] for start in range(0, len(text), size)]
    passed = b"".join(map(pieces.feed, chunks)) + pieces.rest()
    assert passed == whole.feed(text) + whole.rest()


def test_a_full_disk_has_the_room_that_is_freed(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    (tmp_path / "a").write_bytes(bytes(100))
    assert disk.room_bytes() is None
    disk.fill()
    assert disk.room_bytes() == 0
    (tmp_path / "a").write_bytes(bytes(30))
    assert disk.room_bytes() == 70


# --- proxy -----------------------------------------------------------------------------------


@pytest.fixture
def echo() -> Iterator[Proxy]:
    """A proxy before a server that says everything back."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                while data := client.recv(4096):
                    client.sendall(data)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    proxy = Proxy(server.getsockname()[1])
    proxy.start()
    yield proxy
    proxy.close()
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(WITHIN_S)


def say(proxy: Proxy, data: bytes) -> bytes:
    """What comes back, until all is here or the connection ends."""
    got = b""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=WITHIN_S) as sock:
        sock.sendall(data)
        while len(got) < len(data) and (more := sock.recv(4096)):
            got += more
    return got


def test_a_cut_is_after_exactly_so_many_bytes_and_only_once(echo: Proxy) -> None:
    assert say(echo, b"hello") == b"hello"
    echo.cut_after(bytes_out=3)
    assert say(echo, b"hello") == b"hel"
    assert say(echo, b"hello") == b"hello"
    echo.cut_after(bytes_in=2)
    assert say(echo, b"hello") in (b"", b"h", b"he")  # what was let in may still come back
    assert echo.bytes_in == 17


def test_one_byte_is_damaged(echo: Proxy) -> None:
    echo.garble_after(bytes_out=7)
    assert say(echo, b"hello") == b"hello"
    assert say(echo, b"hello") == b"hehlo"  # l is 0x6c, h is 0x68
    assert say(echo, b"hello") == b"hello"


def test_a_frozen_connection_is_silent_until_it_thaws(echo: Proxy) -> None:
    with socket.create_connection(("127.0.0.1", echo.port), timeout=0.05) as sock:
        echo.freeze()
        sock.sendall(b"hello")
        with pytest.raises(TimeoutError):
            sock.recv(5)
        echo.thaw()
        sock.settimeout(WITHIN_S)
        assert sock.recv(5) == b"hello"


def test_a_stopped_proxy_refuses_and_comes_back_on_its_port(echo: Proxy) -> None:
    echo.stop()
    with pytest.raises(ConnectionRefusedError):
        say(echo, b"hello")
    echo.start()
    assert say(echo, b"hello") == b"hello"
