"""Discovery of phones: those that a running adb server lists, and those on USB."""

from dataclasses import dataclass

from bench.devices.android.adb.address import NO_SERIAL
from bench.devices.android.adb.listing import READY, name_of
from bench.devices.android.adb.pipes import usb_errors, usb_transport
from bench.devices.android.adb.server import CONNECT_S, listed
from bench.devices.android.adb.server_address import server_address
from bench.errors import MissingRuntimeError


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveredPhone:
    """A phone that may be measured; `state` is ready, unauthorized, offline, no permissions."""

    name: str  # the text after `adb:`: its serial, or transport_id:N
    state: str
    model: str | None
    via: str  # server or usb

    @property
    def address(self) -> str:
        return f"adb:{self.name}"


def discover_phones() -> list[DiscoveredPhone]:
    """List phones; those on USB only if no server runs, since it would hold them.

    Raises `DeviceError` if the environment names a remote server that does not answer.
    """
    place = server_address()
    known = listed(place)
    if known is None and place.elsewhere:
        place.connect(CONNECT_S).close()  # raises an error that says why
    if known is not None:
        return [
            DiscoveredPhone(
                name=name_of(phone, known), state=phone.state, model=phone.model, via="server"
            )
            for phone in known
        ]
    return _on_usb()


def _on_usb() -> list[DiscoveredPhone]:
    """List phones on USB without opening them: whether they allow it shows at their use."""
    try:
        usb = usb_transport()
    except MissingRuntimeError:
        return []
    try:
        return [
            DiscoveredPhone(
                name=transport.serial_number or NO_SERIAL,
                state=READY if transport.serial_number else "without a serial: use an adb server",
                model=None,
                via="usb",
            )
            for transport in usb.find_all_adb_devices()
        ]
    except usb_errors():
        return []
