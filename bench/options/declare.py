"""Declaration of an option: a dataclass field whose metadata define it completely."""

import dataclasses
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Any

from bench.options.units import Unit

KEY = "ofabench"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What is declared of an option; see `option`."""

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
    """What is declared of a field that is a dataclass of options; see `nested`."""

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
        default: its value where none is given; without one the option is required.
        help: one or more sentences; `{default}` in it becomes the default.
        flag: name on the command line, or several that are all listed (`("-n", "--networks")`);
            default: the field's name with dashes. A bool that is True by default has a flag that
            begins with `--no-`, which makes it False.
        aliases: further names on the command line, which work and are not listed.
        metavar: what stands for the value in the help text.
        choices: the allowed values; those of a `Literal` need not be repeated.
        minimum, maximum: bounds that are allowed values themselves.
        above, below: bounds that are not.
        unit: what a number is kept in; with it `90s` or `2G` are read too, also from Python.
        bare: whether the command line takes a number without a unit; default: the unit's own.
        positional: an argument without a name on the command line.
        separator: a tuple is one text, as `128,160` with ",".
        repeat: a tuple is given by repeating the option.
        group: heading in the help text.
        hidden: works, and is not listed.
        toml: whether a TOML file may give it.
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
    """Return a dataclass field that is a dataclass of options itself.

    The command line lists its options among the others; a TOML file may give them so too, or in a
    table of the field's name.

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
        each.name
        for each in dataclasses.fields(cls)
        if each.default is MISSING and each.default_factory is MISSING and each.name not in changed
    ]
    if required:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default_factory=lambda: cls(**changed), metadata=metadata)
