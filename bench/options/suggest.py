"""Suggestions for misspelt names."""

from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ", did you mean X?" with the known name closest to `name`, or "" if none is close."""
    close = closest(name, known)
    return f", did you mean {close}?" if close is not None else ""


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name closest to a misspelt one, None if none is close."""
    from difflib import get_close_matches

    plain = {_plain(candidate): candidate for candidate in known}
    matches = get_close_matches(_plain(name), plain, n=1, cutoff=0.6)
    return plain[matches[0]] if matches else None


def _plain(name: str) -> str:
    return name.lower().lstrip("-").replace("_", "-")
