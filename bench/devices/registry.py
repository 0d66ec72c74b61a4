"""Devices by address."""

from bench.devices.base import Device
from bench.errors import InputError

KNOWN = "cpu (this machine), fake (computed, for dry runs)"


def get_device(address: str) -> Device:
    """Make the device at `address`; `InputError` where there is no such kind."""
    if address == "cpu":
        from bench.devices.local import LocalDevice

        return LocalDevice()
    if address == "fake":
        from bench.devices.fake import FakeDevice, Flaws

        flaws = Flaws(noise=0.02, layout=0.01, level=0.03, stumbles=0.001, memory_swing=0.05)
        return FakeDevice(flaws=flaws)
    raise InputError(f"device is {address!r}, expected one of: {KNOWN}")


def addresses() -> tuple[str, ...]:
    """What can be measured from here, without looking for it outside."""
    return ("cpu",)
