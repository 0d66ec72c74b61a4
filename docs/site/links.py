"""Links of the built site: `python -m docs.site.links build/site` exits with 1 where one is broken.

A link within the site must lead to a file of it and, with an anchor, to an element that has it.
Addresses elsewhere are checked for their form alone, since nothing is fetched.
"""

import argparse
import os
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_ADDRESSES = {"a": "href", "link": "href", "img": "src", "script": "src", "iframe": "src"}
_SRCSET = {"source", "img"}


@dataclass(frozen=True, slots=True)
class BrokenLink:
    """A link that leads nowhere: the page that has it, its address, and why."""

    page: str
    address: str
    reason: str

    def __str__(self) -> str:
        return f"{self.page}: {self.address}: {self.reason}"


@dataclass(slots=True)
class _Page(HTMLParser):
    """What a page links to, and the anchors that it has."""

    addresses: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        HTMLParser.__init__(self)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if (name := _ADDRESSES.get(tag)) in values:
            self.addresses.append(values[str(name)])
        if tag in _SRCSET and "srcset" in values:
            self.addresses += [part.split()[0] for part in values["srcset"].split(",")]


def broken_links(site: Path) -> tuple[int, list[BrokenLink]]:
    """Return the number of links in a built site, and those that are broken.

    Args:
        site: the folder with `index.html`
    """
    pages = {path: _parsed(path) for path in sorted(site.rglob("*.html"))}
    broken = []
    for path, page in pages.items():
        for address in page.addresses:
            reason = _elsewhere(address) or _within(address, path, site, pages)
            if reason:
                broken.append(BrokenLink(str(path.relative_to(site)), address, reason))
    return sum(len(page.addresses) for page in pages.values()), broken


def _parsed(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def _elsewhere(address: str) -> str:
    """Why an address outside of the site is malformed; empty for others."""
    parts = urlsplit(address)
    if not parts.scheme and not parts.netloc:
        return ""
    if parts.scheme == "data":
        return ""
    if parts.scheme not in ("http", "https"):
        return f"is neither a file of the site nor an address of the web ({parts.scheme or '//'})"
    if any(letter.isspace() for letter in address) or "." not in (parts.hostname or ""):
        return "has no host, or spaces in it"
    return ""


def _within(address: str, path: Path, site: Path, pages: dict[Path, _Page]) -> str:
    """Why a link within the site is broken; empty where it leads to a file and an anchor."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return ""
    # The page for unknown addresses is displayed for any of them, so its links start at the root.
    folder = site if parts.path.startswith("/") else path.parent
    name = unquote(parts.path).lstrip("/")
    target = Path(os.path.normpath(folder / name)) if name else path
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return "no such file"
    if parts.fragment and unquote(parts.fragment) not in pages[target].anchors:
        return "no such anchor"
    return ""


def main() -> int:
    """Check the links of a built site; print the broken ones."""
    parser = argparse.ArgumentParser(description="check the links of the built site")
    parser.add_argument("site", type=Path, help="the folder with index.html")
    args = parser.parse_args()
    count, broken = broken_links(args.site)
    for link in broken:
        print(link, file=sys.stderr)
    print(f"{count} links, {len(broken)} broken")
    return 1 if broken or not count else 0


if __name__ == "__main__":
    sys.exit(main())
