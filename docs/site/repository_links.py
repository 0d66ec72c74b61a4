"""Links as they are in the repository, and as the site needs them.

In the repository a page links to `../../CONTRIBUTING.md`; the site has that file as one of its
pages, elsewhere.
"""

import os
import re

# By path in the repository, the page of the site; `docs/` is the site's root.
ROOT_PAGES = {
    "CHANGELOG.md": "development/changelog.md",
    "CONTRIBUTING.md": "development/contributing.md",
    "README.md": "README.md",
}
_SOURCES = {uri: path for path, uri in ROOT_PAGES.items() if path != "README.md"}
_LINK = re.compile(
    r"(?P<before>\]\(|(?:src|srcset|href)=\")(?P<path>[^)\s\"#:]+)(?P<rest>[)\s\"#])"
)


def rewritten(markdown: str, uri: str) -> str:
    """Return the Markdown of a page with its links to files as links between the site's pages.

    Args:
        markdown: the page as it is in the repository
        uri: its path in the site, `how-to/train.md`
    """
    source = _SOURCES.get(uri, f"docs/{uri}")

    def link(match: re.Match[str]) -> str:
        path = os.path.normpath(os.path.join(os.path.dirname(source), match["path"]))
        target = ROOT_PAGES.get(path) or path.removeprefix("docs/")
        return match["before"] + os.path.relpath(target, os.path.dirname(uri)) + match["rest"]

    return _LINK.sub(link, markdown)
