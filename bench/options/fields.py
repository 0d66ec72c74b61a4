"""Options of a dataclass, flattened: their types, names and defaults."""

import dataclasses
import types
import typing
from collections.abc import Callable
from dataclasses import MISSING, dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

from bench.options.declare import KEY, Declaration, NestedDeclaration

TYPES = (int, float, str, bool, Path)
T = TypeVar("T")


def _once(function: Callable[[type[Any]], T]) -> Callable[[type[Any]], T]:
    """Return a function that is called only once for each class."""
    known: dict[type[Any], T] = {}

    @wraps(function)
    def cached(cls: type[Any]) -> T:
        if cls not in known:
            known[cls] = function(cls)
        return known[cls]

    return cached


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionField:
    """One option of a dataclass, or of one nested in it.

    `path` is the names of the fields that it is nested in, then the field's name. `type` is that of
    the value, or of each value if `many`. `default` is `dataclasses.MISSING` for required options.
    """

    path: tuple[str, ...]
    type: type[Any]
    many: bool
    optional: bool
    choices: tuple[str | int, ...] | None
    default: Any
    group: str | None
    declared: Declaration
    # Paths of the same option in other nested dataclasses: a value given once is for all of them.
    twins: tuple[tuple[str, ...], ...] = ()

    @property
    def name(self) -> str:
        """The field's name."""
        return self.path[-1]

    @property
    def dotted(self) -> str:
        """The field's name after those that it is nested in, as `phone.runner`."""
        return ".".join(self.path)

    @property
    def required(self) -> bool:
        """Whether a value must be given."""
        return self.default is MISSING

    @property
    def inverted(self) -> bool:
        """Whether its flag on the command line makes it False."""
        return self.type is bool and self.default is True and not self.many

    @property
    def flags(self) -> tuple[str, ...]:
        """Names on the command line, none for a positional argument."""
        if self.declared.positional:
            return ()
        if self.declared.flags:
            return self.declared.flags
        words = self.name.replace("_", "-")
        return (f"--no-{words}",) if self.inverted else (f"--{words}",)

    @property
    def flag(self) -> str:
        """The long name on the command line; a positional argument's metavar."""
        if self.declared.positional:
            return self.declared.metavar or self.name
        return max(self.flags, key=len)


@_once
def own_fields(cls: type[Any]) -> dict[str, OptionField]:
    """Return options that are fields of the class itself, by name."""
    hints = typing.get_type_hints(cls)
    return {
        field.name: _option_field(cls, field, hints[field.name])
        for field in dataclasses.fields(cls)
        if isinstance(field.metadata.get(KEY), Declaration)
    }


@_once
def nested_fields(cls: type[Any]) -> dict[str, NestedDeclaration]:
    """Return fields that are themselves dataclasses of options, by name."""
    declarations = ((field.name, field.metadata.get(KEY)) for field in dataclasses.fields(cls))
    return {
        name: declaration
        for name, declaration in declarations
        if isinstance(declaration, NestedDeclaration)
    }


@_once
def option_fields(cls: type[Any]) -> tuple[OptionField, ...]:
    """Return all options of a class in declared order, with nested ones in their place.

    An option that several nested dataclasses inherit from the same class is listed once.
    """
    result: dict[tuple[str, ...], OptionField] = {}
    by_declaration: dict[int, tuple[str, ...]] = {}
    for option in fields_at_any_depth(cls):
        first = by_declaration.setdefault(id(option.declared), option.path)
        if first == option.path:
            result[first] = option
        else:
            listed = result[first]
            result[first] = dataclasses.replace(listed, twins=(*listed.twins, option.path))
    return tuple(result.values())


@_once
def fields_at_any_depth(cls: type[Any]) -> tuple[OptionField, ...]:
    """Return all options of a class as `option_fields`, an inherited one at every place."""
    own, inner = own_fields(cls), nested_fields(cls)
    result: list[OptionField] = []
    for field in dataclasses.fields(cls):
        if field.name in own:
            result.append(own[field.name])
        elif field.name in inner:
            result += _of_nested(field.name, inner[field.name])
    return tuple(result)


def _of_nested(name: str, declared: NestedDeclaration) -> list[OptionField]:
    return [
        dataclasses.replace(
            option,
            path=(name, *option.path),
            group=option.group or declared.group,
            default=_default_in(declared, option),
        )
        for option in fields_at_any_depth(declared.cls)
    ]


def _default_in(declared: NestedDeclaration, option: OptionField) -> Any:
    """Return the option's default, unless the nesting field has another."""
    value: Any = declared.defaults
    for name in option.path:
        if isinstance(value, dict) or hasattr(value, "keys"):
            if name not in value:
                return option.default
            value = value[name]
        else:
            value = getattr(value, name)
    return value


def _option_field(cls: type[Any], field: "dataclasses.Field[Any]", hint: Any) -> OptionField:
    declared: Declaration = field.metadata[KEY]
    inner, optional = _without_none(hint)
    many = typing.get_origin(inner) is tuple
    if many:
        inner = typing.get_args(inner)[0]
    choices = declared.choices
    if typing.get_origin(inner) is typing.Literal:
        choices = choices or typing.get_args(inner)
        inner = type(typing.get_args(inner)[0])
    if inner not in TYPES:
        raise TypeError(f"{cls.__name__}.{field.name}: options cannot be of the type {hint}")
    if many and not (declared.positional or declared.repeat or declared.separator):
        raise TypeError(f"{cls.__name__}.{field.name} needs positional, repeat or separator")
    return OptionField(
        path=(field.name,),
        type=inner,
        many=many,
        optional=optional,
        choices=choices,
        default=field.default,
        group=declared.group,
        declared=declared,
    )


def _without_none(hint: Any) -> tuple[Any, bool]:
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        rest = [member for member in typing.get_args(hint) if member is not type(None)]
        if len(rest) == 1:
            return rest[0], True
    return hint, False


def opposite(flag: str) -> str:
    """Return the flag that reverses another: `--no-json` for `--json`."""
    name = flag.removeprefix("--no-")
    return f"--{name}" if name != flag else f"--no-{flag.removeprefix('--')}"
