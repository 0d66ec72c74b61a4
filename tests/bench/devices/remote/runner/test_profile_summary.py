"""The runner's profile event: operators in their order, and whatever else is refused."""

import json

import pytest

from bench.devices.remote.runner.profile_summary import parse_profile_event
from bench.errors import DeviceError
from tests.support.runner_events import PROFILE_SUMMARY


def event(**changes: object) -> bytes:
    return json.dumps(
        {"event": "profile", "runs": 50, "summary": PROFILE_SUMMARY, **changes}
    ).encode()


def test_operators_are_those_of_the_order_of_execution() -> None:
    first, second = parse_profile_event(event() + b"\t0\n").operators

    assert (first.kind, first.name, first.delegated) == (
        "Convolution (NHWC, F32) IGEMM",
        "Delegate:0",
        True,
    )
    assert (second.kind, second.name, second.delegated) == ("GATHER", "scores:1", False)
    assert (first.ms, first.share) == pytest.approx((0.3, 0.75))
    assert second.ms == pytest.approx(0.1)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"no json",
        event(event="pass"),
        event(runs=0),
        event(summary="nothing"),
        event(summary=PROFILE_SUMMARY.replace("Run Order", "Order")),
        event(summary=PROFILE_SUMMARY.replace("%", "")),
        event(summary=PROFILE_SUMMARY.replace("curr=", "c=")),
    ],
)
def test_anything_else_is_refused(line: bytes) -> None:
    with pytest.raises(DeviceError, match="the runner's profile is"):
        parse_profile_event(line)
