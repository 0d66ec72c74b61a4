"""Checks that a device and a backend match a target."""

from bench.blocks.graph_form import CHOICES
from bench.errors import TargetMismatchError
from bench.protocol.backend import Backend
from bench.protocol.device import Device
from bench.protocol.target import Target


def check_same_target(
    device: Device, backend: Backend, target: Target, *, whose: str, remedy: str
) -> None:
    """Raise `TargetMismatchError` unless device and backend are those of the target.

    For the message, `whose` says whose target it is ("the predictor's") and `remedy` what to do.
    """
    expected = dict(target.options)
    options = (*backend.options(), *device.options())
    plain = [(name, None) for name in CHOICES if name in expected and name not in dict(options)]
    differences = [
        f"{field} is {now}, {whose} {before}"
        for field, now, before in (
            ("the device", device.slug(), target.device),
            ("the backend", backend.name, target.backend),
            ("its version", device.runtime_version(backend), target.backend_version),
            *((f"option {name}", now, expected.get(name)) for name, now in (*options, *plain)),
        )
        if now != before
    ]
    if differences:
        raise TargetMismatchError(f"{'; '.join(differences)}: {remedy}")
