"""Check that a device and a backend are those of a target."""

from dataclasses import replace

import pytest

from bench.backends.registry import get_backend
from bench.devices.fake import FakeDevice
from bench.errors import TargetMismatchError
from bench.protocol.target import Target
from bench.protocol.target_check import check_same_target

BACKEND = get_backend("fake")
TARGET = Target(device="fake", backend="fake", backend_version=BACKEND.version())


def check(target: Target) -> None:
    check_same_target(FakeDevice(), BACKEND, target, whose="the sweep's", remedy="sweep here")


def test_the_same_device_and_backend_are_accepted() -> None:
    check(TARGET)
    # Only what the device and the backend determine is compared.
    check(replace(TARGET, threads=4, precision="fp16", options=(("cache", "cold"),)))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"device": "phone"}, "the device is fake, the sweep's phone: sweep here"),
        ({"backend": "onnx"}, "the backend is fake, the sweep's onnx: sweep here"),
        (
            {"backend_version": "0"},
            f"its version is {BACKEND.version()}, the sweep's 0: sweep",
        ),
        (
            {"device": "phone", "backend": "onnx"},
            "the device is fake, the sweep's phone; the backend is fake, the sweep's onnx: sweep",
        ),
    ],
)
def test_another_device_or_backend_is_refused_in_one_line(
    other: dict[str, str], message: str
) -> None:
    with pytest.raises(TargetMismatchError) as caught:
        check(replace(TARGET, **other))  # type: ignore[arg-type]

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
