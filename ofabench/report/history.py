"""History of a search: best accuracy over networks evaluated."""

import plotly.graph_objects as go

from ofabench.report.figures import colours, finish
from ofabench.report.inputs import Inputs
from ofabench.report.page import Section, plain
from ofabench.report.searches import SearchedNetwork


def history_sections(inputs: Inputs) -> list[Section]:
    """One picture of all searches that kept their history."""
    lines: dict[str, SearchedNetwork] = {}
    for name, search in inputs.searches.items():
        best = max(search.found, key=lambda one: one.accuracy)
        if best.history:
            lines[f"{name}, its most accurate" if search.front else name] = best
    if not lines:
        return []
    figure = go.Figure()
    for colour, (name, one) in zip(colours(), lines.items(), strict=False):
        last, accuracy = one.history[-1]
        steps = [*one.history, (max(one.evaluated, last), accuracy)]
        line = go.Scatter(
            x=[evaluated for evaluated, _ in steps],
            y=[accuracy for _, accuracy in steps],
            mode="lines+markers",
            line={"shape": "hv", "color": colour},
            marker={"size": 4},
            name=plain(name),
            hovertemplate="%{x} networks evaluated, %{y:.3%}<extra></extra>",
        )
        figure.add_trace(line)
    finish(figure, "networks evaluated", "best accuracy, predicted")
    figure.update_yaxes(tickformat=".2%")
    return [
        Section(
            title="Search history",
            text="The best network within all limits after so many were evaluated.",
            figure=figure,
        )
    ]
