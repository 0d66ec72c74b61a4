"""Annotations of fields: annotations of nested values, and their description in errors."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from msgspec import Meta

from bench.reading.kinds import Rule

_NAMES: Mapping[Any, tuple[str, str]] = {
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    str: ("a string", "strings"),
    bool: ("true or false", "values true or false"),
}
_MOST_SHOWN = 1 << 62  # a bound that only a field of 64 bits has is not named


@cache
def fields_of(cls: Any) -> Mapping[str, Any]:
    """Return the annotations of a dataclass's or typed dictionary's fields by name."""
    return get_type_hints(cls, include_extras=True)


def is_table(annotation: Any) -> bool:
    """Return whether it is a dataclass or a typed dictionary."""
    return isinstance(annotation, type) and (is_dataclass(annotation) or is_typeddict(annotation))


def bare(annotation: Any) -> Any:
    """Return the annotation without its metadata."""
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


@cache
def rules_of(annotation: Any) -> tuple[Rule, ...]:
    """Return the rules in an annotation's metadata, or in that of what is there if not None."""
    inner = members(annotation)
    own = _metadata(annotation)
    own += _metadata(inner[0]) if len(inner) == 1 and inner != (annotation,) else ()
    return tuple(entry for entry in own if isinstance(entry, Rule))


@cache
def members(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union except None; of another annotation itself."""
    kind = bare(annotation)
    if get_origin(kind) in (Union, UnionType):
        return tuple(member for member in get_args(kind) if member is not NoneType)
    return (annotation,)


def key_text(key: object) -> str:
    """Return a key as one line: as it is, or in quotes and cut where it is long or has controls."""
    text = str(key)
    return text if text.isprintable() and len(text) <= 60 else f"{text!r:.60}"


def children(annotation: Any, value: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield the place, the annotation and the value of everything directly inside a value.

    `value` is plain data or the dataclass made of it. Places begin with "." or "[".
    """
    for member in members(annotation):
        kind = bare(member)
        if is_table(kind) and isinstance(value, Mapping):
            fields = fields_of(kind)
            yield from ((f".{key}", fields[key], value[key]) for key in value if key in fields)
        elif isinstance(kind, type) and is_dataclass(kind) and isinstance(value, kind):
            for key, field in fields_of(kind).items():
                yield f".{key}", field, getattr(value, key)
        elif _is_mapping(kind) and isinstance(value, Mapping):
            inside = get_args(kind)[1]
            yield from ((f".{key_text(key)}", inside, each) for key, each in value.items())
        elif _is_sequence(kind) and isinstance(value, list | tuple):
            inside = get_args(kind) or (Any,)
            repeated = len(inside) == 1 or inside[-1] is Ellipsis
            for place, each in enumerate(value):
                if repeated or place < len(inside):
                    yield f"[{place}]", inside[0 if repeated else place], each


@cache
def tables_inside(annotation: Any) -> bool:
    """Return whether there is a table inside it, at any depth; not whether it is one."""
    return any(
        any(is_table(bare(each)) for each in members(inside)) or tables_inside(inside)
        for inside in _inside(annotation)
    )


@cache
def rules_inside(annotation: Any) -> bool:
    """Return whether there is a rule inside it, at any depth; not whether it has one."""
    return any(rules_of(inside) or rules_inside(inside) for inside in _inside(annotation))


def _inside(annotation: Any) -> Iterator[Any]:
    """Yield the annotations directly inside."""
    for member in members(annotation):
        kind = bare(member)
        if is_table(kind):
            yield from fields_of(kind).values()
        elif _is_mapping(kind) or _is_sequence(kind):
            yield from (inside for inside in get_args(kind) if inside is not Ellipsis)


def expected(annotation: Any, *, plural: bool = False) -> str:
    """Return a description of valid values, as "a whole number of at least 1"."""
    rules = rules_of(annotation)
    if rules and not plural:
        return rules[0].expected
    kinds = members(annotation)
    if kinds != (annotation,):
        return " or ".join(expected(kind, plural=plural) for kind in kinds)
    bounds = [entry for entry in _metadata(annotation) if isinstance(entry, Meta)]
    return _name(bare(annotation), plural, bounds) + "".join(map(_bounds, bounds))


def _metadata(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()


def _name(kind: Any, plural: bool, bounds: Sequence[Meta]) -> str:
    if kind in _NAMES:
        return _NAMES[kind][plural]
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(str, get_args(kind)))}"
    if is_table(kind):
        return "tables" if plural else "a table"
    if _is_mapping(kind):
        return f"{'tables' if plural else 'a table'} of {expected(get_args(kind)[1], plural=True)}"
    if _is_sequence(kind):
        inside = get_args(kind) or (Any,)
        least = [str(entry.min_length) for entry in bounds if entry.min_length]
        many = f"at least {least[0]} " if least else ""
        if len(inside) > 1 and inside[-1] is not Ellipsis:
            many = f"{len(inside)} "
        return f"{'lists' if plural else 'a list'} of {many}{expected(inside[0], plural=True)}"
    return "values" if plural else "a value"


def _bounds(meta: Meta) -> str:
    shown = {
        " above": meta.gt,
        " of at least": meta.ge,
        " below": meta.lt,
        ", at most": meta.le,
    }
    return "".join(
        f"{words} {bound:.10g}"
        for words, bound in shown.items()
        if bound is not None and abs(bound) < _MOST_SHOWN
    )


def _is_mapping(kind: Any) -> bool:
    origin = get_origin(kind)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _is_sequence(kind: Any) -> bool:
    origin = get_origin(kind)
    return isinstance(origin, type) and issubclass(origin, Sequence)
