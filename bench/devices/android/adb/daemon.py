"""A link to a phone's daemon: the handshake, and streams over one connection."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic

from bench.devices.android.adb.keys import Signer
from bench.devices.android.adb.link import parse_banner
from bench.devices.android.adb.wire import MAX_PAYLOAD_BYTES, VERSION, Message, Pipe, Wire
from bench.devices.remote.connection import UnauthorizedError
from bench.errors import DeviceError, DeviceLostError

TOKEN, SIGNATURE, PUBLIC_KEY = 1, 2, 3
CLOSE_S = 1.0
# Features of the host; daemons do not use others.
HELLO = b"host::features=shell_v2,cmd,stat_v2,ls_v2,fixed_push_mkdir"
CONFIRM = (
    "confirm `Allow USB debugging?` on the phone's screen (tick `Always allow`, unlock it first)"
)


class DaemonLink:
    """A connection to a daemon. Reads and writes process messages of all streams."""

    def __init__(self, pipe: Pipe) -> None:
        self._wire = Wire(pipe)
        self._streams: dict[int, DaemonStream] = {}
        self._last_id = 0
        self._broken: DeviceLostError | None = None
        self.features: frozenset[str] = frozenset()
        self.max_payload_bytes = 4096

    def shake_hands(
        self,
        signers: Callable[[], Sequence[Signer]],
        notify: Callable[[str], None],
        *,
        timeout_s: float,
        confirm_s: float,
    ) -> None:
        """Introduce this machine; `UnauthorizedError` if the phone refuses it.

        Keys are loaded only if the phone requires one. A refused dialog looks like an unanswered
        one: daemons send nothing then.
        """
        self._send(Message(b"CNXN", VERSION, MAX_PAYLOAD_BYTES, HELLO + b"\0"), timeout_s)
        answer = self._wire.receive(timeout_s)
        if answer.command == b"AUTH":
            answer = self._authorise(answer, signers(), notify, timeout_s, confirm_s)
        if answer.command == b"STLS":
            raise DeviceError(
                "the phone wants Wi-Fi debugging's own encryption: pair it by `adb pair`, then "
                "`adb connect`, and the adb server that knows it is used"
            )
        if answer.command != b"CNXN":
            raise DeviceError(
                f"expected a phone's CNXN message, got {answer.command!r}; is it adbd?"
            )
        self._wire.agree(answer.first)
        self.max_payload_bytes = max(1, min(answer.second, MAX_PAYLOAD_BYTES))
        self.features = parse_banner(answer.payload).features

    def open(self, service: str, timeout_s: float) -> "DaemonStream":
        """Open a service; `DeviceError` if the phone refuses it."""
        self._last_id += 1
        stream = DaemonStream(self, self._last_id)
        self._streams[stream.local] = stream
        self._send(Message(b"OPEN", stream.local, 0, service.encode() + b"\0"), timeout_s)
        try:
            self.pump_until(lambda: stream.remote != 0 or stream.ended, timeout_s)
        except DeviceLostError:
            self._streams.pop(stream.local, None)
            raise
        if stream.remote == 0:
            name = service.partition(":")[0]
            raise DeviceError(f"the phone refuses the service {name}; its Android is too old")
        return stream

    def close(self) -> None:
        """Close the connection; its streams are at their end."""
        self._broken = self._broken or DeviceLostError("the connection to the phone is closed")
        self._streams.clear()
        self._wire.close()

    def pump_until(self, done: Callable[[], bool], timeout_s: float) -> None:
        """Process messages until `done`; `DeviceLostError` after the timeout."""
        deadline_s = monotonic() + timeout_s
        while not done():
            left_s = deadline_s - monotonic()
            if left_s <= 0:
                raise DeviceLostError(f"the phone sent nothing for {timeout_s:g} s")
            self._take(max(left_s, 0.001))

    def send(self, message: Message, timeout_s: float) -> None:
        """Send a stream's message."""
        self._send(message, timeout_s)

    def forget(self, stream: "DaemonStream") -> None:
        """Remove a stream."""
        self._streams.pop(stream.local, None)

    @property
    def usable(self) -> bool:
        """Whether the connection has not broken."""
        return self._broken is None

    def _authorise(
        self,
        request: Message,
        signers: Sequence[Signer],
        notify: Callable[[str], None],
        timeout_s: float,
        confirm_s: float,
    ) -> Message:
        for signer in signers:
            if request.command != b"AUTH" or request.first != TOKEN:
                return request
            self._send(Message(b"AUTH", SIGNATURE, 0, signer.sign(request.payload)), timeout_s)
            request = self._wire.receive(timeout_s)
        if request.command != b"AUTH":
            return request
        self._send(Message(b"AUTH", PUBLIC_KEY, 0, signers[-1].public() + b"\0"), timeout_s)
        notify(CONFIRM)
        try:
            return self._wire.receive(confirm_s)
        except DeviceLostError as error:
            raise UnauthorizedError(
                f"the phone did not allow debugging within {confirm_s:g} s ({error}); "
                f"try again and {CONFIRM}"
            ) from error

    def _send(self, message: Message, timeout_s: float) -> None:
        self._check()
        try:
            self._wire.send(message, timeout_s)
        except DeviceLostError as error:
            self._broken = error
            raise

    def _take(self, timeout_s: float) -> None:
        """Receive one message, of any stream."""
        self._check()
        try:
            message = self._wire.receive(timeout_s)
        except DeviceLostError as error:
            self._broken = error
            raise
        stream = self._streams.get(message.second)
        unknown = stream is None and not 0 < message.second <= self._last_id
        mismatched = stream is not None and stream.remote not in (0, message.first)
        if unknown or mismatched:
            self._broken = DeviceLostError("the phone's answer is garbled: it belongs to no stream")
            raise self._broken
        if message.command == b"WRTE":
            # Acknowledged at once: its reader may be busy with another stream.
            self._send(Message(b"OKAY", message.second, message.first), timeout_s)
            if stream is not None:
                stream.arrived.append(message.payload)
        elif message.command == b"OKAY" and stream is not None:
            stream.remote = stream.remote or message.first
            stream.unacknowledged = False
        elif message.command == b"CLSE" and stream is not None:
            stream.ended = True

    def _check(self) -> None:
        if self._broken is not None:
            raise DeviceLostError(str(self._broken)) from self._broken


