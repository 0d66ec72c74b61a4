"""Suggestions for misspelt commands and options."""

from collections.abc import Iterable, Sequence

from bench.options.suggest import did_you_mean


def suggestion(unknown: Sequence[str], flags: Iterable[str]) -> str:
    """Return ", did you mean --threads?" for the first option that is unknown, or ""."""
    first = next((each for each in unknown if each.startswith("-")), None)
    if first is None:
        return ""
    return did_you_mean(first.partition("=")[0], flags)


def unknown_command(name: str, known: Sequence[str]) -> str:
    """Return what is said of a command that there is not."""
    hint = did_you_mean(name, known)
    return f"invalid choice: {name!r}{hint or ' (choose from ' + ', '.join(known) + ')'}"
