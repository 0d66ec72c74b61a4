"""History of a search: best accuracy over networks evaluated."""

import plotly.graph_objects as go

from ofabench.report.charts import colours, finish
from ofabench.report.inputs import Inputs
from ofabench.report.names import Names
from ofabench.report.page import Chart, Section, plain
from ofabench.report.searches import SearchedNetwork


def history_sections(inputs: Inputs, names: Names) -> list[Section]:
    """One chart of all searches that kept their history."""
    lines: dict[str, SearchedNetwork] = {}
    for file, search in inputs.searches.items():
        best = max(search.networks, key=lambda network: network.accuracy)
        if best.history:
            name = names.searches[file]
            lines[f"{name}, most accurate" if search.front else name] = best
    if not lines:
        return []
    figure = go.Figure()
    for colour, (name, best) in zip(colours(), lines.items(), strict=False):
        last, accuracy = best.history[-1]
        steps = [*best.history, (max(best.evaluated, last), accuracy)]
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
    figure.update_yaxes(tickformat=".1%", nticks=7)
    return [
        Section(
            title="Search history",
            text="Predicted accuracy of the best network within all limits, by the number of "
            "networks evaluated.",
            charts=(Chart(figure=figure),),
        )
    ]
