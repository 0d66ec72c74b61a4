"""Values of options: parsed from text, checked, formatted as text."""

import math
import operator
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.integers import parse_integer
from bench.options.fields import OptionField
from bench.options.units import plain_text


class BadValueError(ValueError):
    """An option's value is invalid; the message says what is expected.

    `value` is the invalid value, or the invalid item of a list at index `place`.
    """

    def __init__(self, expected: str, value: object, place: int | None = None) -> None:
        super().__init__(f"expected {expected}, got {value!r}")
        self.expected = expected
        self.value = value
        self.place = place


def expected(option: OptionField) -> str:
    """Return a description of valid values, as "a whole number of at least 1"."""
    declared = option.declared
    if option.choices:
        return f"one of {', '.join(str(choice) for choice in option.choices)}"
    if option.type is bool:
        return "true or false"
    if option.type is Path:
        return "a path"
    if option.type is str:
        return "a text"
    if declared.unit is not None and declared.unit.like is not None:
        like = declared.unit.like
        return like if _has_no_bounds(option) else f"{like}, {_bounds_words(option)}"
    noun = "a whole number" if option.type is int else "a number"
    words = _bounds_words(option)
    return f"{noun} {words}" if words else noun


def _has_no_bounds(option: OptionField) -> bool:
    declared = option.declared
    return declared.minimum is declared.maximum is declared.above is declared.below is None


def _bounds(option: OptionField) -> tuple[float | None, float | None, float | None, float | None]:
    """Return minimum, maximum, above and below; the unit's bounds if the option sets none."""
    declared = option.declared
    if not _has_no_bounds(option) or declared.unit is None:
        return declared.minimum, declared.maximum, declared.above, declared.below
    unit = declared.unit
    if option.type is int and unit.above == 0:
        return 1, None, None, None
    return unit.minimum, None, unit.above, None


def _bounds_words(option: OptionField) -> str:
    minimum, maximum, above, below = _bounds(option)
    if minimum is not None and maximum is not None:
        return f"from {plain_text(minimum)} to {plain_text(maximum)}"
    bounds = (
        ("of at least", minimum),
        ("above", above),
        ("of at most", maximum),
        ("below", below),
    )
    return " and ".join(
        f"{text} {plain_text(value)}" for text, value in bounds if value is not None
    )


def parse(option: OptionField, text: str) -> Any:
    """Return the value of a text, as on the command line; `BadValueError` if it is invalid.

    A tuple's values are parsed one by one (`repeat`, positional), or together with `separator`.
    """
    separator = option.declared.separator
    if option.many and separator is not None:
        return tuple(_parse_one(option, part.strip()) for part in text.split(separator))
    return _parse_one(option, text)


def _parse_one(option: OptionField, text: str) -> Any:
    value: Any = text
    if option.type is Path:
        value = Path(text)
    elif option.type is int or option.type is float:
        value = _parse_number(option, text, option.declared.bare)
    if value is None or not _allowed(option, value):
        raise BadValueError(expected(option), text)
    return value


def _parse_number(option: OptionField, text: str, bare: bool) -> int | float | None:
    unit = option.declared.unit
    if option.type is int and bare and (whole := parse_integer(text)) is not None:
        return whole
    if option.type is int and unit is None:
        return None
    if unit is None:
        return _finite(text)
    value = unit.parse(text, bare=bare)
    if value is None or option.type is float:
        return value
    return round(value) if math.isclose(value, round(value), rel_tol=1e-12) else None


def _finite(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def _allowed(option: OptionField, value: Any) -> bool:
    if option.choices is not None:
        return value in option.choices
    if option.type is not int and option.type is not float:
        return True
    minimum, maximum, above, below = _bounds(option)
    return (
        (minimum is None or value >= minimum)
        and (maximum is None or value <= maximum)
        and (above is None or value > above)
        and (below is None or value < below)
    )


def check(option: OptionField, value: Any, *, bare: bool) -> Any:
    """Return a value of Python or TOML in the option's type; `BadValueError` if it is invalid.

    Texts with units become numbers, lists become tuples, texts become paths. `bare`: a number
    without a unit is allowed.
    """
    if value is None and option.optional:
        return None
    if not option.many:
        return _check_one(option, value, bare)
    if isinstance(value, str) and option.declared.separator is not None:
        return parse(option, value)
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise BadValueError(f"a list, each {expected(option)}", value)
    if not value and option.default != ():
        raise BadValueError(f"at least one, each {expected(option)}", value)
    result = []
    for place, item in enumerate(value):
        try:
            result.append(_check_one(option, item, bare))
        except BadValueError as error:
            raise BadValueError(error.expected, item, place) from None
    return tuple(result)


def _check_one(option: OptionField, value: Any, bare: bool) -> Any:
    result = _in_type(option, value, bare)
    if result is None or not _allowed(option, result):
        raise BadValueError(expected(option), value)
    return result


def _in_type(option: OptionField, value: Any, bare: bool) -> Any:
    """Return the value in the option's type; None if it is of another type."""
    target_type = option.type
    if target_type is bool or target_type is str:
        return value if isinstance(value, target_type) else None
    if target_type is Path:
        return Path(value) if isinstance(value, str | os.PathLike) else None
    if isinstance(value, str) and option.declared.unit is not None:
        return _parse_number(option, value, bare and option.declared.bare)
    if isinstance(value, str | bool) or not bare:
        return None
    return _whole(value) if target_type is int else _real(value)


def _whole(value: Any) -> int | None:
    try:
        return operator.index(value)
    except TypeError:
        return None


def _real(value: Any) -> float | None:
    if not hasattr(value, "__float__"):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def text_of(option: OptionField, value: Any) -> str:
    """Return one value as text that `parse` reads as the same value."""
    if isinstance(value, tuple):
        return (option.declared.separator or " ").join(text_of(option, item) for item in value)
    if option.declared.unit is not None:
        return option.declared.unit.format(value, bare=option.declared.bare)
    if isinstance(value, float):
        return plain_text(value)
    return str(value)
