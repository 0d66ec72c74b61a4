"""Device options of a command for a fleet: which of them the fleet's file has instead."""

from dataclasses import replace

from bench.errors import InputError
from bench.options.fields import option_fields
from bench.options.reading import value_of
from ofabench.options.device import DeviceOptions
from ofabench.options.fleet import FleetMember


def check_common_device(device: DeviceOptions, default: str | None = None) -> None:
    """Raise `InputError` for the first option that only the fleet's file may give.

    `default` is the command's device if none is given.
    """
    for each in option_fields(type(device)):
        expected = default if each.dotted == "device" else each.default
        if each.dotted != "wait" and value_of(device, each) != expected:
            raise InputError(f"the fleet file says {each.flag} for each device; leave it out")


def device_of_member(member: FleetMember, device: DeviceOptions) -> DeviceOptions:
    """Return the member's device, which waits for other processes if the command or it says so."""
    return replace(member.device, wait=member.device.wait or device.wait)
