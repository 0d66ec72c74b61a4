"""Charts as pictures: what is drawn, by hand, and what a notebook receives."""

import importlib.util
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import plotly.graph_objects as go
import pytest
from matplotlib.colors import to_hex
from plotly.subplots import make_subplots

from bench.charts.look import COLOURS, finish
from bench.errors import FileError, MissingRuntimeError
from bench.notebook.picture import _drawn, _exact
from bench.notebook.plot import PLOTLY, Plot, check_charts

WRITTEN = ["1", "2", "5", "10", "20", "50", "100"]


def chart() -> go.Figure:
    """A line with error bars, and open circles, on a logarithmic axis."""
    line = go.Scatter(
        x=[1, 10, 100],
        y=[1, 2, 4],
        mode="lines+markers",
        line={"color": COLOURS[0], "dash": "dash", "shape": "hv"},
        name="a &lt;b&gt; $x$",
        error_y={"array": [0.5, 0.5, 0.5], "arrayminus": [0.25, 0.25, 0.25]},
    )
    circles = go.Scatter(
        x=[2, 20],
        y=[3, 3],
        mode="markers",
        marker={"color": COLOURS[1], "size": 10, "symbol": ["circle", "circle-open"]},
        name="_hidden?",
    )
    return finish(go.Figure([line, circles]), "million MACs", "latency, ms", log=True)


def panels(figure: go.Figure) -> list[Any]:
    """The axes of the picture of a figure."""
    return [*_drawn(figure, "title").axes]


def test_what_is_drawn_are_the_values_of_the_figure() -> None:
    (axes,) = panels(chart())

    line, *markers = axes.lines
    assert line.get_xdata().tolist() == [1, 10, 100]
    assert line.get_ydata().tolist() == [1, 2, 4]
    assert line.get_drawstyle() == "steps-post"
    assert line.get_linestyle() == "--"
    assert [each.get_xdata().tolist() for each in markers] == [[1, 10, 100], [2], [20]]
    assert markers[2].get_markerfacecolor() == "none"
    assert to_hex(markers[1].get_color()) == COLOURS[1]
    (bars,) = axes.collections
    assert bars.get_segments()[0][:, 1].tolist() == [0.75, 1.5]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("million MACs", "latency, ms")
    assert [text.get_text() for text in axes.get_xticklabels()] == WRITTEN


def test_bars_are_stacked_lines_stand_at_limits_and_panels_share_their_axis() -> None:
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True)
    for height in (1, 2):
        bars = go.Bar(x=[0, 1], y=[height, height], marker={"color": "#112233"}, name="b")
        figure.add_trace(bars, row=1, col=1)
    figure.add_trace(go.Scatter(x=[0, 50], y=[0.1, 0.25], mode="lines"), row=2, col=1)
    figure.update_yaxes(tickformat="+.0%", row=2, col=1)
    figure.add_vline(x=7, line={"color": "#445566", "dash": "dot"}, row=1, col=1)
    finish(figure, "", "")

    upper, lower = panels(figure)

    assert [(bar.get_y(), bar.get_height()) for bar in upper.patches] == [
        (0, 1), (0, 1), (1, 2), (1, 2)
    ]  # fmt: skip
    assert upper.lines[0].get_xdata() == [7, 7]
    assert upper.get_xlim() == lower.get_xlim()
    assert "+20%" in [text.get_text() for text in lower.get_yticklabels()]
    assert upper.get_position().y0 > lower.get_position().y1


@pytest.mark.parametrize(
    ("ticks", "form"),
    [
        ([0.1, 0.2], "+.0%"),
        ([0.92, 0.925, 0.93], "+.1%"),
        ([0.1, 0.10025], "+.3%"),
        ([1 / 3], "+.0%"),
    ],
)
def test_shares_on_an_axis_are_written_exactly(ticks: list[float], form: str) -> None:
    assert _exact("+.0%", ticks) == form


def test_a_notebook_gets_the_figure_and_a_picture_whose_bytes_do_not_change() -> None:
    plot = Plot(chart(), "Latency <i>")

    bundle = plot._repr_mimebundle_()

    assert [each["name"] for each in bundle[PLOTLY]["data"]] == ["a &lt;b&gt; $x$", "_hidden?"]
    svg = bundle["image/svg+xml"]
    assert svg == Plot(chart(), "Latency <i>")._repr_svg_()
    words = "".join(ElementTree.fromstring(svg).itertext())
    for text in ("Latency <i>", "a <b> $x$", "_hidden?", "million MACs"):
        assert text in words, text
    assert "<script" not in svg
    assert not re.search(r"<dc:date>|/home|/tmp", svg)
    assert len(svg) < 40_000
    assert repr(plot) == "Plot('Latency <i>')"


@pytest.mark.parametrize(
    ("suffix", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")]
)
def test_a_chart_is_saved_as_a_picture(tmp_path: Path, suffix: str, start: bytes) -> None:
    Plot(chart(), "t").save(tmp_path / f"c.{suffix}")

    assert (tmp_path / f"c.{suffix}").read_bytes().startswith(start)


def test_a_chart_is_saved_as_a_page(tmp_path: Path) -> None:
    Plot(chart(), "t").save(tmp_path / "c.html")

    assert "million MACs" in (tmp_path / "c.html").read_text()


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"c\.gif is not a chart's name: expected one in \.svg"):
        Plot(chart(), "t").save(tmp_path / "c.gif")
    assert not list(tmp_path.iterdir())


def test_unknown_intervals_are_drawn_as_none() -> None:
    figure = chart()
    figure.data[0].error_y.array = np.array([np.nan, 0.5, 0.5])

    (axes,) = panels(figure)
    (bars,) = axes.collections

    assert bars.get_segments()[0][:, 1].tolist() == [0.75, 1.0]


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingRuntimeError, match=r"charts need .*plotly.*ofabench\[report\]"):
        check_charts()
