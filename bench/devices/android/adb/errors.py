"""Errors between this machine and a phone; all are `bench.errors.DeviceError`."""

from bench.errors import DeviceError


class DeviceFullError(DeviceError):
    """The phone has no room for a file."""


class UnauthorizedError(DeviceError):
    """The phone does not allow this machine to debug it."""
