"""HTML of results: what it shows, and that text from outside is escaped."""

import pandas as pd

from bench.notebook.html_table import MOST_ROWS, facts_html, frame_html, lines_html, rows_html

LEFT = ' style="text-align:left"'
EVIL = "<script>alert('x')</script>"


def test_rows_have_headings_and_text_around_them() -> None:
    html = rows_html(("kind", "ms"), [("stem", "1.5")], above=["title"], below=["note"])

    assert html == (
        f"<p>title</p><table><thead><tr><th{LEFT}>kind</th><th>ms</th></tr></thead>"
        f"<tbody><tr><td{LEFT}>stem</td><td>1.5</td></tr></tbody></table><p>note</p>"
    )


def test_lines_of_a_text_become_names_and_values() -> None:
    lines = [
        "net.onnx on box",
        "  predicted        1.2 ms",
        "                   which does not apply",
        "  a line without a name",
    ]
    assert lines_html(lines) == (
        f"<p>net.onnx on box</p><table><tbody><tr><th{LEFT}>predicted</th>"
        f"<td{LEFT}>1.2 ms which does not apply</td></tr>"
        f"<tr><th{LEFT}></th><td{LEFT}>a line without a name</td></tr></tbody></table>"
    )


def test_every_text_is_escaped() -> None:
    frame = pd.DataFrame({EVIL: [EVIL]})
    for html in (
        rows_html([EVIL], [[EVIL]], above=[EVIL], below=[EVIL]),
        facts_html(EVIL, [(EVIL, EVIL)]),
        lines_html([EVIL, f"  {EVIL}  {EVIL}"]),
        frame_html(EVIL, frame),
    ):
        assert "<script" not in html
        assert html.count("&lt;script&gt;") >= 3


def test_a_long_frame_is_shortened_and_its_numbers_have_four_digits() -> None:
    html = frame_html("long", pd.DataFrame({"ms": [1.234567] * 1000}))

    assert html.count("<tr") == 1 + MOST_ROWS + 1  # the head, and the row of dots
    assert html.count("1.235") == MOST_ROWS
    assert len(html) < 2000
