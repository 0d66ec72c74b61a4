"""Completion for bash."""

import shlex
from collections.abc import Iterable, Iterator, Mapping

from ofabench.cli.completion.completions import Completion

_START = """\
# bash completion of ofabench: eval "$(ofabench completion bash)"
_ofabench_words() {
    local word
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$1" -- "$cur")
}
_ofabench_files() {
    local word
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$cur")
    compopt -o filenames 2>/dev/null
}
_ofabench() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    local key=${COMP_WORDS[1]} start=2
    COMPREPLY=()
    if [[ $cur == "=" ]]; then
        cur=""
    elif [[ $prev == "=" ]]; then
        prev=${COMP_WORDS[COMP_CWORD-2]}
    fi
"""
_END = """\
}
complete -F _ofabench ofabench
"""


def script(commands: Mapping[str, Completion]) -> str:
    """Return a script for bash 3.2 or newer."""
    lines = [
        "if (( COMP_CWORD == 1 )); then",
        f"    _ofabench_words {_words([*commands, '--help', '--version'])}",
        "    return",
        "fi",
        "case $key in",
    ]
    for name, completion in commands.items():
        if completion.commands:
            lines += [
                f"    {shlex.quote(name)})",
                "        if (( COMP_CWORD == 2 )); then",
                f"            _ofabench_words {_words([*completion.commands, '--help'])}",
                "            return",
                "        fi",
                '        key="$key ${COMP_WORDS[2]}" ;;',
            ]
    lines += ["esac", 'case "$key $prev" in', *_after_flags(commands), "esac", 'case "$key" in']
    for key, completion in leaves(commands):
        lines += _names_and_arguments(key, completion)
    lines += ["esac"]
    return _START + "".join(f"    {line}\n" for line in lines) + _END


def leaves(
    commands: Mapping[str, Completion], before: str = ""
) -> Iterator[tuple[str, Completion]]:
    """Yield the commands without sub-commands, with their full names."""
    for name, completion in commands.items():
        if completion.commands:
            yield from leaves(completion.commands, f"{before}{name} ")
        else:
            yield before + name, completion


def _after_flags(commands: Mapping[str, Completion]) -> Iterator[str]:
    """Cases for the values of options."""
    for key, completion in leaves(commands):
        for value in completion.values:
            if not value.flags or value.switch:
                continue
            pattern = "|".join(shlex.quote(f"{key} {flag}") for flag in value.flags)
            if value.choices:
                action = f"_ofabench_words {_words(value.choices)}; return"
            else:
                action = "_ofabench_files; return" if value.file else "return"
            yield f"    {pattern}) {action} ;;"


def _names_and_arguments(key: str, completion: Completion) -> list[str]:
    """The case for an option's name, or for a positional argument."""
    flags = [flag for value in completion.values for flag in value.flags if flag[:2] == "--"]
    bare = [value for value in completion.values if not value.flags]
    lines = [
        f"    {shlex.quote(key)})",
        "        if [[ $cur == -* ]]; then",
        f"            _ofabench_words {_words(flags)}",
    ]
    choices = [word for value in bare for word in value.choices]
    if choices:
        lines += ["        else", f"            _ofabench_words {_words(choices)}"]
    elif any(value.file for value in bare):
        lines += ["        else", "            _ofabench_files"]
    return [*lines, "        fi ;;"]


def _words(words: Iterable[str]) -> str:
    return shlex.quote(" ".join(words))
