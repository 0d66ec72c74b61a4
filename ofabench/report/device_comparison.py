"""Devices compared: the same blocks and networks on two targets or more."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from bench.charts.latency import identity_line
from bench.charts.look import colours, finish, plain, set_log_axes
from bench.protocol.target import Target
from latency_models.tables.table import LatencyTable
from ofabench.charts.architecture_text import in_words
from ofabench.report.inputs import Inputs
from ofabench.report.named_spaces import space_of_predictor, space_of_table
from ofabench.report.names import Names
from ofabench.report.page import Chart, Section
from ofabench.report.tables import Column, Table
from supernet.space.space import SearchSpace

Floats = NDArray[np.float64]
LEAST_COMMON = 5  # blocks or networks; fewer are no picture
NETWORKS, SEED = 200, 0  # random networks, predicted where the targets share no measured ones


def device_sections(inputs: Inputs, names: Names) -> list[Section]:
    """Blocks of the largest table against the others', and networks on every device."""
    tables = list(inputs.tables_by_target().values())
    return [*_blocks(tables, names), *_networks(inputs, names)]


def _blocks(tables: list[LatencyTable], names: Names) -> Iterator[Section]:
    if len(tables) < 2:
        return
    first = max(tables, key=len)
    compared: dict[str, Common] = {}
    for other in (table for table in tables if table is not first):
        specs = [spec for spec in first.specs if spec in other]
        if len(specs) >= LEAST_COMMON:
            compared[other.target.key] = Common(
                x=np.array([first.lookup(spec) for spec in specs]),
                y=np.array([other.lookup(spec) for spec in specs]),
                words=[spec.key for spec in specs],
            )
    if compared:
        yield _section(
            "blocks", f"Latency of the blocks in common, against {names.target(first.target.key)}.",
            first.target, compared, names,
        )  # fmt: skip


def _networks(inputs: Inputs, names: Names) -> Iterator[Section]:
    """Networks measured on several targets; without such networks, predicted ones."""
    by_target, words, how = _measured(inputs)
    if len(by_target) < 2:
        by_target, words, how = _predicted(inputs)
    if len(by_target) < 2:
        return
    first, *others = by_target
    compared = {
        target.key: Common(x=by_target[first], y=by_target[target], words=words)
        for target in others
    }
    text = (
        f"{how}, against {names.target(first.key)}. Where the rank correlation is below 1, the "
        "best network of one device is not that of the other."
    )
    yield _section("networks", text, first, compared, names)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Common:
    """Latencies in ms of the same blocks or networks on the first target and another, (n,)."""

    x: Floats
    y: Floats
    words: list[str]

    @property
    def ratio(self) -> float:
        """Median of the second over the first."""
        return float(np.exp(np.median(np.log(self.y / self.x))))


def _section(
    kind: str, text: str, first: Target, compared: Mapping[str, Common], names: Names
) -> Section:
    figure = go.Figure()
    every = np.concatenate([np.r_[each.x, each.y] for each in compared.values()])
    figure.add_trace(identity_line(np.array([every.min(), every.max()])))
    for colour, (key, common) in zip(colours(), compared.items(), strict=False):
        ends = np.array([common.x.min(), common.x.max()])
        figure.add_trace(
            go.Scatter(
                x=ends,
                y=ends * common.ratio,
                mode="lines",
                line={"color": colour, "width": 1},
                hoverinfo="skip",
                name=f"{common.ratio:.3g} times",
            )
        )
        figure.add_trace(_dots(common, names.target(key), colour))
    finish(figure, f"{plain(names.target(first.key))}, ms", "other targets, ms")
    set_log_axes(figure)
    return Section(
        title=f"Devices side by side: {kind}",
        text=f"{text} Devices that differ only in speed would lie on their line of the median "
        "ratio; on y = x both take equally long.",
        charts=(Chart(figure=figure),),
        tables=(_figures_table(kind, compared, names),),
        tables_first=False,
    )


def _measured(inputs: Inputs) -> tuple[dict[Target, Floats], list[str], str]:
    """Latencies of the networks that every target's tables have, by target."""
    by_code: dict[Target, dict[tuple[int, ...], float]] = {}
    spaces: dict[str, SearchSpace] = {}
    for table in inputs.networks.values():
        space = space_of_table(table)
        if space is None or (spaces and space.name not in spaces):
            continue  # networks of two spaces have no common ones
        spaces[space.name] = space
        codes = [tuple(row) for row in space.codes_of(table.frame).tolist()]
        for column, target in table.targets.items():
            if column not in table.frame:
                continue
            known = by_code.setdefault(target, {})
            for code, ms in zip(codes, table.latencies_ms(column).tolist(), strict=True):
                known.setdefault(code, ms)
    common = set.intersection(*map(set, by_code.values())) if by_code else set()
    if len(common) < LEAST_COMMON:
        return {}, [], ""
    order = sorted(common)
    (space,) = spaces.values()
    words = [in_words(space, arch) for arch in space.decode(np.array(order, dtype=np.int16))]
    by_target = {
        target: np.array([latencies[code] for code in order])
        for target, latencies in by_code.items()
    }
    return by_target, words, f"{len(order)} networks measured on all of the targets"


def _predicted(inputs: Inputs) -> tuple[dict[Target, Floats], list[str], str]:
    """Latencies of random networks as predicted, by target."""
    predictors = inputs.predictors_by_target()
    spaces = [space_of_predictor(predictor) for predictor in predictors.values()]
    space = spaces[0] if spaces and all(each == spaces[0] for each in spaces) else None
    if space is None or len(predictors) < 2:
        return {}, [], ""
    archs = space.sample(np.random.default_rng(SEED), NETWORKS)
    blocks = [space.blocks(arch) for arch in archs]
    by_target = {each.target: each.predict_many(blocks) for each in predictors.values()}
    runs = np.all([np.isfinite(ms) & (ms > 0) for ms in by_target.values()], axis=0)
    if runs.sum() < LEAST_COMMON:
        return {}, [], ""
    words = [in_words(space, arch) for arch, kept in zip(archs, runs, strict=True) if kept]
    how = f"{len(words)} random networks of {space.name}, as predicted"
    return {key: ms[runs] for key, ms in by_target.items()}, words, how


def _dots(common: Common, name: str, colour: str) -> go.Scatter:
    return go.Scatter(
        x=common.x,
        y=common.y,
        mode="markers",
        marker={"color": colour, "size": 6, "opacity": 0.6},
        name=plain(name),
        text=common.words,
        hovertemplate="%{text}<br>%{x:.4g} ms against %{y:.4g} ms<extra></extra>",
    )


def _figures_table(kind: str, compared: Mapping[str, Common], names: Names) -> Table:
    from scipy import stats

    every = [*compared.values()]
    halves = [np.exp(np.quantile(np.log(each.y / each.x), (0.25, 0.75))) for each in every]
    digits = "{:.3g}".format
    columns = (
        Column(name="target", values=[names.target(key) for key in compared], text=True),
        Column(name=f"{kind} in common", values=[len(each.x) for each in every]),
        Column(
            name="rank correlation",
            values=[float(stats.spearmanr(each.x, each.y).statistic) for each in every],
            show="{:.3f}".format,
        ),
        Column(name="median", group="times the first target's latency",
               values=[each.ratio for each in every], show=digits),
        Column(name="first quartile", group="times the first target's latency",
               values=[low for low, _ in halves], show=digits),
        Column(name="third quartile", group="times the first target's latency",
               values=[high for _, high in halves], show=digits),
    )  # fmt: skip
    return Table(name=f"devices-{kind}", columns=columns)
