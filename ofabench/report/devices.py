"""Devices compared: the same blocks and networks on two targets or more."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from bench.protocol.target import Target
from latency_models.tables.table import LatencyTable
from ofabench.report.architecture_text import (
    in_words,
    short_target,
    space_of_predictor,
    space_of_table,
)
from ofabench.report.figures import colours, finish
from ofabench.report.inputs import Inputs
from ofabench.report.page import Section, plain
from supernet.space.space import SearchSpace

Floats = NDArray[np.float64]
LEAST_COMMON = 5  # blocks or networks; fewer are no picture
NETWORKS, SEED = 200, 0  # drawn to be predicted where no measured ones are shared


def device_sections(inputs: Inputs) -> list[Section]:
    """Blocks of the first table against the others', and networks on every device."""
    tables = list(inputs.tables_by_target().values())
    return [*_blocks(tables), *_networks(inputs)]


def _blocks(tables: list[LatencyTable]) -> Iterator[Section]:
    if len(tables) < 2:
        return
    first = max(tables, key=len)
    figure, rows = go.Figure(), []
    others = [one for one in tables if one is not first]
    for colour, other in zip(colours(), others, strict=False):
        common = [spec for spec in first.specs if spec in other]
        if len(common) < LEAST_COMMON:
            continue
        x = np.array([first.lookup(spec) for spec in common])
        y = np.array([other.lookup(spec) for spec in common])
        name = short_target(other.target)
        figure.add_trace(_dots(x, y, name, colour, [spec.key for spec in common]))
        rows.append(_row(other.target.key, x, y, "blocks"))
    if rows:
        finish(figure, f"{plain(short_target(first.target))}, ms", "the others, ms", log=True)
        yield Section(
            title="Devices side by side: blocks",
            text=f"Latency of the blocks in common, against {first.target.key}. Devices that only "
            "differ in speed would lie on a line; what scatters about it is theirs alone.",
            table=pd.DataFrame(rows),
            figure=figure,
        )


def _networks(inputs: Inputs) -> Iterator[Section]:
    """Networks measured on several targets; without such, networks that predictors tell of."""
    by_target, words, how = _measured(inputs)
    if len(by_target) < 2:
        by_target, words, how = _predicted(inputs)
    if len(by_target) < 2:
        return
    first, *others = by_target
    figure, rows = go.Figure(), []
    for colour, target in zip(colours(), others, strict=False):
        x, y = by_target[first], by_target[target]
        figure.add_trace(_dots(x, y, short_target(target), colour, words))
        rows.append(_row(target.key, x, y, "networks"))
    finish(figure, f"{plain(short_target(first))}, ms", "the others, ms", log=True)
    yield Section(
        title="Devices side by side: networks",
        text=f"{how}, against {first.key}. Where the rank correlation is below 1, the best "
        "network of one device is not that of the other.",
        table=pd.DataFrame(rows),
        figure=figure,
    )


def _measured(inputs: Inputs) -> tuple[dict[Target, Floats], list[str], str]:
    """Latencies of the networks that every target's tables have, by target."""
    found: dict[Target, dict[tuple[int, ...], float]] = {}
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
            known = found.setdefault(target, {})
            for code, ms in zip(codes, table.latencies_ms(column).tolist(), strict=True):
                known.setdefault(code, ms)
    common = set.intersection(*(set(one) for one in found.values())) if found else set()
    if len(common) < LEAST_COMMON:
        return {}, [], ""
    order = sorted(common)
    (space,) = spaces.values()
    words = [in_words(space, arch) for arch in space.decode(np.array(order, dtype=np.int16))]
    by_target = {key: np.array([one[code] for code in order]) for key, one in found.items()}
    return by_target, words, f"{len(order)} networks measured on all of the targets"


def _predicted(inputs: Inputs) -> tuple[dict[Target, Floats], list[str], str]:
    """Latencies of random networks, as every predictor tells them, by target."""
    predictors = inputs.predictors_by_target()
    spaces = [space_of_predictor(one) for one in predictors.values()]
    space = spaces[0] if spaces and all(one == spaces[0] for one in spaces) else None
    if space is None or len(predictors) < 2:
        return {}, [], ""
    archs = space.sample(np.random.default_rng(SEED), NETWORKS)
    blocks = [space.blocks(arch) for arch in archs]
    by_target = {one.target: one.predict_many(blocks) for one in predictors.values()}
    runs = np.all([np.isfinite(ms) & (ms > 0) for ms in by_target.values()], axis=0)
    if runs.sum() < LEAST_COMMON:
        return {}, [], ""
    words = [in_words(space, arch) for arch, kept in zip(archs, runs, strict=True) if kept]
    told = f"{len(words)} random networks of {space.name}, as the predictors tell them"
    return {key: ms[runs] for key, ms in by_target.items()}, words, told


def _dots(x: Floats, y: Floats, name: str, colour: str, words: list[str]) -> go.Scatter:
    return go.Scatter(
        x=x,
        y=y,
        mode="markers",
        marker={"color": colour, "size": 5, "opacity": 0.6},
        name=plain(name),
        text=words,
        hovertemplate="%{text}<br>%{x:.4g} ms against %{y:.4g} ms<extra></extra>",
    )


def _row(target: str, x: Floats, y: Floats, what: str) -> Mapping[str, str]:
    from scipy import stats

    ratio = np.log(y / x)
    return {
        "target": target,
        f"{what} in common": str(len(x)),
        "rank correlation": f"{stats.spearmanr(x, y).statistic:.3f}",
        "times the first's latency": f"{np.exp(np.median(ratio)):.3g}",
        "half lie between": " and ".join(
            f"{v:.3g}" for v in np.exp(np.quantile(ratio, (0.25, 0.75)))
        ),
    }
