"""A fleet file: several phones, and the options of each.

    [[phone]]
    name = "note8"                     # also the stem of its sweep's file
    address = "adb:192.0.2.7:5555"     # or adb:SERIAL, as `ofabench devices` lists it
    cores = "big"

`backend`, `cores`, `threads`, `precision`, `runner`, `binary`, `delegate`, `frequency_khz` and
`debs` are as the options of `ofabench sweep`, and may be left out. Paths are beside the file.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from bench.devices.android.adb.address import Address
from bench.devices.android.phone.options import PhoneOptions
from bench.errors import InputError
from bench.files import parse_toml, toml_text
from bench.options import Options, nested, option
from bench.options.suggest import did_you_mean

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_NEEDED = {"name": "note8", "address": "adb:SERIAL"}
_PATHS = ("binary", "debs")


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPhone(Options):
    """One phone. With `cores` None it chooses; `name` is safe as the stem of a file name."""

    name: str = option(help="letters, digits, - and _, at most 64, as note8")
    address: str = option(help="adb:SERIAL or adb:HOST:PORT")
    backend: str = option("tflite", choices=("tflite",), help="what runs on it")
    cores: str | None = option(None, help="big, little, all or a hex mask")
    threads: int = option(1, minimum=1, help="of the runtime")
    precision: str = option("fp32", choices=("fp32", "fp16"), help="of weights and activations")
    options: PhoneOptions = nested(PhoneOptions)

    def check(self) -> None:
        """Check that name, address and cores are valid."""
        if not _NAME.fullmatch(self.name):
            raise InputError(
                f"name is {self.name!r:.80}, expected letters, digits, - and _, at most 64"
            )
        try:
            address = str(Address.parse(self.address))
        except InputError as error:
            raise InputError(f"address: {error}") from error
        object.__setattr__(self, "address", address)
        paths = {name: getattr(self.options, name) for name in _PATHS}
        for name, value in {"cores": self.cores, **paths}.items():
            _check_line(name, value)


def _check_line(name: str, value: object) -> None:
    """Raise `InputError` if a text is empty or contains unprintable characters."""
    text = None if value is None else str(value)
    if text is not None and not (text.strip() and text.isprintable()):
        raise InputError(f"{name} is {text!r:.60}, expected a line of text")


@dataclass(frozen=True, slots=True)
class Fleet:
    """Phones in the order of their file, with unique names and addresses."""

    phones: tuple[FleetPhone, ...]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a fleet file.

        Raises `FileError` if it cannot be read; `InputError` if it is not TOML, or with the phone
        and the invalid field.
        """
        path = Path(path)
        content = parse_toml(toml_text(path), path)
        tables = _phone_tables(content, path)
        phones = tuple(_phone(table, place, path) for place, table in enumerate(tables, start=1))
        _check_unlike(phones, path)
        return cls(phones)


def _phone_tables(content: Mapping[str, Any], path: Path) -> list[Any]:
    for name in content:
        if name != "phone":
            hint = did_you_mean(name, ["phone"]) or "; known is phone"
            raise InputError(f"{path}: unknown key {name!r:.80}{hint}")
    tables = content.get("phone", [])
    if not isinstance(tables, list):
        raise InputError(f"{path}: phone is {tables!r:.60}, expected tables [[phone]]")
    if not tables:
        raise InputError(f"{path} names no phone; give each a table [[phone]]")
    return tables


def _phone(table: Any, place: int, path: Path) -> FleetPhone:
    """Read one phone's table; every `InputError` begins with file and phone."""
    name = table.get("name") if isinstance(table, dict) else None
    shown = repr(name) if isinstance(name, str) and name else f"number {place}"
    where = f"{path}: phone {shown:.80}"
    if not isinstance(table, dict):
        raise InputError(f"{where} is {table!r:.60}, expected a table")
    for needed, example in _NEEDED.items():
        if needed not in table:
            raise InputError(f"{where}: {needed} is missing; it is like {example!r}")
    try:
        phone = FleetPhone.read(table, where)
    except InputError as error:
        text = str(error)
        raise InputError(text if text.startswith(where) else f"{where}: {text}") from error
    binary, debs = (_beside(path.parent, getattr(phone.options, name)) for name in _PATHS)
    return replace(phone, options=replace(phone.options, binary=binary, debs=debs))


def _beside(folder: Path, path: Path | None) -> Path | None:
    return None if path is None else folder / os.path.expanduser(path)


def _check_unlike(phones: tuple[FleetPhone, ...], path: Path) -> None:
    """Raise `InputError` for equal names or addresses; names are compared ignoring case."""
    for field in ("name", "address"):
        seen: dict[str, FleetPhone] = {}
        for phone in phones:
            value: str = getattr(phone, field)
            other = seen.setdefault(value.lower() if field == "name" else value, phone)
            if other is not phone:
                both = f"{other.name!r} and {phone.name!r} have one {field}, {value!r}"
                raise InputError(f"{path}: phones {both}; each needs its own")
