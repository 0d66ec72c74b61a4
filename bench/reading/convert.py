"""Conversion of plain data to dataclasses and back; errors name the invalid field in one line."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bench.errors import OfabenchError, WrongValueError
from bench.reading.annotations import (
    bare,
    children,
    expected,
    fields_of,
    is_table,
    key_text,
    members,
    rules_inside,
    rules_of,
    tables_inside,
)

T = TypeVar("T")
Decode = Callable[[type[Any], Any], Any]

_MISSING = re.compile(r"Object missing required field `(.*)`")


def from_plain(  # noqa: PLR0913 - one reader of all that is written
    cls: type[T],
    data: Any,
    where: str,
    *,
    error: type[OfabenchError] = WrongValueError,
    advice: str = "",
    other_keys: bool = False,
    decode: Decode | None = None,
) -> T:
    """Return a dataclass made of plain data, each field of the type that its annotation says.

    A list becomes a tuple and a whole number a float where the annotation says so; no other value
    is converted. A `ValueError` from `__post_init__` is reported with the table's place.

    Args:
        cls: a dataclass; its fields may be dataclasses, lists and mappings of them, unions with
            None, and `Annotated` with `msgspec.Meta` or `Rule`.
        data: dictionaries, lists, texts, numbers, booleans and None.
        where: what the error begins with, as a file's name.
        error: class of the error.
        advice: what to do next; ends the error.
        other_keys: whether keys that no field has are ignored, as in files that may be newer.
        decode: makes a value of a type that msgspec does not know (its `dec_hook`); the text of
            its `ValueError` says what is expected.

    Raises:
        error: one line with `where`, the field, its value and what was expected.
    """
    problem = None if other_keys else _unknown_key(cls, data, "")
    if problem is None:
        try:
            result = msgspec.convert(data, cls, dec_hook=decode)
        except (msgspec.ValidationError, RecursionError) as refused:
            problem = _refused_value(cls, data, "", decode) or str(refused)
        else:
            problem = _broken_rule(cls, result, "")
            if problem is None:
                return result
    raise error(f"{where}: {problem}" + (f"; {advice}" if advice else "")) from None


def without_nan(data: dict[str, Any]) -> dict[str, Any]:
    """Return a table with None in place of each nan, which JSON does not have."""
    return {key: None if value != value else value for key, value in data.items()}  # noqa: PLR0124


def to_plain(value: Any, encode: Callable[[Any], Any] | None = None) -> Any:
    """Return a dataclass, or what holds dataclasses, as plain data for JSON.

    Tuples become lists, paths texts, and numpy's numbers and arrays those of Python. `encode`
    converts all other values in place of this rule.
    """
    if isinstance(value, Mapping):
        return {str(key): to_plain(inside, encode) for key, inside in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(inside, encode) for inside in value]
    if is_dataclass(value):
        return {field.name: to_plain(getattr(value, field.name), encode) for field in fields(value)}
    return encode(value) if encode is not None else plain_leaf(value)


def plain_leaf(value: Any) -> Any:
    """Return a value that is no mapping, list or dataclass as plain data for JSON."""
    return msgspec.to_builtins(value, enc_hook=_encode)


def _encode(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _unknown_key(annotation: Any, data: Any, place: str) -> str | None:
    """Return the message for an unknown key, with the nearest field; None if all are known."""
    for member in members(annotation):
        cls = bare(member)
        if is_table(cls) and isinstance(data, Mapping):
            known = [*fields_of(cls)]
            for key in data:
                if key not in known:
                    return f"{_join(place, key)} is an unknown key; {_hint(str(key), known)}"
    if not tables_inside(annotation):
        return None
    inside = (_unknown_key(a, v, place + step) for step, a, v in children(annotation, data))
    return next(filter(None, inside), None)


def _refused_value(annotation: Any, data: Any, place: str, decode: Decode | None) -> str | None:
    """Return the message for the innermost invalid value; None if all are valid."""
    try:
        msgspec.convert(data, annotation, dec_hook=decode)
    except msgspec.ValidationError as refused:
        inside = (
            _refused_value(a, v, place + step, decode) for step, a, v in children(annotation, data)
        )
        return next(filter(None, inside), None) or _own_problem(annotation, data, place, refused)
    return None


def _own_problem(annotation: Any, data: Any, place: str, refused: msgspec.ValidationError) -> str:
    """Return the message for an invalid value whose nested values are valid."""
    if refused.__cause__ is not None:  # what `__post_init__` or `decode` raised
        if not any(is_table(bare(each)) for each in members(annotation)):
            return wrong_value(place[1:], data, str(refused.__cause__) or expected(annotation))
        return f"{place[1:]}: {refused}" if place else str(refused)
    missing = _MISSING.match(str(refused))
    if missing is None:
        return wrong_value(place[1:], data, expected(annotation))
    name, known = missing[1], _fields_with(annotation, missing[1])
    near = get_close_matches(name, [key for key in data if key not in known], n=1, cutoff=0.75)
    hint = f", and there is {near[0]}, which may be meant for it" if near else ""
    return f"{_join(place, name)} is missing{hint}, expected {expected(known[name])}"


def _fields_with(annotation: Any, name: str) -> Mapping[str, Any]:
    tables = (fields_of(bare(each)) for each in members(annotation) if is_table(bare(each)))
    return next(known for known in tables if name in known)


def _broken_rule(annotation: Any, result: Any, place: str) -> str | None:
    """Return the message for a converted value that breaks a rule; None if none does."""
    if result is None:
        return None
    for rule in rules_of(annotation):
        if not rule.holds(result):
            return wrong_value(place[1:], result, rule.expected)
    if not rules_inside(annotation):
        return None
    inside = (_broken_rule(a, v, place + step) for step, a, v in children(annotation, result))
    return next(filter(None, inside), None)


def wrong_value(field: str, value: Any, wanted: str) -> str:
    """Return the message for an invalid value of a field."""
    try:
        shown = f"{to_plain(value)!r:.80}"
    except RecursionError:
        shown = "a value that is nested too deep"
    return f"{field + ' is ' if field else ''}{shown}, expected {wanted}"


def _join(place: str, name: object) -> str:
    return f"{place}.{key_text(name)}".lstrip(".")


def _hint(name: str, known: Sequence[str]) -> str:
    """Return the known name that is nearest, or all of them, as a question or an expectation."""
    near = get_close_matches(name, known, n=1)
    near += [each for each in known if each.startswith(name) or name.startswith(each)]
    return f"did you mean {near[0]}?" if near else f"expected one of {', '.join(sorted(known))}"
