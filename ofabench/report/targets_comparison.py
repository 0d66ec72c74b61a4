"""Several latency tables compared with the first, as a page."""

from collections.abc import Iterator
from datetime import UTC, datetime

import plotly.graph_objects as go

from bench.charts.look import MUTED, colours, finish, plain, set_log_axes
from latency_models.evaluation.compare_targets import TargetsComparison
from ofabench.report.page import Chart, Page, Section, render
from ofabench.report.tables import Column, Table, table_of_rows
from ofabench.workflows.latency.comparison_text import factor, rows_of
from ofabench.workflows.latency.targets_text import correlation_text, ratio_text

MOST_LISTED = 20  # blocks of each target


def render_targets(comparison: TargetsComparison) -> str:
    """Return the comparison of several latency tables as an HTML page."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    page = Page(
        title=f"{len(comparison.targets)} targets: {', '.join(comparison.targets)}",
        lead=f"The same blocks on several targets, compared with {comparison.first}.",
        sections=[*_sections(comparison)],
        foot=f"Made by ofabench on {now}.",
    )
    return render(page)


def _sections(comparison: TargetsComparison) -> Iterator[Section]:
    first = comparison.first
    yield Section(
        title="Targets",
        text="Names as this page and the CSV file use them.",
        tables=(
            table_of_rows(
                "targets",
                [
                    {"name": label, "target": target.key}
                    for label, target in comparison.targets.items()
                ],
            ),
        ),
    )
    yield Section(
        title=f"Median ratio to {first}",
        text=f"Latency on each target over that on {first}, in the median of the blocks in common.",
        tables=(_ratios(comparison),),
    )
    yield Section(
        title="Ratio by block",
        text=f"Latency over that on {first}, against latency on {first}. Targets that differ only "
        "in speed would have all blocks on one level.",
        charts=(Chart(figure=ratio_figure(comparison)),),
    )
    yield Section(
        title="Rank correlations",
        text="Spearman's correlation of the latencies of each pair: at 1 both order the blocks in "
        "the same way.",
        tables=(_ranks(comparison),),
    )
    yield Section(
        title="Largest differences",
        text=f"Blocks whose ratio to {first} differs most from the target's median ratio; "
        f"at most {MOST_LISTED} for each target.",
        tables=(_differences(comparison),),
    )


def ratio_figure(comparison: TargetsComparison) -> go.Figure:
    """Return the ratios to the first over its latency, a colour and a median line a target."""
    figure = go.Figure()
    for colour, (label, each) in zip(colours(), comparison.against_first.items(), strict=False):
        rows = each.blocks
        figure.add_trace(
            go.Scatter(
                x=rows["first_ms"],
                y=rows["ratio"],
                mode="markers",
                name=plain(label),
                marker={"color": colour, "size": 6, "opacity": 0.7},
                text=[plain(key) for key in rows["key"]],
                hovertemplate="%{text}<br>%{y:.3g} times %{x:.4g} ms",
            )
        )
        figure.add_hline(y=each.drift.ratio, line={"color": colour, "width": 1})
    figure.add_hline(y=1, line={"color": MUTED, "width": 1, "dash": "dot"})
    finish(figure, f"latency on {plain(comparison.first)}, ms", "ratio")
    set_log_axes(figure)
    return figure


def _ratios(comparison: TargetsComparison) -> Table:
    ratios = comparison.ratios
    columns = [Column(name="blocks", values=[str(name) for name in ratios.index], text=True)]
    columns += [
        Column(
            name=f"{label}, times {comparison.first}",
            values=ratios[label].tolist(),
            show=ratio_text,
        )
        for label in ratios.columns
    ]
    return Table(name="target-ratios", columns=tuple(columns))


def _ranks(comparison: TargetsComparison) -> Table:
    pairs = comparison.ranks
    columns = (
        Column(name="first", values=[pair.first for pair in pairs], text=True),
        Column(name="second", values=[pair.second for pair in pairs], text=True),
        Column(name="blocks in common", values=[pair.blocks for pair in pairs]),
        Column(
            name="rank correlation",
            values=[pair.correlation for pair in pairs],
            show=correlation_text,
        ),
    )
    return Table(name="target-ranks", columns=columns)


def _differences(comparison: TargetsComparison) -> Table:
    rows = [
        {
            "target": label,
            "block": str(row.key),
            f"{comparison.first}, ms": f"{row.first_ms:.4g}",
            "target, ms": f"{row.second_ms:.4g}",
            "ratio": ratio_text(row.ratio),
            "to the median ratio": factor(row.beside),
        }
        for label, each in comparison.against_first.items()
        for row in rows_of(each.by_change.head(MOST_LISTED))
    ]
    return table_of_rows("target-differences", rows)
