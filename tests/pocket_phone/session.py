"""One connection to the phone: who asks, and the streams (adb.cpp, daemon/auth.cpp)."""

import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

from tests.pocket_phone import wire
from tests.pocket_phone.keys import TOKEN_BYTES, Screen
from tests.pocket_phone.stream import Stream
from tests.pocket_phone.wire import BrokenError, Message, ViolationError, Wire

TOKEN, SIGNATURE, PUBLIC_KEY = 1, 2, 3
Service = Callable[[Stream], None]


@dataclass(frozen=True)
class Persona:
    """What a daemon says of itself; `services` gives None for one that it does not have."""

    banner: str
    version: int
    max_payload: int
    secure: bool  # asks for keys
    services: Callable[[str], Service | None]


class Session:
    """Runs in a separate thread until the connection breaks."""

    def __init__(self, sock: socket.socket, persona: Persona, screen: Screen) -> None:
        self._persona, self._screen = persona, screen
        self._wire = Wire(sock, wire.MAX_PAYLOAD_BEFORE_CNXN)
        self._streams: dict[int, Stream] = {}
        self._workers: list[threading.Thread] = []
        self._last_id = 0
        self._token = b""
        self._host_version = wire.VERSION_OLD
        self._online = False
        self.violation: str | None = None

    def run(self) -> None:
        """Answer the host; a breach of the protocol ends the connection and is kept."""
        try:
            while True:
                self._handle(self._wire.receive())
        except ViolationError as error:
            self.violation = str(error)
        except BrokenError:
            pass
        self._end_streams()
        self._wire.close()

    def kick(self) -> None:
        """Break the connection."""
        self._wire.kick()

    def join(self, timeout_s: float) -> None:
        """Wait for the services to end."""
        for worker in self._workers:
            worker.join(timeout_s)

    def _handle(self, message: Message) -> None:
        match message.command:
            case wire.CNXN:
                self._meet(message)
            case wire.AUTH:
                self._authenticate(message)
            case _ if not self._online:
                pass  # as protocol.txt has it
            case wire.OPEN:
                self._open(message)
            case wire.OKAY | wire.WRTE | wire.CLSE:
                self._to_stream(message)
            case _:
                raise ViolationError(f"unknown command {message.command:08x}")

    def _meet(self, message: Message) -> None:
        """The host's CNXN: what both can do is the lesser of the two."""
        self._end_streams()
        self._online = False
        version = min(message.arg0, self._persona.version)
        self._wire.checksums = version < wire.VERSION_NO_CHECKSUM
        self._wire.max_payload = min(message.arg1, self._persona.max_payload)
        if self._persona.secure:
            self._ask_for_signature()
        else:
            self._grant()

    def _authenticate(self, message: Message) -> None:
        if message.arg0 == SIGNATURE:
            if self._screen.knows(self._token, message.payload):
                self._grant()
            else:
                self._ask_for_signature()
        elif message.arg0 == PUBLIC_KEY:
            self._screen.ask(message.payload.rstrip(b"\0").decode(), self._grant)
        else:
            raise ViolationError(f"AUTH of type {message.arg0} from a host")

    def _ask_for_signature(self) -> None:
        self._token = os.urandom(TOKEN_BYTES)
        self._wire.send(wire.AUTH, TOKEN, 0, self._token)

    def _grant(self) -> None:
        self._online = True
        self._wire.send(
            wire.CNXN, self._persona.version, self._wire.max_payload, self._persona.banner.encode()
        )

    def _open(self, message: Message) -> None:
        name = message.payload.rstrip(b"\0").decode(errors="surrogateescape")
        if message.arg0 == 0 or message.arg1 != 0:
            raise ViolationError(f"OPEN({message.arg0}, {message.arg1})")
        service = self._persona.services(name)
        if service is None:
            self._wire.send(wire.CLSE, 0, message.arg0)
            return
        self._last_id += 1
        stream = Stream(self._wire.send, self._last_id, message.arg0, self._wire.max_payload)
        self._streams[stream.local] = stream
        self._wire.send(wire.OKAY, stream.local, stream.remote)
        worker = threading.Thread(target=service, args=(stream,), daemon=True)
        self._workers = [w for w in self._workers if w.is_alive()] + [worker]
        worker.start()

    def _to_stream(self, message: Message) -> None:
        """What is for a stream that is over is passed over, but an OKAY is answered by CLSE."""
        stream = self._streams.get(message.arg1)
        if stream is None or stream.closed or message.arg0 not in (0, stream.remote):
            if message.command == wire.OKAY:
                self._wire.send(wire.CLSE, message.arg1, message.arg0)
            elif message.command == wire.CLSE and stream is not None:
                del self._streams[stream.local]
                stream.on_close()
            return
        match message.command:
            case wire.OKAY:
                stream.on_ready()
            case wire.WRTE:
                stream.on_data(message.payload)
            case wire.CLSE:
                del self._streams[stream.local]
                stream.on_close()
                self._wire.send(wire.CLSE, stream.local, stream.remote)

    def _end_streams(self) -> None:
        for stream in self._streams.values():
            stream.on_close()
        self._streams.clear()
