"""Completion for zsh."""

import re
import shlex
from collections.abc import Mapping

from ofabench.cli.completion.completions import Completion, Value

_END = """\
if [[ ${funcstack[1]} == _ofabench ]]; then
    _ofabench "$@"
else
    compdef _ofabench ofabench
fi
"""


def script(known: Mapping[str, Completion]) -> str:
    """Return a script to be evaluated by zsh after `compinit`, or kept as `_ofabench`."""
    body = _commands(known, "    ")
    return "\n".join(
        [
            "#compdef ofabench",
            '# zsh completion of ofabench: eval "$(ofabench completion zsh)"',
            "_ofabench() {",
            *body,
            "}",
            _END,
        ]
    )


def _commands(known: Mapping[str, Completion], indent: str) -> list[str]:
    """Complete the second word among commands, and what follows by that command."""
    described = [shlex.quote(f"{_plain(name)}:{_plain(each.help)}") for name, each in known.items()]
    lines = [
        "if (( CURRENT == 2 )); then",
        f"    local -a names=({' '.join(described)})",
        "    _describe command names",
        "    return",
        "fi",
        "shift words",
        "(( CURRENT-- ))",
        "case ${words[1]} in",
    ]
    for name, each in known.items():
        lines.append(f"    {shlex.quote(name)})")
        if each.commands:
            lines += _commands(each.commands, "        ")
        else:
            lines += _arguments(each)
        lines.append("        ;;")
    return [indent + line for line in [*lines, "esac"]]


def _arguments(completion: Completion) -> list[str]:
    specs = [spec for value in completion.values for spec in _specs(value)]
    if not specs:
        return ["        _files"]
    return ["        _arguments \\", *(f"            {spec} \\" for spec in specs[:-1]),
            f"            {specs[-1]}"]  # fmt: skip


def _specs(value: Value) -> list[str]:
    """An option's specification for `_arguments`, for each of its names."""
    choices = f"({' '.join(value.choices)})" if value.choices else " "
    action = "_files" if value.file else choices
    if not value.flags:
        return [shlex.quote(f"*:{_plain(value.help) or 'argument'}:{action}")]
    value_spec = "" if value.switch else f": :{action}"
    return [shlex.quote(f"*{flag}[{_plain(value.help)}]{value_spec}") for flag in value.flags]


def _plain(text: str) -> str:
    """A text with the special characters of `_arguments` and `_describe` escaped."""
    return re.sub(r"([\[\]:\\])", r"\\\1", text)
