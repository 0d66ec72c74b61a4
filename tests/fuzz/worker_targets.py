"""Fuzz targets of the worker's protocol: frames, and messages of both sides."""

import numpy as np

from bench.devices.worker.calls import signatures
from bench.devices.worker.frames import Frame, FrameReader
from bench.devices.worker.messages import (
    Hello,
    Message,
    Ping,
    RemoteError,
    Reply,
    Request,
    Stop,
    pack_message,
    parse_message,
)
from bench.devices.worker.shipping import NamedBackend, ShippedWork
from bench.devices.worker.values import pack_value, read_value
from bench.errors import InputError
from bench.files import parse_json
from bench.protocol.device import ReplicatePlan, RoundResult
from bench.protocol.target import Target
from tests.fuzz.target import FuzzTarget

ROUND = RoundResult(
    samples_ns=np.ones((2, 3)), order=np.array([1, 0]), disturbed_ns=np.zeros((0, 3))
)
WORK = {
    "work": ShippedWork(work=(), backend=NamedBackend("fake"), contents=(None,)),
    "target": Target(device="d", backend="fake", backend_version="1"),
    "plan": ReplicatePlan(),
}
PART = {"digest": "0", "start": 0, "part": b"x", "last": True}
MESSAGES: tuple[Message, ...] = (
    Hello(protocol=1, ofabench="1.0"),
    Request(number=1, call="run_replicate", arguments=WORK),
    Request(
        number=2, call="put", arguments={"digest": "0", "start": 0, "part": b"x", "last": True}
    ),
    Reply(number=1, kind="item", value=ROUND),
    Reply(number=1, kind="error", value=RemoteError.of(InputError("no"))),
    Stop(number=1),
    Ping(),
)


def read_frames(data: bytes) -> None:
    """Frames in pieces; the first byte is the size of a piece."""
    reader, size = FrameReader(), 1 + (data[0] if data else 0)
    for start in range(1, len(data), size):
        for frame in reader.feed(data[start : start + size]):
            understand(parse_message(frame))
    assert isinstance(reader.noise, str)


def read_message(data: bytes) -> None:
    """A message whose JSON text and content are separated by a zero byte."""
    text, _, content = data.partition(b"\0")
    try:
        message = parse_json(text)
    except ValueError:
        return
    if isinstance(message, dict):
        understand(parse_message(Frame(message, content)))


def understand(message: Message) -> None:
    """Read arguments of requests, and values of replies as every type that they may have."""
    if isinstance(message, Request) and (signature := signatures().get(message.call)):
        for name, value in message.arguments.items():
            if name in signature.arguments:
                read_value(signature.arguments[name], value, name)
    elif isinstance(message, Reply):
        read_value(RemoteError if message.kind == "error" else RoundResult, message.value, "it")


def _texts() -> list[bytes]:
    seeds = []
    for message in MESSAGES:
        (frame,) = FrameReader().feed(pack_message(message))
        text = Frame(frame.message).pack()[16:]
        seeds.append(text + b"\0" + frame.content)
    return [*seeds, Frame(dict(pack_value({"$array": ["float64", [1 << 62], 0]})[0])).pack()[16:]]


TARGETS = (
    FuzzTarget(
        name="worker_frames",
        read=read_frames,
        seeds=lambda: [
            bytes([size]) + b"".join(map(pack_message, MESSAGES)) for size in (0, 30, 255)
        ],
    ),
    FuzzTarget(
        name="worker_messages",
        read=read_message,
        seeds=_texts,
        regressions=lambda: [b'{"$bytes": [0, 1]}\0x'],
    ),
)
