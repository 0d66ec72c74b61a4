"""The HTML page around charts and tables: all text escaped, no external resources."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from ofabench.report.glossary import Explainer
from ofabench.report.tables import Table

# A browser that obeys it fetches nothing, whatever a file's text might have smuggled in.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; base-uri 'none'; form-action 'none'"
)
LEAST_FOR_CONTENTS = 3  # sections; fewer are seen at a glance


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A figure with a caption; narrower than `least_width_px` it scrolls inside its box."""

    figure: go.Figure
    caption: str = ""
    least_width_px: int = 0

    @property
    def height_px(self) -> int:
        return int(self.figure.layout.height or 0)

    @property
    def json(self) -> Markup:
        """The figure as JSON that may stand in a script element."""
        return _script_json(str(self.figure.to_json()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of a page: a heading, a text, charts side by side, tables.

    `tables_first` says whether the tables stand above the charts.
    """

    title: str
    text: str
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    tables_first: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One figure of the summary; `verdict` colours it: True green, False red, None neither."""

    label: str
    value: str
    note: str = ""
    verdict: bool | None = None

    @property
    def style(self) -> str:
        return {True: "good", False: "bad", None: ""}[self.verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything that a page shows, from top to bottom."""

    title: str
    lead: str
    sections: Sequence[Section]
    foot: str
    cards: Sequence[Card] = ()
    commands: Sequence[str] = ()


def render(page: Page) -> str:
    """One HTML document that needs nothing from elsewhere."""
    return _template().render(
        page=page,
        policy=POLICY,
        contents=len(page.sections) >= LEAST_FOR_CONTENTS,
        explainer=Explainer(),
        data=_table_json,
        style=Markup(_resource("page.css")),
        plotly=Markup(get_plotlyjs()),
        scripts=[Markup(_resource(name)) for name in ("charts.js", "downloads.js", "meanings.js")],
    )


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_resource("page.html"))


def _resource(name: str) -> str:
    return (resources.files("ofabench.report") / name).read_text(encoding="utf-8")


def _table_json(table: Table) -> Markup:
    return _script_json(json.dumps(table.to_json(), ensure_ascii=False))


def _script_json(text: Any) -> Markup:
    """JSON that cannot end its script element: JSON may write any letter as a number."""
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028"))
