"""Escaping of text from users' files, such as class names, in Markdown."""

import re

from supernet.data.class_names import one_line


def verbatim(text: str) -> str:
    """Return `text` as a code span, in which nothing is markup."""
    line = one_line(text)
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    padding = " " if line[0] in "` " or line[-1] in "` " else ""
    span = f"{fence}{padding}{line}{padding}{fence}"
    return span.replace("|", "\\|")  # in a table it would end the cell


def escaped(text: str) -> str:
    """Return `text` for a sentence or a cell, with markup characters as HTML entities."""
    return re.sub(r"[&<>`*\[\]\\|]", lambda match: f"&#{ord(match[0])};", one_line(text))
