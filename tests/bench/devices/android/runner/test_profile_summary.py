"""The runner's profile event: operators in their order, and whatever else is refused."""

import json

import pytest

from bench.devices.android.runner.profile_summary import parse_profile_event
from bench.errors import DeviceError

SUMMARY = """
======================= Run Order =======================
     [node type]  [start]  [first]  [avg ms]      [%]   [cdf%] [mem KB] [times called] [Name]
 Delegate/Convolution (NHWC, F32) IGEMM 0.000 0.500 0.300 75.000%  75.000% 0.000 50 [Delegate]:0
                                 GATHER 0.100 0.100 0.100 25.000% 100.000% 0.000 50 [scores]:1

======================= Top by Computation Time =======================
     [node type]  [start]  [first]  [avg ms]      [%]   [cdf%] [mem KB] [times called] [Name]
                                 GATHER 0.100 0.100 0.100 25.000%  25.000% 0.000 50 [scores]:1

Timings (microseconds): count=2 curr=20000
"""


def event(**changes: object) -> bytes:
    return json.dumps({"event": "profile", "runs": 50, "summary": SUMMARY, **changes}).encode()


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
        event(summary=SUMMARY.replace("Run Order", "Order")),
        event(summary=SUMMARY.replace("%", "")),
        event(summary=SUMMARY.replace("curr=", "c=")),
    ],
)
def test_anything_else_is_refused(line: bytes) -> None:
    with pytest.raises(DeviceError, match="the runner's profile is"):
        parse_profile_event(line)
