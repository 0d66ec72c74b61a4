"""A network drawn block by block, each as wide as its latency."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from bench.blocks.spec import BlockSpec
from bench.errors import MissingEntryError
from latency_models.predictors.predictor import LatencyPredictor, Prediction
from ofabench.report.architecture_text import in_words, short_target, space_named
from ofabench.report.figures import COLOURS, finish
from ofabench.report.inputs import Inputs
from ofabench.report.page import Section, plain
from ofabench.report.searches import SearchedNetwork

MOST_DRAWN = 6  # networks
PANEL_PX, AROUND_PX = 210, 130
# Kernels are few, and each has its colour on every picture.
KERNEL_COLOURS = {1: "#9aa3b5", 3: COLOURS[0], 5: COLOURS[2], 7: COLOURS[1]}


def drawing_sections(inputs: Inputs) -> list[Section]:
    """Networks that were chosen, each on every device whose predictor is given."""
    predictors = inputs.predictors_by_target()
    chosen = list(_chosen(inputs))
    sections = []
    for name, one in chosen[:MOST_DRAWN]:
        space = space_named(one.space)
        if space is None:
            continue
        blocks = space.blocks(space.canonical(one.arch))
        found = {p.target.key: (p, t) for p in predictors.values() if (t := _predict(p, blocks))}
        if found:
            words = in_words(space, one.arch).replace("<br>", "; ")
            sections.append(
                Section(
                    title=f"Block by block: {name}",
                    text=f"{words}. Every block of the network in order, as wide as the "
                    "latency that it adds; its height is its hidden width in channels, its "
                    "colour its kernel. "
                    + ("The devices are one below the other." if len(found) > 1 else ""),
                    table=_totals(found),
                    figure=drawing(blocks, found),
                )
            )
    return sections


def drawing(
    blocks: Sequence[BlockSpec], found: dict[str, tuple[LatencyPredictor, Prediction]]
) -> go.Figure:
    """A row of bars a device, by its target."""
    titles = [plain(short_target(predictor.target)) for predictor, _ in found.values()]
    figure = make_subplots(
        rows=len(found), cols=1, vertical_spacing=0.3 / len(found), subplot_titles=titles
    )
    for row, (_, prediction) in enumerate(found.values(), start=1):
        for trace in _bars(blocks, prediction):
            trace.showlegend = row == 1
            figure.add_trace(trace, row=row, col=1)
        # Plotly makes room for a bar of width 1 where a trace has a single one.
        end_ms = max(prediction.ms, sum(max(ms, 0.0) for ms in prediction.per_block_ms))
        figure.update_xaxes(range=[0, 1.01 * end_ms], row=row, col=1)
    finish(figure, "", "channels")
    figure.update_xaxes(title_text="ms", row=len(found), col=1)
    figure.update_xaxes(showgrid=False)
    figure.update_yaxes(type="log", dtick=1)
    figure.update_annotations(font={"size": 12})
    height_px = PANEL_PX * len(found) + AROUND_PX
    return figure.update_layout(height=height_px, barmode="overlay", margin={"t": 40})


def _bars(blocks: Sequence[BlockSpec], prediction: Prediction) -> Iterator[go.Bar]:
    """A trace a kernel; then what the network takes beside its blocks."""
    costs = prediction.per_block_ms
    # A composition may tell a small block less than nothing: the others' overhead has it already.
    widths = [max(cost, 0.0) for cost in costs]
    starts = list(accumulate(widths, initial=0.0))
    for kernel in sorted({block.kernel for block in blocks}):
        here = [place for place, block in enumerate(blocks) if block.kernel == kernel]
        yield go.Bar(
            x=[starts[i] for i in here],
            width=[widths[i] for i in here],
            y=[_channels(blocks[i]) for i in here],
            offset=0,
            name=f"{kernel}x{kernel}" if kernel > 1 else "1x1 and pooling",
            legendgroup=f"kernel {kernel}",
            marker={
                "color": KERNEL_COLOURS.get(kernel, COLOURS[4]),
                "line": {"color": "#fff", "width": 1},
            },
            text=[_words(i, blocks[i], costs[i], prediction) for i in here],
            textposition="none",
            hovertemplate="%{text}<extra></extra>",
        )
    rest_ms = prediction.ms - starts[-1]
    if rest_ms > 0:
        yield go.Bar(
            x=[starts[-1]],
            width=[rest_ms],
            y=[min(_channels(block) for block in blocks)],
            offset=0,
            name="beside the blocks",
            legendgroup="rest",
            marker={"color": "#e3e6ee", "line": {"color": "#9aa3b5", "width": 1}},
            hovertemplate=f"the network beside its blocks<br>{rest_ms:.4g} ms, "
            f"{rest_ms / prediction.ms:.1%}<extra></extra>",
        )


def _words(place: int, block: BlockSpec, ms: float, prediction: Prediction) -> str:
    expand = block.mid_channels / block.in_channels if block.mid_channels else 1.0
    guessed = "<br>unlike any block that was measured" if block in prediction.extrapolated else ""
    return (
        f"block {place + 1}: {block.key}<br>{block.kind}, kernel {block.kernel}, "
        f"expand {expand:.2g}, {block.in_channels} to {block.out_channels} channels, "
        f"{block.in_size} to {block.out_size} px<br>{ms:.4g} ms, {ms / prediction.ms:.1%} of the "
        f"network, {block.macs / 1e6:.3g} M MACs{guessed}"
    )


def _channels(block: BlockSpec) -> int:
    return block.mid_channels or block.out_channels


def _predict(predictor: LatencyPredictor, blocks: Sequence[BlockSpec]) -> Prediction | None:
    """Predict; None where a block could not run there, or nothing is known of its kind."""
    if not predictor.runs(blocks).all():
        return None
    try:
        return predictor.predict(blocks)
    except MissingEntryError:
        return None


def _totals(found: dict[str, tuple[LatencyPredictor, Prediction]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "target": target,
                "predicted, ms": f"{one.ms:.4g}",
                "standard deviation": f"{one.std_ms / one.ms:.1%}",
                "largest share of a block": f"{max(one.per_block_ms) / one.ms:.1%}",
                "beside the blocks": f"{1 - sum(one.per_block_ms) / one.ms:.1%}",
            }
            for target, (_, one) in found.items()
        ]
    )


def _chosen(inputs: Inputs) -> Iterator[tuple[str, SearchedNetwork]]:
    """Single results, then of each front the fastest, the middle one, the most accurate."""
    for name, search in inputs.searches.items():
        if not search.front:
            yield name, search.found[0]
    for name, search in inputs.searches.items():
        if search.front:
            by_accuracy = sorted(search.found, key=lambda one: one.accuracy)
            places = {"least accurate": 0, "middle": len(by_accuracy) // 2, "most accurate": -1}
            for what, place in places.items():
                yield f"{name}, {what}", by_accuracy[place]
