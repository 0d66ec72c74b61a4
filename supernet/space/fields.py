"""Strict reading of a TOML table, with errors that name the field."""

from collections.abc import Sequence
from difflib import get_close_matches
from itertools import pairwise
from typing import Any

from bench.errors import InputError

_LARGEST = 2**15 - 1  # codes are 16-bit integers


class Fields:
    """The fields of one table. Each may be read once; `done` refuses those that nobody read."""

    def __init__(self, table: Any, where: str, name: str = "") -> None:
        self._where, self._name = where, name
        if not isinstance(table, dict):
            raise InputError(f"{where}: {name} is {table!r}, expected a table [{name}]")
        self._table = dict(table)

    def error(self, field: str, got: Any, expected: str) -> InputError:
        """Make the one line that says which field is wrong and what it should be."""
        path = f"{self._name}.{field}" if self._name else field
        return InputError(f"{self._where}: {path} is {got!r}, expected {expected}")

    def __contains__(self, field: str) -> bool:
        return field in self._table

    def text(self, field: str, *, allowed: Sequence[str] = (), default: str | None = None) -> str:
        """Read a string, one of `allowed` where there are any."""
        value = self._take(field, "a string", default)
        if not isinstance(value, str) or not value or (allowed and value not in allowed):
            expected = f"one of {', '.join(allowed)}" if allowed else "a string"
            raise self.error(field, value, expected)
        return value

    def flag(self, field: str, *, default: bool | None = None) -> bool:
        """Read true or false."""
        value = self._take(field, "true or false", default)
        if not isinstance(value, bool):
            raise self.error(field, value, "true or false")
        return value

    def integer(
        self, field: str, *, minimum: int = 1, odd: bool = False, default: int | None = None
    ) -> int:
        """Read a whole number, an odd one where `odd`."""
        expected = f"{'an odd' if odd else 'a whole'} number of at least {minimum}"
        value = self._take(field, expected, default)
        in_range = _is_integer(value) and minimum <= value <= _LARGEST
        if not in_range or (odd and value % 2 == 0):
            raise self.error(field, value, expected)
        return int(value)

    def number(self, field: str, *, default: float | None = None) -> float:
        """Read a number above 0, at most the largest code."""
        expected = f"a number above 0, at most {_LARGEST}"
        value = self._take(field, expected, default)
        if not _is_number(value) or not 0 < value <= _LARGEST:
            raise self.error(field, value, expected)
        return float(value)

    def integers(
        self,
        field: str,
        *,
        minimum: int = 1,
        maximum: int = _LARGEST,
        odd: bool = False,
        default: Sequence[int] | None = None,
    ) -> tuple[int, ...]:
        """Read a list of choices, ascending; or `{from = 128, to = 224, step = 4}`."""
        expected = f"a list of {'odd' if odd else 'whole'} numbers of at least {minimum}, ascending"
        if maximum < _LARGEST:
            expected += f", at most {maximum}"
        value = self._take(field, expected, default)
        if isinstance(value, dict):
            value = self._range(field, value)
        good = _is_ascending(value) and all(
            _is_integer(v) and minimum <= v <= maximum and (v % 2 or not odd) for v in value
        )
        if not good:
            raise self.error(field, value, expected)
        return tuple(value)

    def numbers(self, field: str, *, default: Sequence[float] | None = None) -> tuple[float, ...]:
        """Read a list of choices, ascending, above 0, with at most two decimals."""
        expected = "a list of numbers above 0, ascending, with at most two decimals"
        value = self._take(field, expected, default)
        good = _is_ascending(value) and all(
            0 < v <= _LARGEST / 100 and round(v * 100) / 100 == v for v in value
        )
        if not good:
            raise self.error(field, value, expected)
        return tuple(value)

    def table(self, field: str) -> "Fields":
        """Read a table inside this one."""
        return Fields(self._take(field, f"a table [{field}]", None), self._where, field)

    def tables(self, field: str, minimum: int = 1) -> list["Fields"]:
        """Read a list of tables, at least one unless `minimum` is 0."""
        value = self._take(field, f"tables [[{field}]]", None)
        if not isinstance(value, list) or len(value) < minimum:
            raise self.error(field, value, f"at least one table [[{field}]]")
        return [Fields(v, self._where, f"{field}[{i}]") for i, v in enumerate(value)]

    def done(self) -> None:
        """Refuse a field that nothing has read: a misspelt one would be silently without effect."""
        if self._table:
            field = sorted(self._table)[0]
            raise self.error(field, self._table[field], "no such field here")

    def _take(self, field: str, expected: str, default: Any) -> Any:
        if field in self._table:
            return self._table.pop(field)
        if default is None:
            path = f"{self._name}.{field}" if self._name else field
            for unread in get_close_matches(field, self._table, n=1, cutoff=0.75):
                raise InputError(
                    f"{self._where}: {path} is missing, and there is {unread}, which may be meant "
                    f"for it; expected {expected}"
                )
            raise InputError(f"{self._where}: {path} is missing, expected {expected}")
        return default

    def _range(self, field: str, value: dict[str, Any]) -> list[int]:
        if set(value) != {"from", "to", "step"} or not all(map(_is_integer, value.values())):
            raise self.error(field, value, "whole numbers {from, to, step}")
        if value["step"] < 1 or value["to"] > _LARGEST:
            raise self.error(field, value, f"a step of at least 1 and an end up to {_LARGEST}")
        return list(range(value["from"], value["to"] + 1, value["step"]))


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_integer(value) or isinstance(value, float)


def _is_ascending(value: Any) -> bool:
    if not isinstance(value, list | tuple) or not value or not all(map(_is_number, value)):
        return False
    return all(a < b for a, b in pairwise(value))
