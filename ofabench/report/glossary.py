"""Explanations of terms: where a text first uses one, a reader can point at it."""

import re
import tomllib
from functools import cache
from importlib import resources

from markupsafe import Markup, escape

FILE = "glossary.toml"


@cache
def rows() -> dict[str, str]:
    """Meanings by the names that the glossary lists them under."""
    text = (resources.files("ofabench.report") / FILE).read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def meanings() -> dict[str, tuple[str, str]]:
    """Name in the glossary and meaning of each term in lower case.

    A row with several names gives several terms.
    """
    return {
        term.lower(): (name, meaning)
        for name, meaning in rows().items()
        for term in name.split(", ")
    }


class Explainer:
    """Marks the terms of a page's texts; `used` collects which of them occur.

    Within one scope (a section of the page), only the first use of each term is marked.
    """

    def __init__(self) -> None:
        self.used: dict[str, str] = {}
        self._in_scope: set[str] = set()

    def begin(self) -> str:
        """Start a scope; returns nothing to print."""
        self._in_scope.clear()
        return ""

    def explain(self, text: object) -> Markup:
        """Return `text` escaped, with its terms marked."""
        pieces, end = [], 0
        for match in _pattern().finditer(str(text)):
            term = _term_of(match[0])
            if term in self._in_scope:
                continue
            self._in_scope.add(term)
            name, meaning = meanings()[term]
            self.used[name] = meaning
            pieces += [escape(str(text)[end : match.start()]), _marked(match[0], term)]
            end = match.end()
        return Markup("").join([*pieces, escape(str(text)[end:])])


@cache
def _pattern() -> re.Pattern[str]:
    longest_first = sorted(meanings(), key=len, reverse=True)
    terms = "|".join(re.escape(term).replace(r"\ ", r"s?\s") for term in longest_first)
    return re.compile(rf"(?<![\w-])(?:{terms})s?(?![\w-])", re.IGNORECASE)


def _term_of(words: str) -> str:
    """The term that a text uses, in singular as the glossary has it."""
    lower = " ".join(words.lower().split())
    singular = " ".join(word.removesuffix("s") for word in lower.split())
    return next(name for name in (lower, lower.removesuffix("s"), singular) if name in meanings())


def _marked(words: str, term: str) -> Markup:
    return Markup('<dfn tabindex="0" data-meaning="{}">{}</dfn>').format(meanings()[term][1], words)
