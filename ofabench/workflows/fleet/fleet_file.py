"""Fleet files: TOML with a table for each device.

    at_once = 4                 # of all devices together; may be left out

    [groups]
    hub = 1                     # of the devices in the group "hub"

    [[device]]
    name = "note8"              # also the stem of its files
    address = "adb:192.0.2.7:5555"
    group = "hub"
    cores = "big"

Other keys are the options of the device's kind, as on the command line. `[[phone]]` is the older
name of `[[device]]`, for phones only. Paths are relative to the file's folder.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.errors import InputError
from bench.files import parse_toml, toml_text
from bench.options.fields import option_fields
from bench.options.reading import build, read_values
from bench.options.suggest import did_you_mean
from ofabench.options.fleet import Fleet, FleetMember

_TABLES = ("device", "phone")
_KEYS = (*_TABLES, "groups", "at_once")
_EXAMPLES = {
    "device": {"name": "nano", "address": "cpu"},
    "phone": {"name": "note8", "address": "adb:SERIAL"},
}
FleetLike = Fleet | Path | str


def fleet_of(fleet: FleetLike) -> Fleet:
    """Return a fleet as it is, or read its file; `InputError` for anything else."""
    if isinstance(fleet, Fleet):
        return fleet
    if isinstance(fleet, str | os.PathLike):
        return load_fleet(fleet)
    raise InputError(f"the fleet is {fleet!r:.80}, expected a Fleet, or the path of its file")


def load_fleet(path: str | os.PathLike[str]) -> Fleet:
    """Read a fleet file.

    Args:
        path: the TOML file; docs/how-to/fleets.md lists its keys.

    Raises:
        FileError: it cannot be read.
        InputError: it is not TOML; or with the device and the invalid key.

    Example:
        >>> load_fleet("nowhere.toml")
        Traceback (most recent call last):
        bench.errors.FileError: cannot read nowhere.toml: No such file or directory
    """
    path = Path(path)
    content = parse_toml(toml_text(path), path)
    for key in content:
        if key not in _KEYS:
            hint = did_you_mean(key, _KEYS) or f"; known are {', '.join(_KEYS)}"
            raise InputError(f"{path}: unknown key {key!r:.80}{hint}")
    members = tuple(
        _member(table, kind, place, path) for kind, place, table in _tables(content, path)
    )
    if not members:
        raise InputError(f"{path} names no device; give each a table [[device]]")
    groups = content.get("groups", {})
    if not isinstance(groups, dict):
        raise InputError(f"{path}: groups is {groups!r:.60}, expected a table like hub = 1")
    try:
        return Fleet(members=members, groups=groups, at_once=content.get("at_once"))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _tables(content: Mapping[str, Any], path: Path) -> Iterator[tuple[str, int, Any]]:
    """Yield the kind, place and content of each table, in the order of the file by kind."""
    for kind in _TABLES:
        tables = content.get(kind, [])
        if not isinstance(tables, list):
            raise InputError(f"{path}: {kind} is {tables!r:.60}, expected tables [[{kind}]]")
        for place, table in enumerate(tables, start=1):
            yield kind, place, table


def _member(table: Any, kind: str, place: int, path: Path) -> FleetMember:
    """Read one table; every `InputError` begins with file and device."""
    name = table.get("name") if isinstance(table, dict) else None
    shown = repr(name) if isinstance(name, str) and name else f"number {place}"
    where = f"{path}: {kind} {shown:.80}"
    if not isinstance(table, dict):
        raise InputError(f"{where} is {table!r:.60}, expected a table")
    for needed, example in _EXAMPLES[kind].items():
        if needed not in table:
            raise InputError(f"{where}: {needed} is missing; it is like {example!r}")
    try:
        return _read(table, kind, path.parent)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _read(table: Mapping[str, Any], kind: str, folder: Path) -> FleetMember:
    if isinstance(table.get("device"), str):
        raise InputError("unknown key 'device', did you mean address?")
    address = table["address"]
    if not isinstance(address, str):
        raise InputError(f"address is {address!r:.60}, expected a text")
    if kind == "phone" and not address.startswith("adb:"):
        raise InputError(
            f"address: phone is {address!r:.80}, expected adb:SERIAL; other devices are [[device]]"
        )
    others = {key: value for key, value in table.items() if key != "address"}
    if kind == "phone":  # files of older versions
        others = _of_older_version(others)
    values = {"device.device": address, **read_values(FleetMember, others)}
    build(FleetMember, values)  # errors show paths as they are in the file
    for each in option_fields(FleetMember):
        path = values.get(each.dotted)
        if each.type is Path and path is not None:
            values[each.dotted] = folder / os.path.expanduser(path)
    return build(FleetMember, values)


def _of_older_version(table: dict[str, Any]) -> dict[str, Any]:
    """Return a [[phone]] table with the names of today."""
    result = {**table}
    if isinstance(result.get("options"), dict):
        result["device"] = {"phone": result.pop("options")}
    if result.get("runner") == "ofabench":
        result["runner"] = "bundle"
    return result
