"""Suggestions for misspelt names."""

from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ", did you mean X?" with the known name that is most like it, or "" for none."""
    close = closest(name, known)
    return f", did you mean {close}?" if close is not None else ""


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like a misspelt one, None where none is alike."""
    from difflib import get_close_matches

    plain = {_plain(each): each for each in known}
    found = get_close_matches(_plain(name), plain, n=1, cutoff=0.6)
    return plain[found[0]] if found else None


def _plain(name: str) -> str:
    return name.lower().lstrip("-").replace("_", "-")
