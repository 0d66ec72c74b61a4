"""Accuracy against latency: what searches chose, and what became of it on the device."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ofabench.report.figures import COLOURS, colours, finish
from ofabench.report.inputs import Inputs
from ofabench.report.outcome import Outcome, in_order, outcome_frame
from ofabench.report.page import Section, plain
from ofabench.report.searches import Found, Search
from ofabench.report.words import in_words, space_named

PANEL_PX, LEGEND_PX = 400, 90
MOST_LABELLED = 8  # verified networks whose names are written beside them
MOST_LIMITS = 12  # lines; more would hide what they limit


def front_sections(inputs: Inputs) -> list[Section]:
    """One section, with a panel a target; none where nothing was searched or verified."""
    told = [name for search in inputs.searches.values() for name in search.latency_names()]
    outcomes = in_order([*inputs.outcomes.values()])
    targets = list(dict.fromkeys([*told, *(one.target for one in outcomes)]))
    if not targets:
        return []
    clouds = {target: _cloud(inputs, target) for target in targets}
    text = ""
    if inputs.searches:
        text = "Networks that searches chose: accuracy and latency as predicted; a search picks "
        text += "what is over-estimated, so expect less. Point at one for its architecture. "
    if outcomes:
        text += "Verified networks: open as predicted, a line to the filled dot as measured on "
        text += "the device, accuracy on test images with its standard error. "
    if any(cloud is not None for cloud in clouds.values()):
        text += "Grey: random sub-networks of the supernet on validation images. "
    return [
        Section(
            title="Accuracy against latency",
            text=text + "Dotted lines are limits.",
            table=outcome_frame(outcomes) if outcomes else None,
            figure=front_figure(inputs.searches, outcomes, clouds),
        )
    ]


def front_figure(
    searches: dict[str, Search],
    outcomes: Sequence[Outcome],
    clouds: dict[str, pd.DataFrame | None],
) -> go.Figure:
    """Panels by the targets of `clouds`: columns `predicted_ms`, `accuracy`, or None."""
    figure = make_subplots(
        rows=len(clouds),
        cols=1,
        vertical_spacing=0.28 / len(clouds),
        subplot_titles=[plain(target) for target in clouds] if len(clouds) > 1 else None,
    )
    for row, (target, cloud) in enumerate(clouds.items(), start=1):
        here = [one for one in outcomes if one.target == target]
        traces = [
            *_cloud_trace(cloud),
            *_search_traces(searches, target),
            *_outcome_traces(here),
        ]
        for trace in traces:
            trace.showlegend = row == 1 or trace.name not in {one.name for one in figure.data}
            trace.legendgroup = trace.name
            figure.add_trace(trace, row=row, col=1)
        for limit in _limits(searches, here, target):
            line = {"color": "#8891a5", "dash": "dot", "width": 1}
            figure.add_vline(x=limit, line=line, row=row, col=1)
    finish(figure, "ms", "accuracy")
    figure.update_yaxes(tickformat=".1%")
    figure.update_annotations(font={"size": 12})
    margin = {"t": 40 if len(clouds) > 1 else 20}
    return figure.update_layout(height=PANEL_PX * len(clouds) + LEGEND_PX, margin=margin)


def found_words(one: Found) -> str:
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


def _outcome_traces(outcomes: Sequence[Outcome]) -> Iterator[go.Scatter]:
    judged = [one for one in outcomes if one.accuracy is not None]
    if not judged:
        return
    pairs = [
        (one, one.accuracy if one.predicted_accuracy is None else one.predicted_accuracy)
        for one in judged
        if one.predicted_ms is not None
    ]
    yield go.Scatter(
        x=[x for one, _ in pairs for x in (one.predicted_ms, one.measured_ms, None)],
        y=[y for one, was in pairs for y in (was, one.accuracy, None)],
        mode="lines",
        line={"color": "#8891a5", "width": 1.2},
        hoverinfo="skip",
        name="from promise to measurement",
    )
    yield go.Scatter(
        x=[one.predicted_ms for one, _ in pairs],
        y=[was for _, was in pairs],
        mode="markers",
        marker={"color": COLOURS[3], "size": 9, "symbol": "circle-open", "line": {"width": 2}},
        name="verified, as predicted",
        text=[f"{plain(one.name)}<br>{one.arch}" for one, _ in pairs],
        hovertemplate="%{text}<br>predicted %{x:.4g} ms, %{y:.2%}<extra></extra>",
    )
    yield go.Scatter(
        x=[one.measured_ms for one in judged],
        y=[one.accuracy for one in judged],
        error_y={"array": [one.accuracy_error or 0.0 for one in judged], "thickness": 1},
        mode="markers+text" if len(judged) <= MOST_LABELLED else "markers",
        marker={"color": COLOURS[3], "size": 10},
        name="verified, as measured",
        text=[plain(one.name) for one in judged],
        textposition="bottom center",
        textfont={"size": 10},
        customdata=[f"{plain(one.name)}<br>{one.arch}" for one in judged],
        hovertemplate="%{customdata}<br>measured %{x:.4g} ms, %{y:.2%}<extra></extra>",
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
