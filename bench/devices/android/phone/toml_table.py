"""A table of a user's TOML file, read strictly: what is wrong is told with its file and table."""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import FileError, InputError
from bench.files import read_bytes


class TomlTable:
    """The fields of one table. `done` refuses those that nobody read."""

    def __init__(self, table: Any, where: str) -> None:
        """`where` names file and table in the errors, all of which are `InputError`."""
        self.where = where
        if not isinstance(table, dict):
            raise InputError(f"{where} is {table!r:.60}, expected a table")
        self._table: Mapping[str, Any] = table
        self._known: list[str] = []

    def text(self, name: str, *, allowed: Sequence[str] = ()) -> str | None:
        """Read a line of text, one of `allowed` where there are any; None where it is not there."""
        value = self._value(name)
        if value is None:
            return None
        line = isinstance(value, str) and value.strip() and value.isprintable()
        if not line or (allowed and value not in allowed):
            raise self._wrong(name, value, " or ".join(allowed) or "a line of text")
        return str(value)

    def needed(self, name: str, example: str) -> str:
        """Read a string that must be there."""
        value = self.text(name)
        if value is None:
            raise InputError(f"{self.where}: {name} is missing; it is like {example!r}")
        return value

    def count(self, name: str) -> int | None:
        """Read a whole number of at least 1; None where it is not there."""
        value = self._value(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self._wrong(name, value, "a whole number of at least 1")
        return value

    def number(self, name: str) -> float:
        """Read a number above 0 that must be there."""
        value = self._value(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1e300:
            raise self._wrong(name, value, "a number above 0")
        return float(value)

    def texts(self, name: str) -> tuple[str, ...]:
        """Read a list of strings, at least one, that must be there."""
        value = self._value(name)
        if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
            raise self._wrong(name, value, "a list of texts")
        return tuple(value)

    def tables(self, name: str) -> list[Any]:
        """Read the tables `[[name]]`, which may be none; each is yet to be checked."""
        value = self._value(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._wrong(name, value, f"tables [[{name}]]")
        return value

    def done(self) -> None:
        """Refuse a field that nothing has read: a misspelt one would be silently without effect."""
        for name in self._table:
            if name not in self._known:
                near = difflib.get_close_matches(name, self._known, n=1, cutoff=0.5)
                meant = f"did you mean {near[0]}?" if near else f"known: {', '.join(self._known)}"
                raise InputError(f"{self.where}: unknown field {name!r}; {meant}")

    def _value(self, name: str) -> Any:
        self._known.append(name)
        return self._table.get(name)

    def _wrong(self, name: str, value: object, expected: str) -> InputError:
        got = "missing" if value is None else f"{value!r:.60}"
        return InputError(f"{self.where}: {name} is {got}, expected {expected}")


def load_toml(path: Path) -> TomlTable:
    """Read a TOML file; `FileError` where it cannot be read or is not TOML."""
    return parse_toml(read_bytes(path), str(path))


def parse_toml(content: bytes, where: str) -> TomlTable:
    """Read TOML; `FileError` where it is not that."""
    try:
        return TomlTable(tomllib.loads(content.decode()), where)
    except (ValueError, RecursionError) as error:
        raise FileError(f"{where} is not TOML: {error}") from error
