"""Text from users' files, such as names of classes, in Markdown: none of it becomes markup."""

import re

from supernet.data.class_names import one_line


def verbatim(text: str) -> str:
    """Write `text` as a code span, in which nothing is markup."""
    shown = one_line(text)
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    room = " " if shown[0] in "` " or shown[-1] in "` " else ""
    span = f"{fence}{room}{shown}{room}{fence}"
    return span.replace("|", "\\|")  # in a table it would end the cell


def escaped(text: str) -> str:
    """Write `text` within a sentence or a cell, with what would be markup as HTML entities."""
    return re.sub(r"[&<>`*\[\]\\|]", lambda found: f"&#{ord(found[0])};", one_line(text))
