"""Phones that are present: those that a running adb server lists, and those on USB."""

from dataclasses import dataclass

from bench.devices.android.adb.address import NO_SERIAL
from bench.devices.android.adb.listing import READY, name_of
from bench.devices.android.adb.pipes import usb_errors, usb_transport
from bench.devices.android.adb.server import CONNECT_S, listed
from bench.devices.android.adb.server_place import server_place
from bench.errors import MissingRuntimeError


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPhone:
    """A phone that may be measured; `state` is ready, unauthorized, offline, no permissions."""

    name: str  # what `adb:` is followed by: its serial, or transport_id:N
    state: str
    model: str | None
    via: str  # server or usb

    @property
    def address(self) -> str:
        return f"adb:{self.name}"


def found_phones() -> list[FoundPhone]:
    """List phones; those on USB only where no server runs, since it would hold them.

    `DeviceError` where the environment names a server elsewhere that does not answer.
    """
    place = server_place()
    known = listed(place)
    if known is None and place.elsewhere:
        place.connect(CONNECT_S).close()  # says why
    if known is not None:
        return [
            FoundPhone(name=name_of(one, known), state=one.state, model=one.model, via="server")
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
            FoundPhone(
                name=transport.serial_number or NO_SERIAL,
                state=READY if transport.serial_number else "without a serial: use an adb server",
                model=None,
                via="usb",
            )
            for transport in usb.find_all_adb_devices()
        ]
    except usb_errors():
        return []
