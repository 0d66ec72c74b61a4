"""Networks block by block: one stacked bar per network, on a common axis."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import plotly.graph_objects as go

from bench.blocks.spec import BlockSpec
from bench.charts.look import COLOURS, MUTED, finish, plain
from bench.errors import MissingEntryError
from latency_models.predictors.predictor import LatencyPredictor, Prediction
from ofabench.charts.architecture_text import BREAK, in_words
from ofabench.report.inputs import Inputs
from ofabench.report.named_spaces import space_named
from ofabench.report.names import LARGEST, SMALLEST, Names
from ofabench.report.page import Chart, Section
from ofabench.report.tables import Column, Table, milliseconds, percent
from supernet.space.arch import ArchConfig
from supernet.space.space import SearchSpace

MOST_DRAWN = 6  # networks beside the smallest and the largest of their space
BAR_PX, AROUND_PX = 44, 130
LEAST_SEEN = 0.001  # of a network
KERNEL_COLOURS = {1: MUTED, 3: COLOURS[0], 5: COLOURS[4], 7: COLOURS[1]}
TEXT = (
    "Each network is a bar of its blocks in order, as long as its predicted latency; colours are "
    "kernel sizes. Point at a block for its channels, size and share."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedNetwork:
    """A network that is drawn."""

    name: str
    space: SearchSpace
    arch: ArchConfig

    @property
    def blocks(self) -> Sequence[BlockSpec]:
        return self.space.blocks(self.arch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One network as predicted on one target."""

    network: NamedNetwork
    prediction: Prediction


def block_chart_sections(inputs: Inputs, names: Names) -> list[Section]:
    """One section: a chart for each device whose predictor is given, and a table of shares."""
    networks = list(_networks(inputs, names))
    by_target = {
        key: bars
        for key, predictor in inputs.predictors_by_target().items()
        if (bars := _predicted(predictor, networks))
    }
    if not by_target:
        return []
    several = len(by_target) > 1
    charts = tuple(
        Chart(figure=block_chart(bars), caption=names.target(key) if several else "")
        for key, bars in by_target.items()
    )
    table = _shares(by_target, names)
    return [
        Section(
            title="Networks block by block",
            text=TEXT,
            charts=charts,
            tables=(table,),
            tables_first=False,
        )
    ]


def block_chart(bars: Sequence[Bar]) -> go.Figure:
    """A bar per network, the fastest at the top."""
    ordered = sorted(bars, key=lambda bar: -bar.prediction.ms)
    figure = go.Figure()
    for kernel in sorted({block.kernel for bar in ordered for block in bar.network.blocks}):
        figure.add_trace(_kernel_trace(kernel, ordered))
    rests = [bar for bar in ordered if _rest_ms(bar.prediction) > 0]
    if rests:
        figure.add_trace(_rest_trace(rests))
    finish(figure, "predicted latency, ms", "")
    figure.update_yaxes(
        automargin=True,
        showgrid=False,
        title_text=None,
        categoryorder="array",
        categoryarray=[plain(bar.network.name) for bar in ordered],
        ticklabelstandoff=6,
    )
    figure.update_xaxes(rangemode="tozero")
    return figure.update_layout(
        height=BAR_PX * len(ordered) + AROUND_PX, barmode="overlay", bargap=0.25
    )


def _kernel_trace(kernel: int, bars: Sequence[Bar]) -> go.Bar:
    """All blocks of one kernel size, in all networks."""
    y, starts, widths, words = [], [], [], []
    for bar in bars:
        costs = _widths(bar.prediction)
        ends = [0.0, *accumulate(costs)]
        for place, block in enumerate(bar.network.blocks):
            if block.kernel == kernel:
                y.append(plain(bar.network.name))
                starts.append(ends[place])
                widths.append(costs[place])
                words.append(_words(place, block, bar.prediction))
    return go.Bar(
        orientation="h",
        y=y,
        base=starts,
        x=widths,
        name=f"{kernel}×{kernel}" if kernel > 1 else "1×1 and pooling",
        marker={"color": KERNEL_COLOURS.get(kernel, COLOURS[3])},
        customdata=words,
        hovertemplate="%{customdata}<extra></extra>",
    )


