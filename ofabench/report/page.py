"""The HTML around the pictures: no template engine, every text escaped."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 60rem; margin: 0 auto;
  padding: 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #ddd; text-align: right; }
th:first-child, td:first-child { text-align: left; }
footer { margin-top: 3rem; color: #666; font-size: .85rem; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of a page: a heading, what it says, and a picture or a table."""

    title: str
    text: str
    figure: go.Figure | None = None
    table: pd.DataFrame | None = None


def render(title: str, lead: str, sections: Sequence[Section], foot: str) -> str:
    """One HTML document that needs nothing from elsewhere."""
    body = "\n".join(_section(section, i) for i, section in enumerate(sections))
    return (
        "<!doctype html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n"
        f"<script>{get_plotlyjs()}</script>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n<p>{escape(lead)}</p>\n{body}\n"
        f"<footer>{escape(foot)}</footer>\n</body>\n</html>\n"
    )


def _section(section: Section, number: int) -> str:
    parts = [f"<h2>{escape(section.title)}</h2>", f"<p>{escape(section.text)}</p>"]
    if section.table is not None:
        table = section.table.to_html(index=False, border=0, escape=True)
        parts.append(f"<div class='wide'>{table}</div>")
    if section.figure is not None:
        figure = section.figure.to_html(
            full_html=False,
            include_plotlyjs=False,
            div_id=f"figure-{number}",
            config={"displaylogo": False, "responsive": True},
        )
        parts.append(figure)
    return "\n".join(parts)
