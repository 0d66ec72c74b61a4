"""Traces of measured networks: accuracy on test images over latency, with labels beside them."""

from collections.abc import Iterator, Sequence

import plotly.graph_objects as go

from bench.charts.look import COLOURS, MUTED, plain
from ofabench.report.outcome import Outcome

MOST_LABELS = 8  # networks whose names are written beside them
NEAR = 0.25  # of the axis: closer labels are put on different sides
OFF_BAR_PX = 11


def measured_traces(outcomes: Sequence[Outcome], labels: Sequence[str]) -> Iterator[go.Scatter]:
    """Networks with an accuracy on test images: as measured, and where they were predicted."""
    named = [
        (o, label) for o, label in zip(outcomes, labels, strict=True) if o.accuracy is not None
    ]
    if not named:
        return
    measured = [outcome for outcome, _ in named]
    words = [f"{plain(label)}<br>{outcome.arch}" for outcome, label in named]
    predicted = [(each, text) for each, text in zip(measured, words, strict=True)
                 if each.predicted_ms is not None]  # fmt: skip
    yield go.Scatter(
        x=[x for each, _ in predicted for x in (each.predicted_ms, each.measured_ms, None)],
        y=[y for each, _ in predicted for y in (each.accuracy, each.accuracy, None)],
        mode="lines",
        line={"color": MUTED, "width": 1.2},
        hoverinfo="skip",
        name="from prediction to measurement",
        showlegend=False,
    )
    yield go.Scatter(
        x=[each.predicted_ms for each, _ in predicted],
        y=[each.accuracy for each, _ in predicted],
        mode="markers",
        marker={"color": COLOURS[2], "size": 9, "symbol": "circle-open", "line": {"width": 2}},
        name="latency predicted",
        text=[text for _, text in predicted],
        hovertemplate="%{text}<br>predicted %{x:.4g} ms<extra></extra>",
    )
    ends = [interval_of(each) for each in measured]
    shares = [each.accuracy or 0.0 for each in measured]
    yield go.Scatter(
        x=[each.measured_ms for each in measured],
        y=shares,
        error_y={
            "array": [high - share for share, (_, high) in zip(shares, ends, strict=True)],
            "arrayminus": [share - low for share, (low, _) in zip(shares, ends, strict=True)],
            "thickness": 1.2,
            "width": 4,
        },
        mode="markers",
        marker={"color": COLOURS[2], "size": 10},
        name="latency measured, with 95 % interval of the accuracy",
        customdata=words,
        hovertemplate="%{customdata}<br>measured %{x:.4g} ms, %{y:.2%}<extra></extra>",
    )


def interval_of(outcome: Outcome) -> tuple[float, float]:
    """The accuracy's 95 % interval; from 0 to 1 where the file has none."""
    return outcome.accuracy_interval or (0.0, 1.0)


def add_labels(figure: go.Figure, outcomes: Sequence[Outcome], labels: Sequence[str]) -> None:
    """Write the names at the ends of the error bars, so that they stand on nothing."""
    pairs = zip(outcomes, labels, strict=True)
    named = [(outcome, label) for outcome, label in pairs if outcome.accuracy is not None]
    if len(named) > MOST_LABELS:
        return
    places = [outcome.measured_ms for outcome, _ in named]
    above = sides(places, max(places) - min(places) if places else 0.0)
    for (outcome, label), top in zip(named, above, strict=True):
        low, high = interval_of(outcome)
        add_label(figure, (outcome.measured_ms, high if top else low), label, OFF_BAR_PX, top=top)


def add_label(
    figure: go.Figure, place: tuple[float, float], label: str, off_px: int, *, top: bool
) -> None:
    """Write a name above or below a place, so many pixels off it."""
    figure.add_annotation(
        x=place[0],
        y=place[1],
        text=plain(label),
        showarrow=False,
        yshift=off_px if top else -off_px,
        font={"size": 11},
    )


def sides(places: Sequence[float], span: float) -> list[bool]:
    """Whether each label stands above: on an axis of this span, near neighbours take turns."""
    above: dict[int, bool] = {}
    order = sorted(range(len(places)), key=lambda i: places[i])
    for before, now in zip([None, *order], order, strict=False):
        near = before is not None and places[now] - places[before] < NEAR * span
        above[now] = not above[before] if near and before is not None else True
    return [above[i] for i in range(len(places))]
