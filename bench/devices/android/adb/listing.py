"""Phones as an adb server lists them, and which of them an address names.

A line of `adb devices -l` is a serial, padded to 22 columns, a state, where it is plugged in, and
values by name, the transport id last (AOSP, transport.cpp). A serial may hold spaces, so a line is
read from its end.
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
class Listed:
    """A phone as a server lists it; `state` is ready, unauthorized, offline and so on.

    `serial` is "" where the phone has none. `path` says where it is plugged in, as `usb:1-4`;
    `transport_id` is the server's number for this connection to it, None before adb 1.0.40.
    """

    serial: str
    state: str
    model: str | None = None
    path: str | None = None
    transport_id: int | None = None


def parse_listed(line: str) -> Listed | None:
    """Read one line of `host:devices-l`; None where it is none."""
    match = _LINE.fullmatch(line) or _OTHER.fullmatch(line)
    if match is None or not match["serial"].strip():
        return None
    serial = match["serial"].strip()
    state = re.split(r" \(|;", match["state"])[0]
    return Listed(
        serial="" if serial == NO_SERIAL else serial,
        state=_NAMES.get(state, state),
        model=(match["model"] or "").replace("_", " ") or None,
        path=match["path"],
        transport_id=None if match["id"] is None else int(match["id"]),
    )


def name_of(phone: Listed, phones: Sequence[Listed]) -> str:
    """Return what `adb:` is followed by to address this one of the `phones`.

    Its serial; its transport id where it has no serial, or shares one with another.
    """
    alone = phone.serial and sum(one.serial == phone.serial for one in phones) == 1
    if alone or phone.transport_id is None:
        return phone.serial or NO_SERIAL
    return f"transport_id:{phone.transport_id}"


def find(name: str, phones: Sequence[Listed], before: Listed | None = None) -> Listed | None:
    """Return the phone of that serial, transport id or path (`usb:1-4`); None where none is.

    A transport id ends with its connection: a phone that was listed as `before` is looked for by
    its serial or path then. `DeviceError` where several phones have the serial.
    """
    for found in (
        [one for one in phones if one.serial == name],
        [one for one in phones if _is_numbered(one, name)],
        [one for one in phones if one.path is not None and one.path == name],
    ):
        if len(found) > 1:
            each = ", ".join(f"adb:{name_of(one, phones)} ({one.path})" for one in found)
            raise DeviceError(f"{len(found)} phones are called adb:{name}; name one of: {each}")
        if found:
            return found[0]
    if before is None or _BY_ID.fullmatch(name) is None:
        return None
    same = [one for one in phones if one.serial and one.serial == before.serial]
    if len(same) != 1:
        same = [one for one in phones if one.path is not None and one.path == before.path]
    return same[0] if len(same) == 1 else None


def _is_numbered(phone: Listed, name: str) -> bool:
    match = _BY_ID.fullmatch(name)
    return match is not None and phone.transport_id == int(match["id"])
