"""Options read from tables (TOML, JSON), and merged from several sources."""

from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass
from typing import Any, TypeVar

from bench.errors import InputError
from bench.options.checking import checked
from bench.options.fields import (
    OptionField,
    fields_at_any_depth,
    nested_fields,
    option_fields,
    own_fields,
)
from bench.options.suggest import did_you_mean

T = TypeVar("T")


def read_options(
    cls: type[T],
    mapping: Mapping[str, Any],
    where: str = "",
    defaults: Mapping[str, Any] | None = None,
) -> T:
    """Return options from one table; see `Options.read`.

    `defaults` are by field name, for options that the table does not set.
    """
    given = {**flattened(defaults or {}), **read_values(cls, mapping, where)}
    missing = missing_options(option_fields(cls), given)
    if missing:
        names = ", ".join(option.dotted for option in missing)
        raise InputError(f"{_at(where)}a value of {names} is missing")
    return build(cls, given)


def missing_options(
    options: Iterable[OptionField], given: Mapping[str, object]
) -> list[OptionField]:
    """Return the required options without a value in `given`, which is by dotted name."""
    return [option for option in options if option.required and option.dotted not in given]


def read_values(cls: type[Any], mapping: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """Return the checked values of a table, by dotted field name.

    Options of a nested dataclass may be in a table with its field's name, or among the others.
    """
    values: dict[str, tuple[str, Any]] = {}
    _read_table(cls, mapping, where, (), values)
    return {name: value for name, (_, value) in values.items()}


def _read_table(
    cls: type[Any],
    mapping: Mapping[str, Any],
    where: str,
    prefix: tuple[str, ...],
    values: dict[str, tuple[str, Any]],
) -> None:
    """Add the values of a table to `values`, by dotted name, each with its key."""
    if not isinstance(mapping, Mapping):
        raise InputError(f"{_at(where)}expected a table of options, got {mapping!r}")
    known = _spellings(cls, prefix)
    tables = _tables(cls, prefix)
    for key, value in mapping.items():
        name = _spelling(str(key))
        if name in tables and isinstance(value, Mapping):
            inner = f"{where}: {key}" if where else str(key)
            _read_table(cls, value, inner, (*prefix, tables[name]), values)
            continue
        option = known.get(name)
        if option is None:
            raise InputError(f"{_at(where)}unknown key {key!r}{_hint(name, known, tables)}")
        if option.dotted in values:
            first = values[option.dotted][0]
            raise InputError(f"{_at(where)}{first} and {key} are the same option: give one")
        values[option.dotted] = (str(key), _value(option, value, str(key), where))


def _value(option: OptionField, value: Any, key: str, where: str) -> Any:
    """Return one checked value; under a command-line name it means the same as there."""
    own_name = _spelling(key) == option.name
    result = checked(option, value, f"{_at(where)}{key}", bare=own_name or option.declared.bare)
    return not result if option.inverted and not own_name and result is not None else result


def _hint(name: str, known: Mapping[str, OptionField], tables: Mapping[str, str]) -> str:
    listed = sorted({option.name for option in known.values()} | set(tables.values()))
    return did_you_mean(name, listed) or f"; known are {', '.join(listed)}"


def _tables(cls: type[Any], prefix: tuple[str, ...]) -> dict[str, str]:
    for name in prefix:
        cls = nested_fields(cls)[name].cls
    return {name: name for name in nested_fields(cls)}


def _spellings(cls: type[Any], prefix: tuple[str, ...]) -> dict[str, OptionField]:
    """Return options by every name they have in a table; the least nested if two share a name."""
    listed = fields_at_any_depth(cls) if prefix else option_fields(cls)
    options = [
        option for option in listed if option.path[: len(prefix)] == prefix and option.declared.toml
    ]
    options.sort(key=lambda option: len(option.path))
    result: dict[str, OptionField] = {}
    for option in options:
        result.setdefault(option.name, option)
    for option in options:
        for flag in (*option.flags, *option.declared.aliases):
            result.setdefault(_spelling(flag), option)
    return result


def _spelling(key: str) -> str:
    return key.lstrip("-").replace("-", "_")


def build(cls: type[T], given: Mapping[str, Any]) -> T:
    """Return options from values by dotted field name, with defaults for the others.

    A value counts for the same option at all its places, unless another is given for one of them.
    """
    twins = {
        ".".join(twin): given[option.dotted]
        for option in option_fields(cls)
        if option.dotted in given
        for twin in option.twins
    }
    given = {**twins, **given}
    arguments = {name: given[name] for name in own_fields(cls) if name in given}
    for name, nested in nested_fields(cls).items():
        start = f"{name}."
        inner = {key[len(start) :]: given[key] for key in given if key.startswith(start)}
        if inner:
            arguments[name] = build(nested.cls, {**flattened(nested.defaults), **inner})
    return cls(**arguments)


def flattened(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by dotted field name; some may be option dataclasses or mappings."""
    result: dict[str, Any] = {}
    for key, value in mapping.items():
        if is_dataclass(value):
            for option in fields_at_any_depth(type(value)):
                result[f"{key}.{option.dotted}"] = value_of(value, option)
        elif isinstance(value, Mapping):
            result |= {f"{key}.{name}": item for name, item in flattened(value).items()}
        else:
            result[key] = value
    return result


def value_of(options: Any, option: OptionField) -> Any:
    """Return the value of an option in a dataclass, or in one nested in it."""
    value: Any = options
    for name in option.path:
        value = getattr(value, name)
    return value


def _at(where: str) -> str:
    return f"{where}: " if where else ""
