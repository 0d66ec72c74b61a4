"""Tables of a page: what a reader sees, and what a download contains."""

import math

import numpy as np
import pytest

from ofabench.report.tables import (
    MOST_SHOWN,
    Cell,
    Column,
    Table,
    interval_columns,
    milliseconds,
    percent,
    signed_percent,
    table_of_rows,
)


def _table(rows: int = 2) -> Table:
    return Table(
        name="t",
        columns=(
            Column(name="network", values=["a", "b"][:rows] + ["c"] * (rows - 2), text=True),
            Column(
                name="ms", group="raw", values=[0.5, math.nan][:rows] + [1.0] * (rows - 2),
                show=milliseconds, verdicts=[True, None][:rows] + [False] * (rows - 2),
            ),
            *interval_columns("raw", [0.4] * rows, [0.6] * rows, milliseconds),
        ),
    )  # fmt: skip


def test_a_cell_is_written_for_a_reader() -> None:
    assert _table().rows[0] == [
        Cell("a", "text"), Cell("0.5000", "good"), Cell("0.4000 to 0.6000", "")
    ]  # fmt: skip
    assert _table().rows[1][1] == Cell("-", "")
    assert _table(3).rows[2][1] == Cell("1.000", "bad")


def test_a_download_has_values_and_both_ends_of_an_interval() -> None:
    assert _table().to_json() == {
        "name": "t",
        "columns": ["network", "raw, ms", "raw, 95 % low", "raw, 95 % high"],
        "rows": [["a", 0.5, 0.4, 0.6], ["b", None, 0.4, 0.6]],
    }


def test_headings_are_grouped() -> None:
    assert _table().groups == [("", 1), ("raw", 2)]
    assert table_of_rows("t", [{"a": 1}]).groups == []


def test_a_long_table_shows_its_first_rows_and_downloads_all() -> None:
    table = _table(MOST_SHOWN + 5)

    assert len(table.rows) == MOST_SHOWN
    assert table.hidden == 5
    assert len(table.to_json()["rows"]) == MOST_SHOWN + 5
    assert _table().hidden == 0


def test_values_of_numpy_are_plain() -> None:
    column = Column(name="n", values=[np.float64(1.5), np.int64(2), np.bool_(True), math.inf])

    assert column.plain_values == [1.5, 2, True, None]
    assert [type(value) for value in column.plain_values[:3]] == [float, int, bool]


@pytest.mark.parametrize(
    ("value", "text"), [(0.16693, "0.1669"), (1.0, "1.000"), (12.345, "12.35"), (1234.5, "1234")]
)
def test_latencies_have_four_digits(value: float, text: str) -> None:
    assert milliseconds(value) == text


def test_shares_are_in_percent() -> None:
    assert percent(0.725) == "72.5\u202f%"
    assert signed_percent(-0.05) == "\u22125.0\u202f%"
