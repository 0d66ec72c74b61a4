"""The HTML page around the charts: all text escaped, no external resources."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources

import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

# A browser that obeys it fetches nothing, whatever a file's text might have smuggled in.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; base-uri 'none'; form-action 'none'"
)
LEAST_FOR_CONTENTS = 3  # sections; fewer are seen at a glance


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of a page: a heading, what it says, and a picture or a table."""

    title: str
    text: str
    figure: go.Figure | None = None
    table: pd.DataFrame | None = None


def plain(text: object) -> str:
    """A text from outside as Plotly shows it letter by letter: it reads tags and entities."""
    return escape(str(text), quote=False)


def render(title: str, lead: str, sections: Sequence[Section], foot: str) -> str:
    """One HTML document that needs nothing from elsewhere."""
    body = "\n".join(_section(section, i) for i, section in enumerate(sections))
    style, script = (
        (resources.files("ofabench.report") / name).read_text(encoding="utf-8")
        for name in ("page.css", "page.js")
    )
    return (
        "<!doctype html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n"
        f"<script>{get_plotlyjs()}</script>\n</head>\n<body>\n"
        f"<header><h1>{escape(title)}</h1>\n<p>{escape(lead)}</p></header>\n"
        "<noscript><p>The pictures need JavaScript; the tables do not.</p></noscript>\n"
        f"{_contents(sections)}<main>\n{body}\n</main>\n"
        f"<footer>{escape(foot)}</footer>\n<script>{script}</script>\n</body>\n</html>\n"
    )


def _contents(sections: Sequence[Section]) -> str:
    if len(sections) < LEAST_FOR_CONTENTS:
        return ""
    items = "\n".join(
        f"<li><a href='#section-{number}'>{escape(section.title)}</a></li>"
        for number, section in enumerate(sections)
    )
    return f"<nav aria-label='contents'><ol>\n{items}\n</ol></nav>\n"


def _section(section: Section, number: int) -> str:
    parts = [f"<h2>{escape(section.title)}</h2>", f"<p>{escape(section.text)}</p>"]
    if section.table is not None:
        table = section.table.to_html(index=False, border=0, escape=True)
        parts.append(f"<div class='wide'>{table}</div>")
    if section.figure is not None:
        parts.append(_figure(section.figure, section.title, number))
    return f"<section id='section-{number}'>\n" + "\n".join(parts) + "\n</section>"


def _figure(figure: go.Figure, title: str, number: int) -> str:
    """A box that the page's script draws into when it comes into view, and what it draws."""
    # "<" would end the script's element early; JSON may write any letter as a number.
    data = str(figure.to_json()).replace("<", "\\u003c").replace("\u2028", "\\u2028")
    height_px = int(figure.layout.height or 0)
    return (
        f'<div class="figure" id="figure-{number}" role="img" aria-label="{escape(title)}" '
        f'style="height:{height_px}px"></div>\n'
        f'<script type="application/json" id="figure-{number}-data">{data}</script>'
    )
