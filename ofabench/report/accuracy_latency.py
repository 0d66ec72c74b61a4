"""Accuracy against latency: random networks, those that searches chose, those measured."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from bench.charts.look import COLOURS, MUTED, colours, plain
from ofabench.charts.architecture_text import in_words
from ofabench.charts.search import add_limits, finish_accuracies, front_trace
from ofabench.report.inputs import Inputs
from ofabench.report.measured_traces import (
    MOST_LABELS,
    add_label,
    add_labels,
    measured_traces,
    sides,
)
from ofabench.report.named_spaces import space_named
from ofabench.report.names import Names
from ofabench.report.outcome import Outcome, in_order
from ofabench.report.page import Chart, Section
from ofabench.report.searches import Search, SearchedNetwork

MOST_LIMITS = 12  # lines; more would hide what they limit
MOST_WRITTEN = 4  # limits whose value is written above their line
OFF_STAR_PX = 17
LEAST_WIDTH_PX = 500  # narrower, names of networks would overlap
CHOSEN = "chosen by a search"
TEXT = (
    "Validation and test images have separate charts: one set may be easier than the other. "
    "A search prefers networks whose accuracy is predicted too high, so expect less on test "
    "images. Dotted lines are limits; point at a network for its architecture."
)


def front_sections(inputs: Inputs, names: Names) -> list[Section]:
    """One section with charts by target; none where nothing was searched or measured."""
    named = [name for search in inputs.searches.values() for name in search.latency_names()]
    targets = list(dict.fromkeys([*named, *(each.target for each in inputs.outcomes.values())]))
    charts = []
    for target in targets:
        place = f", {names.target(target)}" if len(targets) > 1 else ""
        limits = _limits(inputs, target)
        searched = validation_chart(inputs.searches, names, _cloud(inputs, target), target)
        measured = test_chart(inputs.outcomes, names, target)
        for figure, caption in (
            (searched, f"Validation images: accuracy and latency predicted{place}"),
            (measured, f"Test images: measured{place}"),
        ):
            if figure is not None:
                add_limits(figure, limits, written=len(limits) <= MOST_WRITTEN)
                charts.append(Chart(figure=figure, caption=caption, least_width_px=LEAST_WIDTH_PX))
    if not charts:
        return []
    return [Section(title="Accuracy against latency", text=TEXT, charts=tuple(charts))]


def validation_chart(
    searches: Mapping[str, Search], names: Names, cloud: pd.DataFrame | None, target: str
) -> go.Figure | None:
    """Random and chosen networks; None without either.

    `cloud` has the columns `predicted_ms`, `accuracy` and `words`, or is None.
    """
    chosen = {
        names.searches[file]: search.networks[0]
        for file, search in searches.items()
        if not search.front and target in search.networks[0].predictions
    }
    traces = [*_cloud_trace(cloud), *_fronts(searches, names, target)]
    traces += _chosen(chosen, names, target)
    if not traces:
        return None
    figure = finish_accuracies(go.Figure(traces))
    if 0 < len(chosen) <= MOST_LABELS:
        places = [each.predictions[target] for each in chosen.values()]
        every = [ms for trace in traces for ms in trace.x]
        above = sides(places, max(every) - min(every))
        for (name, each), ms, top in zip(chosen.items(), places, above, strict=True):
            add_label(figure, (ms, each.accuracy), name, OFF_STAR_PX, top=top)
    return figure


def test_chart(outcomes: Mapping[str, Outcome], names: Names, target: str) -> go.Figure | None:
    """Networks measured on a target by their accuracy on test images; None without any."""
    here = {id(each): file for file, each in outcomes.items() if each.target == target}
    ordered = in_order([each for each in outcomes.values() if id(each) in here])
    labels = [names.outcomes[here[id(each)]] for each in ordered]
    traces = [*measured_traces(ordered, labels)]
    if not traces:
        return None
    figure = finish_accuracies(go.Figure(traces))
    add_labels(figure, ordered, labels)
    return figure


def network_words(network: SearchedNetwork, names: Names) -> str:
    """What a reader who points at a chosen network sees."""
    lines = [f"accuracy {network.accuracy:.2%} (predicted)"]
    for key, value in network.predictions.items():
        latency = key in network.std_ms
        unit = network.units.get(key, "ms" if latency else "")
        line = f"{names.target(key) if latency else key}: {value:.4g} {unit}".rstrip()
        if key in network.bounds:
            line += f", at most {network.bounds[key]:.4g} with its margin"
        lines.append(plain(line))
    return "<br>".join([in_words(space_named(network.space), network.arch), *lines])


def _cloud_trace(cloud: pd.DataFrame | None) -> Iterator[go.Scatter]:
    if cloud is not None:
        yield go.Scatter(
            x=cloud["predicted_ms"],
            y=cloud["accuracy"],
            mode="markers",
            marker={"color": MUTED, "opacity": 0.5, "size": 6},
            name="random sub-networks",
            text=cloud["words"],
            hovertemplate="%{text}<br>%{x:.4g} ms, accuracy measured %{y:.2%}<extra></extra>",
        )


def _fronts(searches: Mapping[str, Search], names: Names, target: str) -> Iterator[go.Scatter]:
    fronts = {file: search for file, search in searches.items() if search.front}
    for colour, (file, search) in zip(colours(), fronts.items(), strict=False):
        networks = [each for each in search.networks if target in each.predictions]
        networks.sort(key=lambda each: each.predictions[target])
        if networks:
            yield front_trace(
                [each.predictions[target] for each in networks],
                [each.accuracy for each in networks],
                name=names.searches[file],
                words=[network_words(each, names) for each in networks],
                colour=colour,
            )


def _chosen(
    chosen: Mapping[str, SearchedNetwork], names: Names, target: str
) -> Iterator[go.Scatter]:
    """One trace of all single results."""
    if chosen:
        yield go.Scatter(
            x=[each.predictions[target] for each in chosen.values()],
            y=[each.accuracy for each in chosen.values()],
            mode="markers",
            marker={"color": COLOURS[1], "size": 14, "symbol": "star"},
            name=CHOSEN,
            customdata=[network_words(each, names) for each in chosen.values()],
            hovertemplate="%{customdata}<extra></extra>",
        )


def _limits(inputs: Inputs, target: str) -> list[float]:
    """Different limits of a target; none where there are too many to draw."""
    searched = {
        network.limits[target]
        for search in inputs.searches.values()
        for network in search.networks
        if target in network.limits
    }
    measured = {
        each.limit_ms
        for each in inputs.outcomes.values()
        if each.limit_ms is not None and each.target == target
    }
    limits = sorted(searched | measured)
    return limits if len(limits) <= MOST_LIMITS else []


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
