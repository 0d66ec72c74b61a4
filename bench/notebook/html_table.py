"""Tables of results as HTML for notebooks: all text escaped, no scripts, long tables shortened."""

import re
from collections.abc import Collection, Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 10  # of a frame
MOST_COLUMNS = 12
_LEFT = ' style="text-align:left"'
_GAP = re.compile(r"\s{2,}")
_TAB = "\t"


def rows_html(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    left: Collection[int] = (0,),
    above: Iterable[str] = (),
    below: Iterable[str] = (),
) -> str:
    """Return rows of cells under their headings, the columns `left` aligned to the left.

    `above` and `below` are lines of text before and after the table, which is left out if it has
    no rows.
    """
    styles = [_LEFT if column in left else "" for column in range(len(heads))]
    head = _cells("th", heads, styles)
    body = "".join(_cells("td", row, styles) for row in rows)
    table = f"<table><thead>{head}</thead><tbody>{body}</tbody></table>" if body else ""
    return f"{_lines(above)}{table}{_lines(below)}"


def facts_html(title: str, facts: Iterable[tuple[str, str]]) -> str:
    """Return facts with their names, one in a row, under a title; a name may be empty."""
    rows = "".join(
        f"<tr><th{_LEFT}>{escape(name)}</th><td{_LEFT}>{escape(text)}</td></tr>"
        for name, text in facts
    )
    return f"{_lines([title])}<table><tbody>{rows}</tbody></table>"


def lines_html(lines: Iterable[str]) -> str:
    """Return a result's text for a terminal as a table with the same words.

    The first line is the title. In the others a name is followed by at least two spaces and its
    value; a line that only continues its predecessor begins with ten spaces or more.
    """
    title, *rest = lines
    facts: list[tuple[str, str]] = []
    for line in rest:
        name, _, text = _GAP.sub(_TAB, line.strip(), count=1).partition(_TAB)
        if line.startswith(" " * 10) and facts:
            facts[-1] = (facts[-1][0], f"{facts[-1][1]} {line.strip()}")
        else:
            facts.append((name, text) if text else ("", name))
    return facts_html(title, facts)


def frame_html(summary: object, frame: "pd.DataFrame") -> str:
    """Return a line of text and a frame, whose middle is left out where it is long."""
    table = frame.to_html(
        max_rows=MOST_ROWS, max_cols=MOST_COLUMNS, float_format="{:.4g}".format, border=0
    )
    return f"{_lines(str(summary).splitlines())}{table}"


def _cells(tag: str, cells: Sequence[str], styles: Sequence[str]) -> str:
    row = "".join(
        f"<{tag}{style}>{escape(cell)}</{tag}>" for cell, style in zip(cells, styles, strict=True)
    )
    return f"<tr>{row}</tr>"


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"<p>{escape(line)}</p>" for line in lines)
