"""Names of phones as slugs: lower-case Latin letters, digits and hyphens."""

import re
import unicodedata
from collections.abc import Sequence

from bench.digests import content_digest

UNKNOWN = "unknown-phone"


def slug_of(names: Sequence[str]) -> str:
    """Return a slug of the first name, of further ones too where the first does not fit whole.

    Names that differ in a letter or digit never share a slug: where characters have no Latin
    form, the next name is added, and a digest of all where none is left.
    """
    words: list[str] = []
    for name in names:
        word, whole = _latin(name)
        words += [word] if word else []
        if word and whole:
            return "-".join(words)
    text = "\n".join(names)
    if not text:
        return UNKNOWN
    return "-".join([*(words or ["phone"]), content_digest(text)[:8]])


def _latin(name: str) -> tuple[str, bool]:
    """Return the name's slug, and whether every letter and digit of it is in there."""
    text = unicodedata.normalize("NFKD", name.replace("+", " plus ")).lower()
    text = "".join(char for char in text if not unicodedata.combining(char))
    whole = all(char.isascii() for char in text if char.isalnum())
    return re.sub(r"[^a-z0-9]+", "-", text).strip("-"), whole
