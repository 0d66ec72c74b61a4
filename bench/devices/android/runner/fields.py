"""Strict reading of a JSON object from a phone: every field must have its type."""

import math
from collections.abc import Mapping
from typing import Any, Never, TypeGuard

import numpy as np
from numpy.typing import NDArray

from bench.errors import DeviceError


class Fields:
    """An event's fields, each of the type it must have: `DeviceError` for any other."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        self._said = said

    def text(self, name: str, default: str | None = None) -> str:
        value = self._said.get(name, default)
        return value if isinstance(value, str) else self._wrong(name, "text")

    def flag(self, name: str) -> bool:
        value = self._said.get(name)
        return value if isinstance(value, bool) else self._wrong(name, "true or false")

    def number(self, name: str) -> float:
        value = self._said.get(name)
        return float(value) if _is_number(value) else self._wrong(name, "a number")

    def number_or_none(self, name: str) -> float | None:
        return None if self._said.get(name) is None else self.number(name)

    def count(self, name: str) -> int:
        value = self._said.get(name)
        return value if _is_count(value) else self._wrong(name, "a whole number, 0 or above")

    def counts(self, name: str) -> tuple[int, ...]:
        value = self._said.get(name)
        if not isinstance(value, list) or not all(map(_is_count, value)):
            self._wrong(name, "a list of whole numbers, 0 or above")
        return tuple(value)

    def times(self, name: str) -> NDArray[np.float64]:
        """Read rows of equal length, of times above 0."""
        rows = self._said.get(name)
        if (
            not isinstance(rows, list)
            or not rows
            or not all(isinstance(row, list) and len(row) == len(rows[0]) > 0 for row in rows)
            or not all(_is_number(value) and value > 0 for row in rows for value in row)
        ):
            self._wrong(name, "rows of times above 0")
        return np.array(rows, dtype=np.float64)

    def readings(self, name: str) -> dict[str, float]:
        """Read numbers by name; what could not be read is null, and left out."""
        value = self._said.get(name)
        told = value if isinstance(value, dict) else {}
        told = {sensor: reading for sensor, reading in told.items() if reading is not None}
        if not isinstance(value, dict) or not all(map(_is_number, told.values())):
            self._wrong(name, "numbers by name")
        return {sensor: float(reading) for sensor, reading in told.items()}

    def _wrong(self, name: str, expected: str) -> Never:
        kind, value = self._said.get("event"), self._said.get(name)
        raise DeviceError(
            f"the runner's event {kind!r:.20} has {name} {value!r:.60}, expected {expected}; "
            "runner and host are of different versions: build its bundle again"
        )


def _is_number(value: object) -> TypeGuard[int | float]:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) < 1e300
        and math.isfinite(value)
    )


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63
