"""Names of phones as slugs: lower-case Latin letters, digits and hyphens."""

import re
import unicodedata
from collections.abc import Sequence

from bench.digests import content_digest

UNKNOWN = "unknown-phone"


def slug_of(names: Sequence[str]) -> str:
    """Return a slug of the first name, or of several if the first has no complete Latin form.

    Names that differ in a letter or digit never share a slug: if characters have no Latin form, the
    next name is added, and a digest of all names if none is left.
    """
    words: list[str] = []
    for name in names:
        word, complete = _latin(name)
        words += [word] if word else []
        if word and complete:
            return "-".join(words)
    text = "\n".join(names)
    if not text:
        return UNKNOWN
    return "-".join([*(words or ["phone"]), content_digest(text)[:8]])


def _latin(name: str) -> tuple[str, bool]:
    """Return the name's slug, and whether it includes every letter and digit."""
    text = unicodedata.normalize("NFKD", name.replace("+", " plus ")).lower()
    text = "".join(char for char in text if not unicodedata.combining(char))
    complete = all(char.isascii() for char in text if char.isalnum())
    return re.sub(r"[^a-z0-9]+", "-", text).strip("-"), complete
