"""Base class of all option dataclasses: checks, and conversion from and to plain values."""

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
    """Base class of frozen dataclasses of options; all values are checked at creation.

    A field made by `option` may be given as text with a unit (`"5m"`), as a list for a tuple, or as
    text for a path: it is converted to the annotated type. A wrong value or type raises
    `InputError`. Fields made by neither `option` nor `nested` are for Python only.

    Rules about several fields go into `check`, not `__post_init__`.

    Example:
        >>> from dataclasses import dataclass
        >>> from bench.options import SECONDS, Options, option
        >>> @dataclass(frozen=True, slots=True, kw_only=True)
        ... class SweepOptions(Options):
        ...     replicates: int = option(3, help="models created afresh", minimum=1)
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
            value = getattr(self, name)
            if isinstance(value, Mapping):
                options = read_options(inner.cls, value, name, inner.defaults)
                object.__setattr__(self, name, options)
            elif not isinstance(value, inner.cls):
                kind = inner.cls.__name__
                raise InputError(f"{name} is {value!r}, expected {kind} or a dictionary")
        check_sets(self)
        self.check()

    def check(self) -> None:
        """Raise `InputError` if fields do not fit together; for subclasses to define."""

    def to_dict(self) -> dict[str, Any]:
        """Return the options as plain values for JSON: strings, numbers, lists and dictionaries."""
        own, inner = own_fields(type(self)), nested_fields(type(self))
        result: dict[str, Any] = {}
        for field in dataclasses.fields(self):
            if field.name in own:
                result[field.name] = _plain(getattr(self, field.name))
            elif field.name in inner:
                result[field.name] = getattr(self, field.name).to_dict()
        return result

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> Self:
        """Return the options that `to_dict` wrote; `InputError` for unknown keys or bad values."""
        return cls.read(mapping)

    @classmethod
    def or_defaults(cls, options: Self | None) -> Self:
        """Return options that a caller may omit; `InputError` if they are of another type.

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
