"""Accuracy against latency: the networks of searches, and their measurements."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ofabench.report.architecture_text import in_words, space_named
from ofabench.report.figures import colours, finish
from ofabench.report.inputs import Inputs
from ofabench.report.outcome import Outcome, in_order
from ofabench.report.page import Section, plain
from ofabench.report.searches import Search, SearchedNetwork
from ofabench.report.verified import outcome_traces

PANEL_PX, LEGEND_PX = 400, 90
MOST_LIMITS = 12  # lines; more would hide what they limit


def front_sections(inputs: Inputs) -> list[Section]:
    """One section, with panels by target; none where nothing was searched or verified."""
    outcomes = in_order([*inputs.outcomes.values()])
    named = [name for search in inputs.searches.values() for name in search.latency_names()]
    targets = list(dict.fromkeys([*named, *(one.target for one in outcomes)]))
    clouds = {target: _cloud(inputs, target) for target in targets}
    figure = front_figure(inputs.searches, outcomes, clouds)
    if figure is None:
        return []
    text = ""
    if inputs.searches:
        text = "Networks that searches chose: accuracy on validation images and latency as "
        text += "predicted; a search picks what is over-estimated, so expect less. Point at one "
        text += "for its architecture. "
    if any(cloud is not None for cloud in clouds.values()):
        text += "Grey: random sub-networks of the supernet on validation images. "
    if any(one.accuracy is not None for one in outcomes):
        text += "Accuracies on test images have panels of their own: other images are harder or "
        text += "easier. There, filled: as measured, with 95 % intervals; open: latency predicted. "
    return [
        Section(
            title="Accuracy against latency", text=text + "Dotted lines are limits.", figure=figure
        )
    ]


def front_figure(
    searches: dict[str, Search],
    outcomes: Sequence[Outcome],
    clouds: dict[str, pd.DataFrame | None],
) -> go.Figure | None:
    """Panels by the targets of `clouds`: columns `predicted_ms`, `accuracy`, or None.

    Accuracies on validation and on test images are never on one axis. None where nothing is there
    to draw.
    """
    panels = [one for target in clouds for one in _panels(searches, outcomes, clouds, target)]
    if not panels:
        return None
    several = len(panels) > 1
    figure = make_subplots(
        rows=len(panels),
        cols=1,
        vertical_spacing=0.28 / len(panels),
        subplot_titles=[plain(panel.title) for panel in panels] if several else None,
    )
    for row, panel in enumerate(panels, start=1):
        for trace in panel.traces:
            trace.showlegend = trace.name not in {one.name for one in figure.data}
            trace.legendgroup = trace.name
            figure.add_trace(trace, row=row, col=1)
        for limit in panel.limits:
            line = {"color": "#8891a5", "dash": "dot", "width": 1}
            figure.add_vline(x=limit, line=line, row=row, col=1)
    finish(figure, "ms", panels[-1].accuracy)
    figure.update_yaxes(tickformat=".1%")
    for row, panel in enumerate(panels, start=1):
        figure.update_yaxes(title_text=panel.accuracy, row=row, col=1)
    figure.update_annotations(font={"size": 12})
    margin = {"t": 40 if several else 20}
    return figure.update_layout(height=PANEL_PX * len(panels) + LEGEND_PX, margin=margin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One pair of axes: of one target, with accuracies on one kind of images."""

    title: str
    accuracy: str
    traces: list[go.Scatter]
    limits: list[float]


def _panels(
    searches: dict[str, Search],
    outcomes: Sequence[Outcome],
    clouds: dict[str, pd.DataFrame | None],
    target: str,
) -> Iterator[Panel]:
    here = [one for one in outcomes if one.target == target]
    limits = _limits(searches, here, target)
    predicted = [*_cloud_trace(clouds[target]), *_search_traces(searches, target)]
    measured = [*outcome_traces(here)]
    if predicted:
        title = f"{target}: predicted"
        yield Panel(title=title, accuracy="accuracy, validation", traces=predicted, limits=limits)
    if measured:
        title = f"{target}: verified"
        yield Panel(title=title, accuracy="accuracy, test", traces=measured, limits=limits)


def found_words(one: SearchedNetwork) -> str:
    """What a person who points at a chosen network reads."""
    lines = [f"accuracy {one.accuracy:.2%} (predicted)"]
    for name, value in one.predictions.items():
        unit = one.units.get(name, "ms" if name in one.std_ms else "")
        told = f"{name}: {value:.4g} {unit}".rstrip()
        if name in one.bounds:
            told += f", at most {one.bounds[name]:.4g} with its margin"
        lines.append(plain(told))
    return "<br>".join([in_words(space_named(one.space), one.arch), *lines])


def _search_traces(searches: dict[str, Search], target: str) -> Iterator[go.Scatter]:
    for colour, (name, search) in zip(colours(), searches.items(), strict=False):
        found = [one for one in search.found if target in one.predictions]
        found.sort(key=lambda one: one.predictions[target])
        if found:
            yield go.Scatter(
                x=[one.predictions[target] for one in found],
                y=[one.accuracy for one in found],
                mode="lines+markers" if search.front else "markers",
                line={"color": colour, "width": 1.5, "shape": "hv"},
                marker={
                    "color": colour,
                    "size": 8 if search.front else 15,
                    "symbol": "circle" if search.front else "star",
                },
                name=plain(f"front: {name}" if search.front else f"chosen: {name}"),
                text=[found_words(one) for one in found],
                hovertemplate="%{text}<extra></extra>",
            )


def _cloud_trace(cloud: pd.DataFrame | None) -> Iterator[go.Scatter]:
    if cloud is not None:
        yield go.Scatter(
            x=cloud["predicted_ms"],
            y=cloud["accuracy"],
            mode="markers",
            marker={"color": "rgba(120,120,120,0.35)", "size": 5},
            name="random sub-networks, latency predicted",
            text=cloud["words"],
            hovertemplate="%{text}<br>%{x:.4g} ms, %{y:.2%}<extra></extra>",
        )


def _limits(searches: dict[str, Search], outcomes: Sequence[Outcome], target: str) -> list[float]:
    """Different limits of a target; none where they are too many to tell apart."""
    found = {
        one.limits[target] for s in searches.values() for one in s.found if target in one.limits
    }
    found |= {one.limit_ms for one in outcomes if one.limit_ms is not None}
    return sorted(found) if len(found) <= MOST_LIMITS else []


def _cloud(inputs: Inputs, target: str) -> pd.DataFrame | None:
    """Measured sub-networks of an accuracy predictor, with their latencies; None without both."""
    predictor = inputs.predictors_by_target().get(target)
    for accuracy in inputs.accuracies.values():
        space = space_named(accuracy.space)
        if predictor is None or space is None or len(accuracy.codes) == 0:
            continue
        archs = space.decode(accuracy.codes)
        ms = predictor.predict_many([space.blocks(arch) for arch in archs])
        words = [in_words(space, arch) for arch in archs]
        frame = pd.DataFrame({"predicted_ms": ms, "accuracy": accuracy.accuracy, "words": words})
        return frame[np.isfinite(ms)]
    return None