def _rest_trace(bars: Sequence[Bar]) -> go.Bar:
    """What networks take beside their blocks."""
    rests = [_rest_ms(bar.prediction) for bar in bars]
    return go.Bar(
        orientation="h",
        y=[plain(bar.network.name) for bar in bars],
        base=[sum(_widths(bar.prediction)) for bar in bars],
        x=rests,
        name="beside the blocks",
        marker={"color": MUTED, "opacity": 0.35},
        customdata=[
            f"the network beside its blocks<br>{rest:.4g} ms, {rest / bar.prediction.ms:.1%}"
            for bar, rest in zip(bars, rests, strict=True)
        ],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _widths(prediction: Prediction) -> list[float]:
    """Latency of each block, never below 0.

    Network calibration may give a small block less than nothing: the others' overhead includes it.
    """
    return [max(ms, 0.0) for ms in prediction.per_block_ms]


def _rest_ms(prediction: Prediction) -> float:
    """What the network takes beside its blocks; 0 where that is less than can be seen."""
    rest_ms = prediction.ms - sum(_widths(prediction))
    return rest_ms if rest_ms > LEAST_SEEN * prediction.ms else 0.0


def _words(place: int, block: BlockSpec, prediction: Prediction) -> str:
    ms = prediction.per_block_ms[place]
    expand = block.mid_channels / block.in_channels if block.mid_channels else 1.0
    outside = "<br>extrapolated" if block in prediction.extrapolated else ""
    return (
        f"block {place + 1}: {block.key}<br>{block.kind}, kernel {block.kernel}, "
        f"expand {expand:.2g}, {block.in_channels} to {block.out_channels} channels, "
        f"{block.in_size} to {block.out_size} px<br>{ms:.4g} ms, {ms / prediction.ms:.1%} of the "
        f"network, {block.macs / 1e6:.3g} M MACs{outside}"
    )


def _predicted(predictor: LatencyPredictor, networks: Sequence[NamedNetwork]) -> list[Bar]:
    """Networks as predicted; without those that could not run there, or of unknown kinds."""
    bars = []
    for network in networks:
        if not predictor.runs(network.blocks).all():
            continue
        try:
            prediction = predictor.predict(network.blocks)
        except MissingEntryError:
            continue
        bars.append(Bar(network=network, prediction=prediction))
    return bars


def _shares(by_target: Mapping[str, Sequence[Bar]], names: Names) -> Table:
    rows = [(key, bar) for key, bars in by_target.items() for bar in bars]
    rows.sort(key=lambda row: (row[0], row[1].prediction.ms))
    predictions = [bar.prediction for _, bar in rows]
    columns = [
        Column(name="network", values=[bar.network.name for _, bar in rows], text=True),
        Column(name="predicted, ms", values=[each.ms for each in predictions], show=milliseconds),
        Column(
            name="standard deviation",
            values=[each.std_ms / each.ms for each in predictions],
            show=percent,
        ),
        Column(
            name="largest share of a block",
            values=[max(each.per_block_ms) / each.ms for each in predictions],
            show=percent,
        ),
        Column(
            name="beside the blocks",
            values=[_rest_ms(each) / each.ms for each in predictions],
            show=percent,
        ),
        Column(name="architecture", values=[_architecture(bar) for _, bar in rows], text=True),
    ]
    if len(by_target) > 1:
        targets = [names.target(key) for key, _ in rows]
        columns.insert(1, Column(name="target", values=targets, text=True))
    return Table(name="networks-block-by-block", columns=tuple(columns))


def _architecture(bar: Bar) -> str:
    return in_words(bar.network.space, bar.network.arch).replace(BREAK, "; ")


def _networks(inputs: Inputs, names: Names) -> Iterator[NamedNetwork]:
    """Networks that were chosen, between the smallest and the largest of their space."""
    chosen = list(_chosen(inputs, names))[:MOST_DRAWN]
    spaces: dict[str, SearchSpace] = {each.space.name: each.space for each in chosen}
    for space in spaces.values():
        of = f" of {space.name}" if len(spaces) > 1 else ""
        yield NamedNetwork(name=f"{SMALLEST}{of}", space=space, arch=space.smallest())
        yield NamedNetwork(name=f"{LARGEST}{of}", space=space, arch=space.largest())
    yield from chosen


def _chosen(inputs: Inputs, names: Names) -> Iterator[NamedNetwork]:
    """Single results, then of each front the least accurate, the middle one, the most accurate."""
    singles = {f: search for f, search in inputs.searches.items() if not search.front}
    for file, search in singles.items():
        space = space_named(search.networks[0].space)
        if space is not None:
            arch = space.canonical(search.networks[0].arch)
            yield NamedNetwork(name=names.searches[file], space=space, arch=arch)
    for file, search in inputs.searches.items():
        by_accuracy = sorted(search.networks, key=lambda network: network.accuracy)
        space = space_named(by_accuracy[0].space)
        if not search.front or space is None:
            continue
        places = {"least accurate": 0, "middle": len(by_accuracy) // 2, "most accurate": -1}
        for place, number in places.items():
            arch = space.canonical(by_accuracy[number].arch)
            yield NamedNetwork(name=f"{names.searches[file]}, {place}", space=space, arch=arch)
