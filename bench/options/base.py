"""Base of all dataclasses of options: checks, and conversion from and to plain values."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bench.errors import InputError
from bench.options.checking import check_sets, checked
from bench.options.fields import nested_fields, own_fields
from bench.options.reading import read_options


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Base of frozen dataclasses of options; every value is checked when one is made.

    A field that `option` made may have a value in words (`"5m"`), a list where it is a tuple and a
    text where it is a path: it becomes what the annotation says. A wrong value or type is an
    `InputError`. Fields that neither `option` nor `nested` made are for Python alone.

    Rules about several fields go into `check`, not `__post_init__`.

    Example:
        >>> from dataclasses import dataclass
        >>> from bench.options import SECONDS, Options, option
        >>> @dataclass(frozen=True, slots=True, kw_only=True)
        ... class SweepOptions(Options):
        ...     replicates: int = option(3, help="models made afresh", minimum=1)
        ...     budget_s: float | None = option(None, flag="--budget", unit=SECONDS, help="time")
        >>> SweepOptions(budget_s="5m")
        SweepOptions(replicates=3, budget_s=300.0)
    """

    def __post_init__(self) -> None:
        """Check every field, and store its value in the field's type."""
        cls = type(self)
        for name, option in own_fields(cls).items():
            object.__setattr__(self, name, checked(option, getattr(self, name), name))
        for name, inner in nested_fields(cls).items():
            given = getattr(self, name)
            if isinstance(given, Mapping):
                made = read_options(inner.cls, given, name, inner.defaults)
                object.__setattr__(self, name, made)
            elif not isinstance(given, inner.cls):
                kind = inner.cls.__name__
                raise InputError(f"{name} is {given!r}, expected {kind} or a dictionary")
        check_sets(self)
        self.check()

    def check(self) -> None:
        """Raise `InputError` where fields do not fit together; for subclasses to define."""

    def to_dict(self) -> dict[str, Any]:
        """Return the options as plain values for JSON: texts, numbers, lists and dictionaries."""
        own, inner = own_fields(type(self)), nested_fields(type(self))
        result: dict[str, Any] = {}
        for each in dataclasses.fields(self):
            if each.name in own:
                result[each.name] = _plain(getattr(self, each.name))
            elif each.name in inner:
                result[each.name] = getattr(self, each.name).to_dict()
        return result

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> Self:
        """Return the options that `to_dict` wrote; `InputError` for unknown keys or bad values."""
        return cls.read(mapping)

    @classmethod
    def or_defaults(cls, options: Self | None) -> Self:
        """Return options that a caller may leave out; `InputError` where they are of another type.

        Example:
            >>> class NoOptions(Options):
            ...     pass
            >>> type(NoOptions.or_defaults(None)).__name__
            'NoOptions'
        """
        if options is None:
            return cls()
        if not isinstance(options, cls):
            raise InputError(f"options is {options!r:.80}, expected {cls.__name__}")
        return options

    @classmethod
    def read(cls, mapping: Mapping[str, Any], where: str = "") -> Self:
        """Return options from a table of TOML or JSON.

        Args:
            mapping: values by field name, or by name on the command line; dashes or underscores.
            where: what messages begin with, as a file's name; "" for nothing.

        Raises:
            InputError: an unknown key ("did you mean ..."), a bad value, one that is missing.
        """
        return read_options(cls, mapping, where)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value
