"""Checks that a device and a backend match a target."""

from bench.errors import TargetMismatchError
from bench.protocol.backend import Backend
from bench.protocol.device import Device
from bench.protocol.target import Target


def check_same_target(
    device: Device, backend: Backend, target: Target, *, whose: str, remedy: str
) -> None:
    """Raise `TargetMismatchError` unless device and backend are what the target names.

    `whose` target it is, as "the predictor's", and `remedy`, what to do, are for the message.
    """
    kept = dict(target.options)
    options = (*backend.options(), *device.options())
    differences = [
        f"{what} is {now}, {whose} {then}"
        for what, now, then in (
            ("the device", device.slug(), target.device),
            ("the backend", backend.name, target.backend),
            ("its version", device.runtime_version(backend), target.backend_version),
            *((f"option {name}", now, kept.get(name)) for name, now in options),
        )
        if now != then
    ]
    if differences:
        raise TargetMismatchError(f"{'; '.join(differences)}: {remedy}")
