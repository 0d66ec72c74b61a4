"""Messages between a client and its worker, and the version of the protocol.

The worker begins with `Hello`. The client then sends a `Request` at a time and reads its `Reply`,
of which a stream has several; `Stop` ends a request early. While a client waits for a reply it
sends `Ping`, which the worker answers by `Pong`: each side ends when it hears nothing of the other
for `SILENCE_S`. Between two requests a worker waits for `IDLE_S`.
"""

from dataclasses import dataclass
from typing import Any, Literal

from bench.devices.worker.frames import Frame
from bench.devices.worker.values import pack_value, read_value, unpack_value
from bench.errors import DeviceLostError, OfabenchError, UnrunnableError, error_class

PROTOCOL = 1  # raised with every change that an older side cannot read
MODULE = "bench.worker"  # what the remote Python runs
PING_S = 10.0  # between two pings of the client
SILENCE_S = 60.0  # without a byte from the other side, after which the connection counts as lost
IDLE_S = 1800.0  # without a request, after which a worker ends
GRACE_S = 5.0  # in which a call may end by itself when its client has gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """What the worker is; a worker of another version may send more fields."""

    protocol: int
    ofabench: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A call by name; `number` grows from request to request."""

    number: int
    call: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An item of a stream, or the end of a request.

    `value` is the item, the result, or for an error a `RemoteError`; None for "stopped".
    """

    number: int
    kind: Literal["item", "result", "error", "stopped"]
    value: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteError:
    """An error of our tree, by the name of its class; `place` is that of `UnrunnableError`."""

    kind: str
    text: str
    place: int | None = None

    @classmethod
    def of(cls, error: OfabenchError) -> "RemoteError":
        """Return the error's nearest class that `bench.errors` has, and its message."""
        kind = next(each for each in type(error).__mro__ if each.__module__ == "bench.errors")
        place = error.place if isinstance(error, UnrunnableError) else None
        return cls(kind=kind.__name__, text=str(error), place=place)

    def error(self, where: str) -> OfabenchError:
        """Return an error of the same class; its message begins with `where` it was raised."""
        text = " ".join(self.text.split())
        if self.place is not None:
            return UnrunnableError(text, place=self.place)
        return error_class(self.kind)(f"{where}: {text}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """End the request of this number."""

    number: int


@dataclass(frozen=True, slots=True)
class Ping:
    """The client is there."""


@dataclass(frozen=True, slots=True)
class Pong:
    """The worker is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A message for the user, with the number of its level."""

    level: int
    text: str


Message = Hello | Request | Reply | Stop | Ping | Pong | LogLine
_KINDS: dict[str, type[Message]] = {
    "hello": Hello,
    "request": Request,
    "reply": Reply,
    "stop": Stop,
    "ping": Ping,
    "pong": Pong,
    "log": LogLine,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def pack_message(message: Message) -> bytes:
    """Return a message as the bytes of a frame.

    Raises `TypeError` for values without a form in a frame, `ValueError` for too large ones.
    """
    fields, content = pack_value(message)
    return Frame({"message": _NAMES[type(message)], **fields}, content).pack()


def parse_message(frame: Frame) -> Message:
    """Return the message in a frame; `DeviceLostError` if there is none."""
    fields = unpack_value(frame.message, frame.content)
    name = fields.pop("message", None) if isinstance(fields, dict) else None
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise DeviceLostError(f"the other side sent a message of the unknown kind {name!r:.40}")
    return read_value(kind, fields, f"the message {name}", other_keys=kind is Hello)
