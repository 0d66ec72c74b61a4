"""Phones that are there: those that a running adb server lists, and those on USB."""

from dataclasses import dataclass

from bench.adb.pipes import usb_errors, usb_transport
from bench.adb.server import listed
from bench.errors import MissingRuntimeError


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPhone:
    """A phone that may be measured; `state` is ready, unauthorized, offline, no permissions."""

    serial: str
    state: str
    model: str | None
    via: str  # server or usb

    @property
    def address(self) -> str:
        return f"adb:{self.serial}"


def found_phones() -> list[FoundPhone]:
    """List phones; those on USB only where no server runs, since it would hold them."""
    known = listed()
    if known is not None:
        return [
            FoundPhone(serial=one.serial, state=one.state, model=one.model, via="server")
            for one in known
        ]
    return _on_usb()


def _on_usb() -> list[FoundPhone]:
    """Without opening them: whether they allow it shows when they are used."""
    try:
        usb = usb_transport()
    except MissingRuntimeError:
        return []
    try:
        return [
            FoundPhone(serial=transport.serial_number, state="ready", model=None, via="usb")
            for transport in usb.find_all_adb_devices()
        ]
    except usb_errors():
        return []
