"""`shell:` and `exec:`, plain and by the shell protocol (shell_protocol.h)."""

import os
import selectors
import socket
import struct
import threading
from contextlib import suppress

from tests.pocket_phone.places import Places
from tests.pocket_phone.programs import Programs
from tests.pocket_phone.stream import ClosedError, Stream

STDIN, STDOUT, STDERR, EXIT, CLOSE_STDIN = range(5)
PACKET = struct.Struct("<BI")
READ_BYTES = 1 << 16


def run_protocol(stream: Stream, command: str, programs: Programs, places: Places) -> None:
    """Packets both ways: outputs apart, the exit status last."""
    program, both, errors = programs.over_sockets(command)

    def hang_up() -> None:
        program.hang_up()
        for sock in (both, errors):
            _shut(sock, socket.SHUT_RDWR)

    feeder = threading.Thread(target=_feed, args=(stream, both), daemon=True)
    feeder.start()
    with both, errors:
        stream.when_over(hang_up)
        with suppress(ClosedError):
            _pass_output(stream, both, errors, places)
        code = program.exit_code()
        with suppress(ClosedError):
            stream.write(_packet(EXIT, bytes([code])))
        stream.close()
        stream.on_close()
        feeder.join()


def run_terminal(stream: Stream, command: str, programs: Programs, places: Places) -> None:
    """All output in one, and no status: on a raw terminal, as adbd does it without a protocol."""
    program, terminal = programs.on_terminal(command)
    feeder = threading.Thread(target=_type, args=(stream, terminal), daemon=True)
    feeder.start()
    stream.when_over(program.hang_up)
    unrooted = places.unrooted()
    with suppress(ClosedError):
        while data := _read_terminal(terminal):
            stream.write(unrooted.feed(data))
        stream.write(unrooted.rest())
    program.exit_code()
    stream.close()
    stream.on_close()
    feeder.join()
    os.close(terminal)


def run_raw(stream: Stream, command: str, programs: Programs, places: Places) -> None:
    """`exec:`: bytes each way and nothing else; no end of input, no status, no signal.

    Input is forwarded by lines, in which the phone's paths become those of this machine.
    """
    program, ours = programs.over_one_socket(command)
    feeder = threading.Thread(target=_pass_lines, args=(stream, ours, places), daemon=True)
    feeder.start()
    with ours:
        stream.when_over(lambda: _shut(ours, socket.SHUT_RDWR))
        unrooted = places.unrooted()
        with suppress(ClosedError):
            while data := _receive(ours):
                stream.write(unrooted.feed(data))
            stream.write(unrooted.rest())
        program.exit_code()
        stream.close()
        stream.on_close()
        feeder.join()


def _pass_output(
    stream: Stream, both: socket.socket, errors: socket.socket, places: Places
) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(both, selectors.EVENT_READ, (STDOUT, places.unrooted()))
        selector.register(errors, selectors.EVENT_READ, (STDERR, places.unrooted()))
        while selector.get_map():
            for key, _ in selector.select():
                sock, (kind, unrooted) = key.fileobj, key.data
                assert isinstance(sock, socket.socket)
                data = _receive(sock)
                passed = unrooted.feed(data) if data else unrooted.rest()
                if passed:
                    stream.write(_packet(kind, passed))
                if not data:
                    selector.unregister(sock)


def _feed(stream: Stream, both: socket.socket) -> None:
    """Pass packets to standard input, until the stream ends."""
    with suppress(ClosedError):
        while True:
            kind, size = PACKET.unpack(stream.read(PACKET.size))
            data = stream.read(size)
            if kind == STDIN:
                with suppress(OSError):  # nobody reads it
                    both.sendall(data)
            elif kind == CLOSE_STDIN:
                _shut(both, socket.SHUT_WR)


def _pass_lines(stream: Stream, ours: socket.socket, places: Places) -> None:
    waiting = b""
    with suppress(ClosedError):
        while True:
            whole, end, waiting = (waiting + stream.read_some()).rpartition(b"\n")
            text = places.command((whole + end).decode("utf-8", "surrogateescape"))
            with suppress(OSError):  # nobody reads it
                ours.sendall(text.encode("utf-8", "surrogateescape"))


def _type(stream: Stream, terminal: int) -> None:
    with suppress(ClosedError):
        while True:
            data = stream.read_some()
            with suppress(OSError):  # nobody reads it
                while data:
                    data = data[os.write(terminal, data) :]


def _shut(sock: socket.socket, how: int) -> None:
    with suppress(OSError):  # already shut or closed
        sock.shutdown(how)


def _packet(kind: int, data: bytes) -> bytes:
    return PACKET.pack(kind, len(data)) + data


def _receive(sock: socket.socket) -> bytes:
    try:
        return sock.recv(READ_BYTES)
    except OSError:  # a program that ended with input unread resets the socket
        return b""


def _read_terminal(terminal: int) -> bytes:
    try:
        return os.read(terminal, READ_BYTES)
    except OSError:  # EIO: no program holds the other end any more
        return b""
