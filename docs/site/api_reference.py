"""The Python reference: directives of mkdocstrings, and the options of every dataclass of options.

Options are fields whose help is in their declaration, where mkdocstrings does not look.
"""

import re
from typing import Any

import ofabench
from bench.errors import OfabenchError
from bench.options.base import Options
from bench.options.fields import OptionField, option_fields
from bench.options.values import text_of
from docs.site.definitions import definition

_DIRECTIVE = re.compile(r"^::: ofabench\.(\w+)$", re.MULTILINE)
_OPTIONS_PAGE = """\
::: ofabench.{name}
    options:
      members: false
      show_signature: false
"""


def with_options(markdown: str) -> str:
    """Return a page with the fields after each directive of a dataclass of options."""

    def directive(match: re.Match[str]) -> str:
        value = getattr(ofabench, match[1])
        if not (isinstance(value, type) and issubclass(value, Options)):
            return match[0]
        fields = [field for field in option_fields(value) if not field.declared.hidden]
        return "\n".join([_OPTIONS_PAGE.format(name=match[1]), *map(_field, fields)])

    return _DIRECTIVE.sub(directive, markdown)


def error_tree() -> str:
    """Return the classes of errors as nested lists, each with the first line of its docstring."""
    return "\n".join(_errors(OfabenchError, 0))


def _errors(error: type[OfabenchError], depth: int) -> list[str]:
    first = (error.__doc__ or "").strip().splitlines()[0]
    own = f"{'    ' * depth}- `{error.__name__}`: {first}"
    own_classes = [each for each in error.__subclasses__() if each.__module__ == error.__module__]
    return [own, *(line for each in own_classes for line in _errors(each, depth + 1))]


def _field(field: OptionField) -> str:
    """An option with its type, its default and its help."""
    kind = field.type.__name__
    if field.many:
        kind = f"tuple[{kind}, ...]"
    if field.optional:
        kind += " | None"
    default = "" if field.required else f" = {_shown(field, field.default)}"
    meaning = field.declared.help.replace(" ({default})", "")
    return definition(f"{field.dotted}: {kind}{default}", meaning)


def _shown(field: OptionField, value: Any) -> str:
    """A default as Python code; a path is shown as its text."""
    if value is None or isinstance(value, bool | int | float | tuple):
        return repr(value)
    return repr(text_of(field, value))
