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


def script(known: Mapping[str, Completion]) -> str:
    """Return a script to be evaluated by bash 3.2 or newer."""
    lines = [
        "if (( COMP_CWORD == 1 )); then",
        f"    _ofabench_words {_words([*known, '--help', '--version'])}",
        "    return",
        "fi",
        "case $key in",
    ]
    for name, each in known.items():
        if each.commands:
            lines += [
                f"    {shlex.quote(name)})",
                "        if (( COMP_CWORD == 2 )); then",
                f"            _ofabench_words {_words([*each.commands, '--help'])}",
                "            return",
                "        fi",
                '        key="$key ${COMP_WORDS[2]}" ;;',
            ]
    lines += ["esac", 'case "$key $prev" in', *_after_flags(known), "esac", 'case "$key" in']
    for key, each in leaves(known):
        lines += _alone(key, each)
    lines += ["esac"]
    return _START + "".join(f"    {line}\n" for line in lines) + _END


def leaves(known: Mapping[str, Completion], before: str = "") -> Iterator[tuple[str, Completion]]:
    """Yield the commands that have no commands, by all their names."""
    for name, each in known.items():
        if each.commands:
            yield from leaves(each.commands, f"{before}{name} ")
        else:
            yield before + name, each


def _after_flags(known: Mapping[str, Completion]) -> Iterator[str]:
    """Cases for what follows an option that takes a value."""
    for key, each in leaves(known):
        for value in each.values:
            if not value.flags or value.switch:
                continue
            pattern = "|".join(shlex.quote(f"{key} {flag}") for flag in value.flags)
            if value.choices:
                action = f"_ofabench_words {_words(value.choices)}; return"
            else:
                action = "_ofabench_files; return" if value.file else "return"
            yield f"    {pattern}) {action} ;;"


def _alone(key: str, completion: Completion) -> list[str]:
    """The case for an option's name, or for an argument that has none."""
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
