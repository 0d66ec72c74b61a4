"""The documentation's site: it is built strictly, its links lead somewhere, it fits on a phone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from docs.site.links import BrokenLink, broken_links
from docs.site.notebooks import notebook_text
from tests.support.browser import DESKTOP_PX, PHONE_PX, browser

ROOT = Path(__file__).parent.parent
# Parts of a page's text that end beyond the window, outside of boxes that scroll.
BEYOND = """
const scrolls = (element) => element !== document.body && (
  ["auto", "scroll"].includes(getComputedStyle(element).overflowX) || scrolls(element.parentElement)
);
return [...document.querySelectorAll("article *")]
  .filter((each) => each.getBoundingClientRect().right > window.innerWidth + 1 && !scrolls(each))
  .map((each) => each.outerHTML.slice(0, 80));
"""
# Nothing is half displayed in a screenshot, for which the window is resized.
STILL = """
const style = document.createElement("style");
style.textContent = "* { transition: none !important }";
document.head.append(style);
"""
LOCAL = ("file:", "data:")
# By the name of its screenshot, a page that people look at first.
SHOWN = {
    "first-page": "index.html",
    "tutorial": "tutorials/cpu.html",
    "api": "reference/api/searching.html",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built once."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    env = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder


def _written(folder: Path, **pages: str) -> Path:
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text)
    return folder


def test_a_link_must_lead_to_a_file_and_an_anchor(tmp_path: Path) -> None:
    _written(
        tmp_path,
        index='<a href="other.html#here">1</a><a href="other.html#gone">2</a><a href="#top">3</a>',
        other='<h1 id="here"></h1><img src="gone.png"><a href="index.html">1</a>',
    )
    assert broken_links(tmp_path) == (
        5,
        [
            BrokenLink("index.html", "other.html#gone", "no such anchor"),
            BrokenLink("index.html", "#top", "no such anchor"),
            BrokenLink("other.html", "gone.png", "no such file"),
        ],
    )


def test_an_address_elsewhere_is_checked_for_its_form(tmp_path: Path) -> None:
    _written(
        tmp_path,
        index='<a href="https://a.example/b c">1</a><a href="https://a.example/b">2</a>'
        '<a href="file:///etc">3</a><a href="https://nohost">4</a>',
    )
    assert [link.address for link in broken_links(tmp_path)[1]] == [
        "https://a.example/b c",
        "file:///etc",
        "https://nohost",
    ]


def test_a_notebook_becomes_a_page_with_the_outputs_that_it_keeps() -> None:
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": ["1\n", "2\n"]},
        {"output_type": "execute_result", "data": {"text/html": "<b>3</b>", "text/plain": "3"}},
        {"output_type": "display_data", "data": {"image/png": "AAAA\n", "text/html": "<i>4</i>"}},
        {"output_type": "display_data", "data": {"image/svg+xml": "<svg/>"}},
        {"output_type": "display_data", "data": {"text/plain": "5"}},
    ]
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "text"]},
        {"cell_type": "code", "source": "f()", "outputs": outputs},
        {"cell_type": "code", "source": "", "outputs": []},
    ]
    assert notebook_text(json.dumps({"cells": cells})).split("\n\n") == [
        "# Title\ntext",
        "````python\nf()\n````",
        "````text\n1\n2\n````",
        '<div class="output">\n<b>3</b>\n</div>',
        '<img class="output" alt="" src="data:image/png;base64,AAAA">',
        '<img class="output" alt="" src="data:image/svg+xml;base64,PHN2Zy8+">',
        "````text\n5\n````",
    ]


@pytest.mark.slow
def test_every_link_of_the_site_leads_somewhere(site: Path) -> None:
    count, broken = broken_links(site)
    assert broken == []
    assert count > 1000


@pytest.mark.slow
@pytest.mark.parametrize("width_px", [DESKTOP_PX, PHONE_PX])
def test_every_page_fits_and_fetches_nothing(site: Path, width_px: int) -> None:
    with browser(width_px) as page:
        # 404.html is displayed for any address, so its links start at the site's root.
        for path in sorted(set(site.rglob("*.html")) - {site / "404.html"}):
            page.load(path)
            name = str(path.relative_to(site))
            assert page.overflow_px() <= 0, name
            assert page.run(BEYOND) == [], name
            assert [each for each in page.requests() if not each.startswith(LOCAL)] == [], name
            assert page.complaints() == [], name
        for name, address in SHOWN.items():
            page.load(site / address)
            page.run(STILL)
            page.screenshot(f"site-{name}-{width_px}")


@pytest.mark.slow
def test_the_search_works_without_a_server(site: Path) -> None:
    with browser(DESKTOP_PX) as page:
        page.load(site / "index.html")
        page.run(
            "const box = document.querySelector('input.md-search__input');"
            "box.focus(); box.value = 'winner curse';"
            "box.dispatchEvent(new KeyboardEvent('keyup', {bubbles: true}));"
        )
        results = "[...document.querySelectorAll('.md-search-result__link')]"
        page.wait_for(f"return {results}.length > 0")
        found = page.run(f"return {results}.map((link) => link.getAttribute('href'))")
        assert any("glossary.html" in str(address) for address in found)
