"""Pictures of charts without a browser: a Plotly figure drawn by matplotlib.

It draws what our charts consist of: lines, markers, filled bands, bars, error bars, vertical lines
and shaded spans, on linear, logarithmic and categorical axes, in one panel or several. The same
figure gives the same bytes.
"""

import io
import math
import warnings
from collections.abc import Mapping, Sequence
from html import unescape
from typing import Any

import matplotlib as mpl
import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from bench.charts.look import COLOURS, HEIGHT_PX

WIDTH_PX = 760
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 80, 20, 34, 52
LEGEND_ROW_PX, LEGEND_COLUMNS = 22, 3
DPI = 100
POINTS_OF_PX = 0.72
SYMBOLS = {"circle": "o", "circle-open": "o", "x": "x", "star": "*", "diamond": "D"}
DASHES: Any = {"dash": "--", "dot": ":", None: "-", "solid": "-"}
_RC: Any = {"svg.hashsalt": "ofabench", "svg.fonttype": "none", "font.size": 9}


def picture(figure: go.Figure, title: str, kind: str) -> bytes:
    """Return a figure as `svg`, `png` or `pdf`, with its title above."""
    dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}
    buffer = io.BytesIO()
    with mpl.rc_context(_RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # names in scripts that its font lacks
        _drawn(figure, title).savefig(buffer, format=kind, metadata=dated[kind])
    return buffer.getvalue()


def _drawn(figure: go.Figure, title: str) -> Figure:
    handles = [(trace, _handle(trace)) for trace in figure.data if _in_legend(figure, trace)]
    legend_px = LEGEND_ROW_PX * math.ceil(len(handles) / LEGEND_COLUMNS)
    height_px = int(figure.layout.height or HEIGHT_PX) + legend_px
    drawing = Figure(figsize=(WIDTH_PX / DPI, height_px / DPI), dpi=DPI)
    bottom_px = BOTTOM_PX + legend_px
    area = (
        LEFT_PX / WIDTH_PX,
        bottom_px / height_px,
        (WIDTH_PX - LEFT_PX - RIGHT_PX) / WIDTH_PX,
        (height_px - bottom_px - TOP_PX) / height_px,
    )
    panels: dict[tuple[str, str], Axes] = {}
    for trace in figure.data:
        names = (trace.xaxis or "x", trace.yaxis or "y")
        if names not in panels:
            panels[names] = _panel(drawing, figure, names, area)
        _draw(panels[names], trace)
    for names, axes in panels.items():
        _share_limits(axes, names, panels, figure)
        _draw_shapes(axes, figure, names)
        _finish_axis(axes, figure, names[0])
        _finish_axis(axes, figure, names[1])
    drawing.text(LEFT_PX / WIDTH_PX, 1 - 10 / height_px, title, va="top", parse_math=False)
    if handles:
        _add_legend(drawing, [(unescape(trace.name), handle) for trace, handle in handles])
    return drawing


def _panel(
    drawing: Figure, figure: go.Figure, names: tuple[str, str], area: tuple[float, ...]
) -> Axes:
    """Axes at their place among the panels of the figure."""
    left, bottom, width, height = area
    (x0, x1), (y0, y1) = (_axis(figure, name).domain or (0, 1) for name in names)
    axes = drawing.add_axes(
        (left + x0 * width, bottom + y0 * height, (x1 - x0) * width, (y1 - y0) * height)
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    for name, scale in zip(names, (axes.set_xscale, axes.set_yscale), strict=True):
        if _axis(figure, name).type == "log":
            scale("log")
    return axes


def _draw(axes: Axes, trace: Any) -> None:
    if trace.type == "bar":
        _draw_bars(axes, trace)
        return
    x, y = np.asarray(trace.x), np.asarray(trace.y)
    if trace.fill == "toself":
        axes.fill(x, y, color=_colour(trace.fillcolor), linewidth=0)
        return
    if "lines" in trace.mode:
        axes.plot(x, y, drawstyle="steps-post" if trace.line.shape == "hv" else "default",
                  color=_colour(trace.line.color), linewidth=trace.line.width or 2,
                  linestyle=DASHES[trace.line.dash])  # fmt: skip
    if "markers" in trace.mode:
        _draw_markers(axes, trace, x, y)
    for error, along_x in ((trace.error_x, True), (trace.error_y, False)):
        if error.array is not None:
            _draw_errors(axes, trace, error, along_x)


def _draw_errors(axes: Axes, trace: Any, error: Any, along_x: bool) -> None:
    """Error bars along one axis; none where they are not known."""
    below = error.array if error.arrayminus is None else error.arrayminus
    ends = np.nan_to_num(np.stack([below, error.array]).astype(np.float64))
    axes.errorbar(
        trace.x,
        trace.y,
        xerr=ends if along_x else None,
        yerr=None if along_x else ends,
        fmt="none",
        ecolor=_marker_colour(trace),
        elinewidth=1,
        alpha=0.6,
    )


def _draw_markers(axes: Axes, trace: Any, x: Any, y: Any) -> None:
    """Markers, one call for each symbol."""
    given = trace.marker.symbol
    symbols = np.array([given or "circle"] * len(x) if given is None or isinstance(given, str)
                       else given)  # fmt: skip
    for symbol in dict.fromkeys(symbols.tolist()):
        here = symbols == symbol
        axes.plot(
            x[here],
            y[here],
            SYMBOLS[symbol],
            color=_marker_colour(trace),
            markersize=(trace.marker.size or 6) * POINTS_OF_PX,
            markerfacecolor="none" if symbol.endswith("-open") else _marker_colour(trace),
            alpha=trace.marker.opacity,
        )


def _draw_bars(axes: Axes, trace: Any) -> None:
    """Bars beside each other, or on top of those that were drawn before in the same places."""
    x, y = np.asarray(trace.x), np.asarray(trace.y)
    colour = _colour(trace.marker.color)
    if trace.orientation == "h":
        axes.barh(y, x, left=trace.base, color=colour, height=0.7)
        return
    below = sum(
        (np.asarray(bars.datavalues, dtype=np.float64)
         for bars in axes.containers if isinstance(bars, BarContainer)),
        np.zeros(len(x)),
    )  # fmt: skip
    axes.bar(x, y, bottom=below, color=colour, width=1.0)


def _share_limits(
    axes: Axes, names: tuple[str, str], panels: Mapping[tuple[str, str], Axes], figure: go.Figure
) -> None:
    """Give panels above each other the same horizontal axis, written below the last one."""
    first = _axis(figure, names[0]).matches or names[0]
    together = [
        other for (x, _), other in panels.items() if (_axis(figure, x).matches or x) == first
    ]
    lows, highs = zip(*(other.get_xlim() for other in together), strict=True)
    axes.set_xlim(min(lows), max(highs))
    if _axis(figure, names[0]).showticklabels is False:
        axes.tick_params(labelbottom=False)


def _draw_shapes(axes: Axes, figure: go.Figure, names: tuple[str, str]) -> None:
    """Vertical lines and shaded spans, and texts above them."""
    for shape in figure.layout.shapes:
        if (shape.xref or "x") != names[0] or not str(shape.yref).startswith(f"{names[1]} "):
            continue
        if shape.type == "rect":
            axes.axvspan(shape.x0, shape.x1, color=_colour(shape.fillcolor), alpha=shape.opacity,
                         linewidth=0)  # fmt: skip
        else:
            axes.axvline(shape.x0, color=_colour(shape.line.color), linewidth=shape.line.width,
                         linestyle=DASHES[shape.line.dash])  # fmt: skip
    for note in figure.layout.annotations:
        if (note.xref or "x") == names[0] and str(note.yref).startswith(f"{names[1]} "):
            axes.annotate(unescape(note.text), (note.x, 1), xycoords=("data", "axes fraction"),
                          ha="center", va="bottom", fontsize=8, parse_math=False)  # fmt: skip


def _finish_axis(axes: Axes, figure: go.Figure, name: str) -> None:
    layout, axis = _axis(figure, name), axes.xaxis if name[0] == "x" else axes.yaxis
    title = layout.title.text
    if title:
        axis.set_label_text(unescape(title), parse_math=False)
    if layout.tickvals is not None:
        axis.set_ticks(list(layout.tickvals), labels=list(layout.ticktext))
        axis.set_minor_formatter(NullFormatter())
    elif layout.nticks and layout.type != "log":
        axis.set_major_locator(MaxNLocator(layout.nticks, steps=[1, 2, 5, 10]))
    if layout.tickformat:
        form = _exact(str(layout.tickformat), axis.get_majorticklocs().tolist())
        axis.set_major_formatter(FuncFormatter(lambda value, _: format(value, form)))
    if layout.rangemode == "tozero":
        (axes.set_xlim if name[0] == "x" else axes.set_ylim)(0, None)


def _exact(form: str, ticks: Sequence[float]) -> str:
    """A format of shares, such as `+.0%`, with the decimals that ticks need to be exact."""
    sign, _, decimals = form.removesuffix("%").rpartition(".")
    for count in range(int(decimals), 4):
        exact = f"{sign}.{count}%"
        if all(abs(float(format(tick, exact)[:-1]) / 100 - tick) < 1e-7 for tick in ticks):
            return exact
    return form


def _axis(figure: go.Figure, name: str) -> Any:
    return figure.layout[f"{name[0]}axis{name[1:]}"]


def _in_legend(figure: go.Figure, trace: Any) -> bool:
    """Whether a trace has a line in the legend: by default where there are several."""
    default = len(figure.data) > 1 if figure.layout.showlegend is None else figure.layout.showlegend
    return bool(trace.name) and (default if trace.showlegend is None else trace.showlegend)


def _handle(trace: Any) -> Any:
    """What stands for a trace in the legend."""
    if trace.type == "bar":
        return Patch(color=_colour(trace.marker.color))
    if trace.fill == "toself":
        return Patch(color=_colour(trace.fillcolor))
    symbol = trace.marker.symbol
    if symbol is not None and not isinstance(symbol, str):
        symbol = "circle"
    lines, markers = "lines" in trace.mode, "markers" in trace.mode
    return Line2D(
        [],
        [],
        color=_colour(trace.line.color) if lines else _marker_colour(trace),
        linestyle=DASHES[trace.line.dash] if lines else "none",
        marker=SYMBOLS[symbol or "circle"] if markers else None,
        markersize=5,
    )


def _add_legend(drawing: Figure, entries: Sequence[tuple[str, Any]]) -> None:
    # Names come afterwards: as labels, those that begin with "_" would be left out.
    handles = [handle for _, handle in entries]
    legend = drawing.legend(handles, ["-"] * len(entries), loc="lower left", ncols=LEGEND_COLUMNS,
                            frameon=False, fontsize=8)  # fmt: skip
    for text, (name, _) in zip(legend.get_texts(), entries, strict=True):
        text.set_parse_math(False)
        text.set_text(name)


def _marker_colour(trace: Any) -> Any:
    return _colour(trace.marker.color or trace.line.color)


def _colour(given: str | None) -> Any:
    """A colour as matplotlib has it; Plotly also writes `rgba(59,125,216,0.15)`."""
    colour = given or COLOURS[0]
    if colour.startswith("rgba("):
        *parts, alpha = (float(part) for part in colour[5:-1].split(","))
        return (*(part / 255 for part in parts), alpha)
    return to_rgba(colour)
