"""Tables of a page: exact values to download, and the text that a cell shows of each."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

Value = float | int | str | bool | None
MISSING = "-"
MOST_SHOWN = 300  # rows; a download has them all


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table.

    Attributes:
        name: the heading; unique in its table together with `group`.
        values: one value a row, as downloads contain them; None or NaN where there is none.
        show: writes a value for a reader.
        group: a heading above, shared by neighbouring columns.
        verdicts: colours the cells: True green, False red, None neither. Empty colours none.
        text: whether values are words, which are aligned to the left.
        where: a column may be on the page alone, or in the downloads alone.
    """

    name: str
    values: Sequence[Any]
    show: Callable[[Any], str] = str
    group: str = ""
    verdicts: Sequence[bool | None] = ()
    text: bool = False
    where: Literal["both", "page", "file"] = "both"

    @property
    def heading(self) -> str:
        """Group and name: what the column is called in a file."""
        return f"{self.group}, {self.name}" if self.group else self.name

    @property
    def plain_values(self) -> list[Value]:
        """Values that JSON can hold."""
        return [_plain(value) for value in self.values]

    def cell(self, row: int) -> "Cell":
        """What a reader sees of one row."""
        value = _plain(self.values[row])
        verdict = self.verdicts[row] if self.verdicts else None
        return Cell(
            text=MISSING if value is None else self.show(value),
            style={True: "good", False: "bad", None: "text" if self.text else ""}[verdict],
        )


@dataclass(frozen=True, slots=True)
class Cell:
    """Text of a cell, and its class in the style sheet."""

    text: str
    style: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Columns of equal length; `name` is that of its downloads.

    With `summary` the table is folded under this line until a reader opens it.
    """

    name: str
    columns: tuple[Column, ...]
    summary: str = ""

    def __len__(self) -> int:
        return len(self.columns[0].values)

    def __getitem__(self, heading: str) -> list[Value]:
        """Values of the column with this heading."""
        return next(each.plain_values for each in self.columns if each.heading == heading)

    @property
    def shown(self) -> list[Column]:
        """Columns on the page."""
        return [column for column in self.columns if column.where != "file"]

    @property
    def groups(self) -> list[tuple[str, int]]:
        """Headings above the columns with the number of columns of each; none without groups."""
        spans: list[tuple[str, int]] = []
        for column in self.shown:
            if spans and spans[-1][0] == column.group:
                spans[-1] = (column.group, spans[-1][1] + 1)
            else:
                spans.append((column.group, 1))
        return spans if any(group for group, _ in spans) else []

    @property
    def rows(self) -> list[list[Cell]]:
        """Cells of the first rows."""
        shown = range(min(len(self), MOST_SHOWN))
        return [[column.cell(row) for column in self.shown] for row in shown]

    @property
    def hidden(self) -> int:
        """Number of rows that only the downloads have."""
        return max(0, len(self) - MOST_SHOWN)

    def to_json(self) -> dict[str, Any]:
        """Everything that a download is made of."""
        columns = [column for column in self.columns if column.where != "page"]
        values = [column.plain_values for column in columns]
        return {
            "name": self.name,
            "columns": [column.heading for column in columns],
            "rows": [list(row) for row in zip(*values, strict=True)],
        }


def table_of_rows(name: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return a table of rows that have the same names; numbers are shown as they are."""
    frame = pd.DataFrame(list(rows))
    columns = tuple(
        Column(
            name=str(heading),
            values=frame[heading].tolist(),
            text=bool(frame[heading].map(lambda value: isinstance(value, str)).all()),
        )
        for heading in frame.columns
    )
    return Table(name=name, columns=columns)


def milliseconds(value: float) -> str:
    """A latency to four digits: `0.1669`, `12.35`."""
    return f"{value:.4f}" if value < 1 else f"{value:#.4g}".rstrip(".")


def interval_columns(
    group: str, low: Sequence[Any], high: Sequence[Any], show: Callable[[float], str]
) -> tuple[Column, ...]:
    """A 95 % interval: one column on the page, its two ends in the downloads."""
    words = [
        None if first is None or last is None else f"{show(first)} to {show(last)}"
        for first, last in zip(low, high, strict=True)
    ]
    return (
        Column(name="95 % interval", group=group, values=words, where="page"),
        Column(name="95 % low", group=group, values=low, where="file"),
        Column(name="95 % high", group=group, values=high, where="file"),
    )


def percent(value: float) -> str:
    """A share in percent: `72.5 %`."""
    return f"{value:.1%}".replace("%", "\u202f%")


def signed_percent(value: float) -> str:
    """A relative difference: `+2.4 %`."""
    return f"{value:+.1%}".replace("%", "\u202f%").replace("-", "\u2212")


def met(value: bool) -> str:
    """A verdict on a limit."""
    return "met" if value else "NOT MET"


def _plain(value: Any) -> Value:
    item = value.item() if hasattr(value, "item") else value
    if item is None or (isinstance(item, float) and not math.isfinite(item)):
        return None
    return item if isinstance(item, bool | int | float | str) else str(item)
