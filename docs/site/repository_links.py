"""Links as they are in the repository, and as the site needs them.

In the repository a page links to `../../CONTRIBUTING.md`; the site has that file as one of its
pages, elsewhere.
"""

import os
import re
from pathlib import Path

from docs.site.notebooks import notebook_pages

# By path in the repository, the page of the site; `docs/` is the site's root.
ROOT_PAGES = {
    "CHANGELOG.md": "development/changelog.md",
    "CONTRIBUTING.md": "development/contributing.md",
    "README.md": "README.md",
}
_SOURCES = {uri: path for path, uri in ROOT_PAGES.items() if path != "README.md"}
_SOURCES |= {uri: str(path) for uri, path in notebook_pages().items()}
_PAGES = ROOT_PAGES | {str(path): uri for uri, path in notebook_pages().items()}
_LINK = re.compile(
    r"(?P<before>\]\(|(?:src|srcset|href)=\")(?P<path>[^)\s\"#:]+)(?P<rest>[)\s\"#])"
)
_INCLUDE = re.compile(r"<!-- include: (?P<source>\S+)#(?P<part>\w+) -->")


def site_text(markdown: str, uri: str) -> str:
    """Return the Markdown of a page with what it includes and with links between the site's pages.

    `<!-- include: README.md#intro -->` is replaced by what README has between `<!-- intro -->` and
    `<!-- /intro -->`.

    Args:
        markdown: the page as it is in the repository
        uri: its path in the site, `how-to/train.md`
    """

    def included(match: re.Match[str]) -> str:
        text = Path(match["source"]).read_text(encoding="utf-8")
        before, after = f"<!-- {match['part']} -->", f"<!-- /{match['part']} -->"
        part = text.partition(before)[2].partition(after)[0]
        return _rewritten(part, uri, match["source"])

    own = _rewritten(markdown, uri, _SOURCES.get(uri, f"docs/{uri}"))
    return _INCLUDE.sub(included, own)


def _rewritten(markdown: str, uri: str, source: str) -> str:
    """Links of a text that is in the file `source`, for the site's page `uri`."""

    def link(match: re.Match[str]) -> str:
        path = os.path.normpath(os.path.join(os.path.dirname(source), match["path"]))
        target = _PAGES.get(path) or path.removeprefix("docs/")
        return match["before"] + os.path.relpath(target, os.path.dirname(uri)) + match["rest"]

    return _LINK.sub(link, markdown)