class DaemonStream:
    """One service over a `DaemonLink`."""

    def __init__(self, link: DaemonLink, local: int) -> None:
        self._link = link
        self.local = local
        self.remote = 0
        self.arrived: list[bytes] = []
        self.unacknowledged = False
        self.ended = False

    def read(self, timeout_s: float) -> bytes:
        """Return the next bytes, b"" at the end."""
        self._link.pump_until(lambda: bool(self.arrived) or self.ended, timeout_s)
        return self.arrived.pop(0) if self.arrived else b""

    def write(self, data: bytes, timeout_s: float) -> None:
        """Send all of `data`, one message at a time: a daemon acknowledges each."""
        size = self._link.max_payload_bytes
        for start in range(0, len(data), size):
            self._link.pump_until(lambda: not self.unacknowledged or self.ended, timeout_s)
            if self.ended:
                raise DeviceLostError("the phone closed the stream before it had all of it")
            self.unacknowledged = True
            message = Message(b"WRTE", self.local, self.remote, data[start : start + size])
            self._link.send(message, timeout_s)

    def close(self) -> None:
        """Close the stream, and notify the phone unless it ended the stream itself or is gone."""
        if self.remote and self._link.usable:
            with suppress(DeviceLostError):  # then the phone knows already
                self._link.send(Message(b"CLSE", self.local, self.remote), CLOSE_S)
        self.ended = True
        self._link.forget(self)
