"""TCP proxy on loopback that cuts, damages or delays its data at a chosen byte."""

import socket
import threading
from contextlib import suppress

CHUNK_BYTES = 1 << 18


class Proxy:
    """Stands before a daemon on `target_port`; clients connect to `port`, which it keeps.

    "Out" is from the daemon to its clients, "in" the other way; the counts are over all
    connections since it was made.
    """

    def __init__(self, target_port: int = 0) -> None:
        self.target_port = target_port
        self.bytes_out = 0
        self.bytes_in = 0
        self._place = _bound(0)  # never listens: it keeps the port while the proxy is stopped
        self.port: int = self._place.getsockname()[1]
        self._listener: socket.socket | None = None
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._cut_out: int | None = None
        self._cut_in: int | None = None
        self._garble_out: int | None = None
        self._flowing = threading.Event()
        self._flowing.set()

    def start(self) -> None:
        """Take connections."""
        self._listener = _bound(self.port)
        self._listener.listen()
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self) -> None:
        """Break open connections and refuse new ones, until started again."""
        listener, self._listener = self._listener, None
        if listener is not None:
            _shut(listener)
            listener.close()
        self.cut()
        self.thaw()

    def close(self) -> None:
        """Stop for good; the port is free."""
        self.stop()
        self._place.close()

    def cut(self) -> None:
        """Break every open connection."""
        with self._lock:
            for end in self._open:
                _shut(end)

    def cut_after(self, bytes_out: int | None = None, bytes_in: int | None = None) -> None:
        """Break them once, after exactly so many more bytes; None is never."""
        with self._lock:
            self._cut_out = None if bytes_out is None else self.bytes_out + bytes_out
            self._cut_in = None if bytes_in is None else self.bytes_in + bytes_in

    def garble_after(self, bytes_out: int) -> None:
        """Flip a bit of one byte, after so many more intact ones."""
        with self._lock:
            self._garble_out = self.bytes_out + bytes_out

    def freeze(self) -> None:
        """Hold all bytes and keep connections open, like a silent phone."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Forward bytes again."""
        self._flowing.set()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # stopped
                return
            try:
                daemon = socket.create_connection(("127.0.0.1", self.target_port), timeout=5)
            except OSError:
                client.close()
                continue
            daemon.settimeout(None)
            for end in (client, daemon):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open |= {client, daemon}
            halves = _Halves(client, daemon)
            for outward in (True, False):
                threading.Thread(target=self._pump, args=(halves, outward), daemon=True).start()

    def _pump(self, halves: "_Halves", outward: bool) -> None:
        source, sink = halves.ends(outward)
        with suppress(OSError):  # broken by either side, or by us
            while chunk := source.recv(CHUNK_BYTES):
                self._flowing.wait()
                chunk, cut = self._pass(chunk, outward)
                sink.sendall(chunk)
                if cut:
                    self.cut()
        _shut(source)
        _shut(sink)
        if halves.done():
            with self._lock:
                self._open -= {source, sink}
                source.close()
                sink.close()

    def _pass(self, chunk: bytes, outward: bool) -> tuple[bytes, bool]:
        """Return the part of a chunk that is forwarded, and whether connections then break."""
        with self._lock:
            before = self.bytes_out if outward else self.bytes_in
            limit = self._cut_out if outward else self._cut_in
            cut = limit is not None and before + len(chunk) >= limit
            if limit is not None and cut:
                chunk = chunk[: max(0, limit - before)]
                self._cut_out = self._cut_in = None
            if outward:
                chunk = self._garbled(chunk)
                self.bytes_out += len(chunk)
            else:
                self.bytes_in += len(chunk)
            return chunk, cut

    def _garbled(self, chunk: bytes) -> bytes:
        if self._garble_out is None or self.bytes_out + len(chunk) <= self._garble_out:
            return chunk
        place = max(0, self._garble_out - self.bytes_out)
        self._garble_out = None
        return chunk[:place] + bytes([chunk[place] ^ 0x04]) + chunk[place + 1 :]


class _Halves:
    """A connection's two ends and directions; the second direction to end closes the ends."""

    def __init__(self, client: socket.socket, daemon: socket.socket) -> None:
        self._client, self._daemon = client, daemon
        self._lock = threading.Lock()
        self._running = 2

    def ends(self, outward: bool) -> tuple[socket.socket, socket.socket]:
        return (self._daemon, self._client) if outward else (self._client, self._daemon)

    def done(self) -> bool:
        with self._lock:
            self._running -= 1
            return self._running == 0


def _bound(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


def _shut(end: socket.socket) -> None:
    with suppress(OSError):  # already broken
        end.shutdown(socket.SHUT_RDWR)
