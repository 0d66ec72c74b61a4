"""Figures of an evaluation as lines of text, and as a table for notebooks."""

from collections.abc import Iterator, Mapping
from typing import Any

from bench.notebook.html_table import rows_html
from bench.timing.session_drift import drift_in_words
from bench.timing.statistic import MEDIAN

FIGURES = ("within_5", "within_10", "spearman", "kendall", "mape", "bias")


def evaluation_text(figures: Mapping[str, Any]) -> str:
    """Return figures and baselines as lines for a terminal."""
    lines = list(_head(figures))
    lines.append(" " * 32 + "".join(f"{name:>10}" for name in FIGURES))
    for name, cells in _rows(figures):
        lines.append(f"{name:<32}" + "".join(f"{cell:>10}" for cell in cells))
    return "\n".join([*lines, *_notes(figures)])


def evaluation_html(figures: Mapping[str, Any]) -> str:
    """Return figures and baselines as an HTML table."""
    rows = ((name.strip(), *cells) for name, cells in _rows(figures))
    return rows_html(("", *FIGURES), rows, above=_head(figures), below=_notes(figures))


def _head(figures: Mapping[str, Any]) -> Iterator[str]:
    statistic, column = figures.get("statistic", MEDIAN), figures["column"]
    if statistic != MEDIAN:
        column += f" ({statistic} of samples)"
    yield f"{figures['n']} networks, {column}; predictor of {figures['target']}"
    if figures.get("fitted_on"):
        share = "ALL of them, so none is held-out" if figures["all_fitted_on"] else "excluded"
        yield f"{figures['fitted_on']} networks of the table were fitted on: {share}"


def _rows(figures: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """The predictor and each available baseline, with the figures as text."""
    rows: dict[str, Mapping[str, Any] | None] = {"predictor": figures}
    if figures["drift_corrected"] is not None:
        rows["  drift-corrected"] = figures["drift_corrected"]
    rows["plain sum of blocks"] = figures["plain_sum"]
    rows["best constant (upper bound)"] = figures["best_constant"]
    if figures["macs_alone"] is not None:
        rows[f"MACs alone ({figures['macs_alone']['fitted_on']})"] = figures["macs_alone"]
    for title, row in rows.items():
        if row is not None:
            values = [row[name] for name in FIGURES]
            yield title, ["-" if value is None else f"{value:.3f}" for value in values]


def _notes(figures: Mapping[str, Any]) -> Iterator[str]:
    ceiling = figures["repeatability"]
    if ceiling is None:
        yield "repeatability of these networks: not in the table"
    else:
        yield (
            f"repeatability, the ceiling: half-width between replicates {ceiling['median']:.1%} in "
            f"the median, {ceiling['p95']:.1%} at p95; {ceiling['within_5']:.3f} within 5 %, "
            f"{ceiling['within_10']:.3f} within 10 %"
        )
    if figures["drift"] is not None:
        yield f"drift: {drift_in_words(figures['drift'])}"
    if figures.get("covered_95") is not None:
        yield f"{figures['covered_95']:.1%} are within 1.96 standard deviations of the prediction"
    if figures["extrapolated"]:
        yield f"{figures['extrapolated']:.1%} of the networks have extrapolated blocks"
