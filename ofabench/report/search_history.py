"""History of a search: best accuracy over networks evaluated."""

from ofabench.charts.search import history_figure
from ofabench.report.inputs import Inputs
from ofabench.report.names import Names
from ofabench.report.page import Chart, Section
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
    figure = history_figure({name: (best.history, best.evaluated) for name, best in lines.items()})
    return [
        Section(
            title="Search history",
            text="Predicted accuracy of the best network within all limits, by the number of "
            "networks evaluated.",
            charts=(Chart(figure=figure),),
        )
    ]
