"""Verified networks in a report: verdicts, and accuracy against latency."""

from collections.abc import Iterator, Sequence

import plotly.graph_objects as go

from ofabench.report.figures import COLOURS
from ofabench.report.inputs import Inputs
from ofabench.report.outcome import Outcome, counts_of, in_order, outcome_frame
from ofabench.report.page import Section, plain

MOST_LABELLED = 8  # networks whose names are written beside them
_VERDICTS = (
    "Measured is raw, as a user will have it, and decides whether a limit is met. Drift-corrected "
    "is brought to the scale of the predictor's sweep where the estimates of drift since then "
    "agree, and then decides whether a prediction is within tolerance. In brackets: 95 % intervals."
)


def verdict_sections(inputs: Inputs) -> list[Section]:
    """The verdicts of every verified network, counted; none where nothing was verified."""
    outcomes = in_order([*inputs.outcomes.values()])
    if not outcomes:
        return []
    text = f"{counts_of(outcomes)}. {_VERDICTS}"
    return [Section(title="Verdicts", text=text, table=outcome_frame(outcomes))]


def outcome_traces(outcomes: Sequence[Outcome]) -> Iterator[go.Scatter]:
    """Verified networks by their accuracy on test images: measured, and where predicted."""
    judged = [one for one in outcomes if one.accuracy is not None]
    predicted = [one for one in judged if one.predicted_ms is not None]
    if not judged:
        return
    yield go.Scatter(
        x=[x for one in predicted for x in (one.predicted_ms, one.measured_ms, None)],
        y=[y for one in predicted for y in (one.accuracy, one.accuracy, None)],
        mode="lines",
        line={"color": "#8891a5", "width": 1.2},
        hoverinfo="skip",
        name="from prediction to measurement",
    )
    yield go.Scatter(
        x=[one.predicted_ms for one in predicted],
        y=[one.accuracy for one in predicted],
        mode="markers",
        marker={"color": COLOURS[3], "size": 9, "symbol": "circle-open", "line": {"width": 2}},
        name="verified, latency predicted",
        text=[f"{plain(one.name)}<br>{one.arch}" for one in predicted],
        hovertemplate="%{text}<br>predicted %{x:.4g} ms<extra></extra>",
    )
    shares = [one.accuracy or 0.0 for one in judged]
    ends = [one.accuracy_interval or (0.0, 1.0) for one in judged]
    yield go.Scatter(
        x=[one.measured_ms for one in judged],
        y=shares,
        error_y={
            "array": [high - share for share, (_, high) in zip(shares, ends, strict=True)],
            "arrayminus": [share - low for share, (low, _) in zip(shares, ends, strict=True)],
            "thickness": 1,
        },
        mode="markers+text" if len(judged) <= MOST_LABELLED else "markers",
        marker={"color": COLOURS[3], "size": 10},
        name="verified, as measured",
        text=[plain(one.name) for one in judged],
        textposition="bottom center",
        textfont={"size": 10},
        customdata=[f"{plain(one.name)}<br>{one.arch}" for one in judged],
        hovertemplate="%{customdata}<br>measured %{x:.4g} ms, %{y:.2%}<extra></extra>",
    )
