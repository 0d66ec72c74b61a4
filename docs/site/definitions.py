"""Lists of options as Markdown; they fit on a phone's screen, where a table would not."""

import re


def definition(name: str, meaning: str) -> str:
    """Return an entry of a definition list: an option, and what it does in plain text."""
    return f"`{name}`\n:   {escaped(meaning)}\n"


def escaped(text: str) -> str:
    """Return plain text as Markdown that shows it; code between backticks stays code."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(
        part if part.startswith("`") else re.sub(r"([*_<\[\]\\])", r"\\\1", part) for part in parts
    )
