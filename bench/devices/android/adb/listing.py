"""Phones as an adb server lists them, and which of them an address names.

A line of `adb devices -l` is a serial, padded to 22 columns, a state, the USB port, and values by
name, the transport id last (AOSP, transport.cpp). A serial may contain spaces, so a line is parsed
from its end.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bench.devices.android.adb.address import NO_SERIAL
from bench.errors import DeviceError

READY = "ready"
_NAMES = {"device": READY, "no permissions": "no permissions"}
_STATE = (
    r"device|offline|bootloader|host|recovery|rescue|sideload|unauthorized|authorizing|connecting"
    r"|detached|unknown|no permissions(?: \([^)]*\))?(?:; see \[[^\]]*\])?"
)
_TAIL = (
    r"(?:;? (?P<path>(?!product:|model:|device:|transport_id:)[^\s:]+:\S+))?(?: product:.*?)?"
    r"(?: model:(?P<model>\S*))?(?: device:.*?)?(?: transport_id:(?P<id>[0-9]{1,20}))?\s*"
)
_LINE = re.compile(rf"(?P<serial>.+)\s(?P<state>{_STATE}){_TAIL}", re.ASCII)
_OTHER = re.compile(
    rf"(?P<serial>\S{{22,}}|\S.{{21}}) (?P<state>\S+)(?P<rest>.*?){_TAIL}", re.ASCII
)
_BY_ID = re.compile(r"transport_id:(?P<id>[0-9]{1,20})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPhone:
    """A phone as a server lists it; `state` is ready, unauthorized, offline and so on.

    `serial` is "" if the phone has none. `path` is its USB port, as `usb:1-4`; `transport_id` is
    the server's number for this connection, None before adb 1.0.40.
    """

    serial: str
    state: str
    model: str | None = None
    path: str | None = None
    transport_id: int | None = None


def parse_listed(line: str) -> ListedPhone | None:
    """Parse one line of `host:devices-l`; None if it is not a phone."""
    match = _LINE.fullmatch(line) or _OTHER.fullmatch(line)
    if match is None or not match["serial"].strip():
        return None
    serial = match["serial"].strip()
    state = re.split(r" \(|;", match["state"])[0]
    return ListedPhone(
        serial="" if serial == NO_SERIAL else serial,
        state=_NAMES.get(state, state),
        model=(match["model"] or "").replace("_", " ") or None,
        path=match["path"],
        transport_id=None if match["id"] is None else int(match["id"]),
    )


def name_of(phone: ListedPhone, phones: Sequence[ListedPhone]) -> str:
    """Return the text after `adb:` that addresses this one of the `phones`.

    Its serial; its transport id if it has no serial, or shares one with another.
    """
    unique = phone.serial and sum(other.serial == phone.serial for other in phones) == 1
    if unique or phone.transport_id is None:
        return phone.serial or NO_SERIAL
    return f"transport_id:{phone.transport_id}"


def find(
    name: str, phones: Sequence[ListedPhone], before: ListedPhone | None = None
) -> ListedPhone | None:
    """Return the phone of that serial, transport id or path (`usb:1-4`); None if there is none.

    A transport id ends with its connection: then a phone that was listed as `before` is found by
    its serial or path. Raises `DeviceError` if several phones have the serial.
    """
    for matches in (
        [phone for phone in phones if phone.serial == name],
        [phone for phone in phones if _is_numbered(phone, name)],
        [phone for phone in phones if phone.path is not None and phone.path == name],
    ):
        if len(matches) > 1:
            names = ", ".join(f"adb:{name_of(phone, phones)} ({phone.path})" for phone in matches)
            raise DeviceError(f"{len(matches)} phones are called adb:{name}; name one of: {names}")
        if matches:
            return matches[0]
    if before is None or _BY_ID.fullmatch(name) is None:
        return None
    same = [phone for phone in phones if phone.serial and phone.serial == before.serial]
    if len(same) != 1:
        same = [phone for phone in phones if phone.path is not None and phone.path == before.path]
    return same[0] if len(same) == 1 else None


def _is_numbered(phone: ListedPhone, name: str) -> bool:
    match = _BY_ID.fullmatch(name)
    return match is not None and phone.transport_id == int(match["id"])
