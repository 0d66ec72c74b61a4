"""A fleet file: several phones, and how each of them is to be measured.

    [[phone]]
    name = "note8"                     # also the stem of its sweep's file
    address = "adb:192.0.2.7:5555"     # or adb:SERIAL, as `ofabench devices` lists it
    cores = "big"

`backend`, `cores`, `threads`, `precision`, `runner`, `binary`, `delegate`, `frequency_khz` and
`debs` are as the options of `ofabench sweep`, and may be left out. Paths are beside the file.
"""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from bench.devices.android.adb.address import Address
from bench.devices.android.phone.options import DELEGATES, RUNNERS, PhoneOptions
from bench.devices.android.phone.toml_table import TomlTable, load_toml
from bench.errors import InputError

BACKENDS = ("tflite",)
PRECISIONS = ("fp32", "fp16")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPhone:
    """One phone. `cores` None lets it choose; `name` is safe as the stem of a file's name."""

    name: str
    address: str
    backend: str = "tflite"
    cores: str | None = None
    threads: int = 1
    precision: str = "fp32"
    options: PhoneOptions = field(default_factory=PhoneOptions)


@dataclass(frozen=True, slots=True)
class Fleet:
    """Phones in the order of their file, no two of one name or address."""

    phones: tuple[FleetPhone, ...]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a fleet file.

        `FileError` where it cannot be read or is not TOML; `InputError` names the phone and the
        field that is wrong.
        """
        path = Path(path)
        fields = load_toml(path)
        tables = fields.tables("phone")
        fields.done()
        if not tables:
            raise InputError(f"{path} names no phone; give each a table [[phone]]")
        phones = tuple(_phone(table, place, path) for place, table in enumerate(tables, start=1))
        _check_unlike(phones, path)
        return cls(phones)


def _phone(table: Any, place: int, path: Path) -> FleetPhone:
    name = table.get("name") if isinstance(table, dict) else None
    told = repr(name) if isinstance(name, str) and name else f"number {place}"
    fields = TomlTable(table, f"{path}: phone {told:.80}")
    phone = FleetPhone(
        name=_matching(fields, "name", _NAME, "note8", "letters, digits, - and _, at most 64"),
        address=_address(fields),
        backend=fields.text("backend", allowed=BACKENDS) or "tflite",
        cores=fields.text("cores"),
        threads=fields.count("threads") or 1,
        precision=fields.text("precision", allowed=PRECISIONS) or "fp32",
        options=_options(fields, path.parent),
    )
    fields.done()
    return phone


def _options(fields: TomlTable, folder: Path) -> PhoneOptions:
    runner = fields.text("runner", allowed=RUNNERS)
    delegate = fields.text("delegate", allowed=DELEGATES)
    binary, debs = (_beside(folder, fields.text(name)) for name in ("binary", "debs"))
    frequency_khz = fields.count("frequency_khz")
    try:
        return PhoneOptions(
            runner=runner or RUNNERS[0],
            binary=binary,
            delegate=delegate or DELEGATES[0],
            debs=debs,
            frequency_khz=frequency_khz,
        )
    except InputError as error:
        raise InputError(f"{fields.where}: {error}") from error


def _beside(folder: Path, name: str | None) -> Path | None:
    return None if name is None else folder / os.path.expanduser(name)


def _matching(
    fields: TomlTable, name: str, pattern: re.Pattern[str], example: str, expected: str
) -> str:
    value = fields.needed(name, example)
    if not pattern.fullmatch(value):
        raise InputError(f"{fields.where}: {name} is {value!r:.80}, expected {expected}")
    return value


def _address(fields: TomlTable) -> str:
    value = fields.needed("address", "adb:SERIAL")
    try:
        return str(Address.parse(value))
    except InputError as error:
        raise InputError(f"{fields.where}: address: {error}") from error


def _check_unlike(phones: tuple[FleetPhone, ...], path: Path) -> None:
    """Refuse two phones of one name or address; names without case, which some disks ignore."""
    for what in ("name", "address"):
        seen: dict[str, FleetPhone] = {}
        for phone in phones:
            value: str = getattr(phone, what)
            other = seen.setdefault(value.lower() if what == "name" else value, phone)
            if other is not phone:
                both = f"{other.name!r} and {phone.name!r} have one {what}, {value!r}"
                raise InputError(f"{path}: phones {both}; each needs its own")
