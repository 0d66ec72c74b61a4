"""Charts of searches: accuracy against latency, and the history of a search."""

from collections.abc import Iterator, Mapping, Sequence

import plotly.graph_objects as go

from bench.charts.look import COLOURS, MUTED, colours, finish, plain
from ofabench.charts.architecture_text import in_words
from supernet.space.arch import ArchConfig
from supernet.space.space import SearchSpace

Steps = Sequence[tuple[int, float]]  # networks evaluated so far, best accuracy


def front_trace(
    latency_ms: Sequence[float],
    accuracy: Sequence[float],
    *,
    name: str,
    words: Sequence[str],
    colour: str = COLOURS[0],
) -> go.Scatter:
    """Return a Pareto front, in the order of latency, as steps; `words` are of each network."""
    return go.Scatter(
        x=latency_ms,
        y=accuracy,
        mode="lines+markers",
        line={"color": colour, "width": 1.5, "shape": "hv"},
        marker={"size": 7},
        name=plain(name),
        text=words,
        hovertemplate="%{text}<extra></extra>",
    )


def front_figure(
    space: SearchSpace,
    archs: Sequence[ArchConfig],
    latency_ms: Sequence[float],
    accuracy: Sequence[float],
) -> go.Figure:
    """Return one Pareto front, its networks in the order of latency."""
    words = [
        f"{in_words(space, arch)}<br>{ms:.4g} ms, accuracy {share:.2%} (both predicted)"
        for arch, ms, share in zip(archs, latency_ms, accuracy, strict=True)
    ]
    return finish_accuracies(
        go.Figure([front_trace(latency_ms, accuracy, name="Pareto front", words=words)])
    )


def finish_accuracies(figure: go.Figure) -> go.Figure:
    """Give a chart of accuracies over latencies its axes and look."""
    finish(figure, "latency, ms", "accuracy")
    figure.update_yaxes(tickformat=".0%", nticks=7)
    return figure.update_layout(margin={"t": 36})


def add_limits(figure: go.Figure, limits_ms: Sequence[float], *, written: bool) -> None:
    """Draw latency limits as dotted lines; `written` adds their values."""
    for limit in limits_ms:
        line = {"color": MUTED, "dash": "dot", "width": 1.2}
        words = {"annotation_text": f"{limit:.3g} ms", "annotation_position": "top"}
        figure.add_vline(x=limit, line=line, **(words if written else {}))


def history_figure(searches: Mapping[str, tuple[Steps, int]]) -> go.Figure:
    """Best accuracy over networks evaluated.

    By the name of each search: its improvements, and the number of networks that it evaluated.
    """
    figure = go.Figure(list(_history_traces(searches)))
    finish(figure, "networks evaluated", "best accuracy, predicted")
    figure.update_layout(showlegend=len(figure.data) > 1)
    return figure.update_yaxes(tickformat=".1%", nticks=7)


def _history_traces(searches: Mapping[str, tuple[Steps, int]]) -> Iterator[go.Scatter]:
    for colour, (name, (history, evaluated)) in zip(colours(), searches.items(), strict=False):
        last, accuracy = history[-1]
        steps = [*history, (max(evaluated, last), accuracy)]
        yield go.Scatter(
            x=[count for count, _ in steps],
            y=[best for _, best in steps],
            mode="lines+markers",
            line={"shape": "hv", "color": colour},
            marker={"size": 4},
            name=plain(name),
            hovertemplate="%{x} networks evaluated, %{y:.3%}<extra></extra>",
        )
