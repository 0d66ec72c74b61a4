"""Suggestions for misspelt commands and options."""

from collections.abc import Iterable, Sequence

from bench.options.suggest import did_you_mean


def suggestion(unknown: Sequence[str], flags: Iterable[str]) -> str:
    """Return ", did you mean --threads?" for the first unknown option, or ""."""
    first = next((argument for argument in unknown if argument.startswith("-")), None)
    if first is None:
        return ""
    return did_you_mean(first.partition("=")[0], flags)


def unknown_command(name: str, commands: Sequence[str]) -> str:
    """Return the message for an unknown command."""
    hint = did_you_mean(name, commands)
    return f"invalid choice: {name!r}{hint or ' (choose from ' + ', '.join(commands) + ')'}"
