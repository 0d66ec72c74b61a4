"""Declaration of an option: a dataclass field whose metadata define it completely."""

import dataclasses
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Any

from bench.options.units import Unit

KEY = "ofabench"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """Properties of an option; see `option`."""

    help: str
    flags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    metavar: str | None = None
    choices: tuple[str | int, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    unit: Unit | None = None
    bare: bool = True
    positional: bool = False
    separator: str | None = None
    repeat: bool = False
    group: str | None = None
    hidden: bool = False
    toml: bool = True
    exactly_one: str | None = None
    at_most_one: str | None = None


@dataclass(frozen=True, slots=True)
class NestedDeclaration:
    """Properties of a field that is a dataclass of options; see `nested`."""

    cls: type[Any]
    group: str | None
    defaults: Mapping[str, Any]


def option(  # noqa: PLR0913 - one keyword for each thing that may be said of an option
    default: Any = MISSING,
    *,
    help: str,
    flag: str | tuple[str, ...] | None = None,
    aliases: tuple[str, ...] = (),
    metavar: str | None = None,
    choices: tuple[str | int, ...] | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    below: float | None = None,
    unit: Unit | None = None,
    bare: bool | None = None,
    positional: bool = False,
    separator: str | None = None,
    repeat: bool = False,
    group: str | None = None,
    hidden: bool = False,
    toml: bool = True,
    exactly_one: str | None = None,
    at_most_one: str | None = None,
) -> Any:
    """Return a dataclass field that is an option of Python, command line and TOML.

    Args:
        default: its value if none is given; without one the option is required.
        help: one or more sentences; `{default}` in it becomes the default.
        flag: name on the command line, or several that are all listed (`("-n", "--networks")`);
            default: the field's name with dashes. A bool that is True by default has a flag that
            begins with `--no-`, which makes it False.
        aliases: further names on the command line, which work and are not listed.
        metavar: placeholder for the value in the help text.
        choices: the allowed values; those of a `Literal` need not be repeated.
        minimum, maximum: inclusive bounds.
        above, below: exclusive bounds.
        unit: unit of a number; with it values like `90s` or `2G` are read too, also from Python.
        bare: whether the command line accepts a number without a unit; default: the unit's.
        positional: an argument without a name on the command line.
        separator: a tuple is given as one string, as `128,160` with ",".
        repeat: a tuple is given by repeating the option.
        group: heading in the help text.
        hidden: works, but is not listed.
        toml: whether a TOML file may set it.
        exactly_one, at_most_one: name of a set of options, of which one must or may be given.

    Returns:
        A field for the body of a dataclass that inherits from `Options`.
    """
    flags = (flag,) if isinstance(flag, str) else (flag or ())
    declaration = Declaration(
        help=help,
        flags=flags,
        aliases=aliases,
        metavar=metavar,
        choices=choices,
        minimum=minimum,
        maximum=maximum,
        above=above,
        below=below,
        unit=unit,
        bare=bare if bare is not None else (unit is None or unit.bare),
        positional=positional,
        separator=separator,
        repeat=repeat,
        group=group,
        hidden=hidden,
        toml=toml,
        exactly_one=exactly_one,
        at_most_one=at_most_one,
    )
    return dataclasses.field(default=default, metadata={KEY: declaration})


def nested(
    cls: type[Any],
    *,
    group: str | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Any:
    """Return a dataclass field that is itself a dataclass of options.

    The command line lists its options among the others; a TOML file may set them in the same way,
    or in a table with the field's name.

    Args:
        cls: its class, a frozen dataclass that inherits from `Options`.
        group: heading of its options in the help text.
        defaults: by field name, defaults that differ here from those of the class.

    Returns:
        A field for the body of a dataclass that inherits from `Options`.
    """
    changed = dict(defaults or {})
    metadata = {KEY: NestedDeclaration(cls, group, changed)}
    required = [
        field.name
        for field in dataclasses.fields(cls)
        if field.default is MISSING
        and field.default_factory is MISSING
        and field.name not in changed
    ]
    if required:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default_factory=lambda: cls(**changed), metadata=metadata)
