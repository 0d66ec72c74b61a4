"""The figures of an evaluation in lines of text, and as a table for notebooks."""

import html
from collections.abc import Iterator, Mapping
from typing import Any

from bench.timing.session_drift import drift_in_words
from bench.timing.statistic import MEDIAN

FIGURES = ("within_5", "within_10", "spearman", "kendall", "mape", "bias")


def evaluation_words(figures: Mapping[str, Any]) -> str:
    """Return figures and baselines as lines for a terminal."""
    lines = list(_head(figures))
    lines.append(" " * 32 + "".join(f"{name:>10}" for name in FIGURES))
    for name, cells in _rows(figures):
        lines.append(f"{name:<32}" + "".join(f"{cell:>10}" for cell in cells))
    return "\n".join([*lines, *_notes(figures)])


def evaluation_html(figures: Mapping[str, Any]) -> str:
    """Return figures and baselines as an HTML table."""
    names = "".join(f"<th>{name}</th>" for name in ("", *FIGURES))
    rows = "".join(
        f"<tr><th>{html.escape(name.strip())}</th>"
        + "".join(f"<td>{cell}</td>" for cell in cells)
        + "</tr>"
        for name, cells in _rows(figures)
    )
    above, below = (
        "".join(f"<p>{html.escape(line)}</p>" for line in lines)
        for lines in (_head(figures), _notes(figures))
    )
    return f"{above}<table><tr>{names}</tr>{rows}</table>{below}"


def _head(told: Mapping[str, Any]) -> Iterator[str]:
    of = "" if told.get("statistic", MEDIAN) == MEDIAN else f" ({told['statistic']} of samples)"
    yield f"{told['n']} networks, {told['column']}{of}; predictor of {told['target']}"
    if told.get("fitted_on"):
        share = "ALL of them, so nothing is held-out" if told["all_fitted_on"] else "excluded"
        yield f"{told['fitted_on']} networks of the table were fitted on: {share}"


def _rows(told: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """The predictor and each baseline that there is, with its figures as texts."""
    rows: dict[str, Mapping[str, Any] | None] = {"predictor": told}
    if told["drift_corrected"] is not None:
        rows["  drift-corrected"] = told["drift_corrected"]
    rows["plain sum of blocks"] = told["plain_sum"]
    rows["best constant (upper bound)"] = told["best_constant"]
    if told["macs_alone"] is not None:
        rows[f"MACs alone ({told['macs_alone']['fitted_on']})"] = told["macs_alone"]
    for name, figures in rows.items():
        if figures is not None:
            values = [figures[one] for one in FIGURES]
            yield name, ["-" if value is None else f"{value:.3f}" for value in values]


def _notes(told: Mapping[str, Any]) -> Iterator[str]:
    ceiling = told["repeatability"]
    if ceiling is None:
        yield "repeatability of these networks: not in the table"
    else:
        yield (
            f"repeatability, the ceiling: half-width between replicates {ceiling['median']:.1%} in "
            f"the median, {ceiling['p95']:.1%} at p95; {ceiling['within_5']:.3f} within 5 %, "
            f"{ceiling['within_10']:.3f} within 10 %"
        )
    if told["drift"] is not None:
        yield f"drift: {drift_in_words(told['drift'])}"
    if told.get("covered_95") is not None:
        yield f"{told['covered_95']:.1%} lie within 1.96 of the predictions' standard deviations"
    if told["extrapolated"]:
        yield f"{told['extrapolated']:.1%} of the networks have extrapolated blocks"
