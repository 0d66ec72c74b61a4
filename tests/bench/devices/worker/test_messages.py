"""Messages: each kind arrives as it was, and errors of our tree keep their class."""

import numpy as np
import pytest

from bench import errors
from bench.devices.remote.connection import DeviceFullError
from bench.devices.worker.frames import Frame, FrameReader
from bench.devices.worker.messages import (
    Hello,
    LogLine,
    Message,
    Ping,
    Pong,
    RemoteError,
    Reply,
    Request,
    Stop,
    pack_message,
    parse_message,
)
from bench.errors import DeviceError, DeviceLostError, OfabenchError, UnrunnableError, error_class


@pytest.mark.parametrize(
    "message",
    [
        Hello(protocol=1, ofabench="1.0"),
        Request(number=7, call="slug", arguments={"a": [1, None]}),
        Reply(number=7, kind="result", value={"a": b"x"}),
        Reply(number=7, kind="stopped"),
        Stop(number=7),
        Ping(),
        Pong(),
        LogLine(level=30, text="hot"),
    ],
)
def test_each_kind_of_message_arrives(message: Message) -> None:
    (frame,) = FrameReader().feed(pack_message(message))

    assert parse_message(frame) == message


def test_arrays_inside_of_a_message_arrive() -> None:
    (frame,) = FrameReader().feed(
        pack_message(Request(number=1, call="infer", arguments={"images": np.ones(2, np.float32)}))
    )
    message = parse_message(frame)

    assert isinstance(message, Request)
    assert message.arguments["images"].tolist() == [1.0, 1.0]


def test_a_later_hello_may_have_more_fields_and_other_messages_may_not() -> None:
    later = Frame({"message": "hello", "protocol": 9, "ofabench": "2", "more": True})
    assert parse_message(later) == Hello(protocol=9, ofabench="2")
    for fields in (
        {"message": "stop", "number": 1, "more": True},
        {"message": "stop"},
        {"message": "stop", "number": "1"},
        {"message": "reply", "number": 1, "kind": "other"},
    ):
        with pytest.raises(DeviceLostError, match=r"the message (stop|reply)"):
            parse_message(Frame(fields))


@pytest.mark.parametrize("name", ["nonsense", None, 5, ["hello"]])
def test_unknown_kinds_are_refused(name: object) -> None:
    with pytest.raises(DeviceLostError, match="a message of the unknown kind"):
        parse_message(Frame({"message": name}))


def test_content_in_place_of_a_message_is_refused() -> None:
    with pytest.raises(DeviceLostError, match="a message of the unknown kind None"):
        parse_message(Frame({"$bytes": [0, 1]}, b"x"))


PLAIN = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, OfabenchError) and each is not UnrunnableError
]


@pytest.mark.parametrize("kind", PLAIN)
def test_every_error_of_the_tree_keeps_its_class(kind: type[OfabenchError]) -> None:
    error = RemoteError.of(kind("too\n hot")).error("ssh:pi")

    assert type(error) is kind
    assert str(error) == "ssh:pi: too hot"


def test_an_error_of_another_module_becomes_its_nearest_class_of_the_tree() -> None:
    class HotError(DeviceError):
        """Known to one module only."""

    for error in (HotError("hot"), DeviceFullError("full")):
        assert type(RemoteError.of(error).error("ssh:pi")) is DeviceError


def test_a_model_that_cannot_run_keeps_its_place() -> None:
    error = RemoteError.of(UnrunnableError("out of memory", place=3)).error("ssh:pi")

    assert isinstance(error, UnrunnableError)
    assert (error.place, error.reason) == (3, "out of memory")


@pytest.mark.parametrize("name", ["KeyboardInterrupt", "first_line", "", "error_class"])
def test_other_names_are_no_classes_of_errors(name: str) -> None:
    assert error_class(name) is OfabenchError
