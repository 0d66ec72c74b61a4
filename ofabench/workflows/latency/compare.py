"""`compare`: differences of latency tables, and whether they are allowed."""

import html
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.notebook.html_table import rows_html
from ofabench.workflows.latency.compared_tables import TableSource, compared_tables
from ofabench.workflows.latency.comparison_text import (
    comparison_lines,
    factor,
    rows_of,
    to_json,
    verdict,
)
from ofabench.workflows.latency.targets_text import (
    rank_row,
    ratio_rows,
    targets_json,
    targets_lines,
)

if TYPE_CHECKING:
    import pandas as pd

    from latency_models.evaluation.compare import Comparison
    from latency_models.evaluation.compare_targets import TargetsComparison

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TableComparison:
    """Differences of the second of two latency tables from the first.

    Attributes:
        figures: ratios and intervals, by block and by kind of block.
        side_by_side: both tables, one row a block.
        failures: what is slower by more than allowed, in words.
    """

    figures: "Comparison"
    side_by_side: "TargetsComparison"
    failures: tuple[str, ...]

    @property
    def wide(self) -> "pd.DataFrame":
        """One row a block: its fields, the figures of both tables, and the ratio of the second."""
        return self.side_by_side.wide

    def __repr__(self) -> str:
        lines = [*comparison_lines(self.figures), f"verdict    {verdict(self.figures)}"]
        return "\n".join([*lines, *_failure_lines(self.failures)])

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"

    def to_dict(self) -> dict[str, Any]:
        """Return the figures, the blocks that moved, and the failures as JSON values."""
        return {**to_json(self.figures), "failures": list(self.failures)}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SeveralTablesComparison:
    """Differences of several latency tables from the first.

    Attributes:
        figures: ratios to the first, rank correlations of each pair, and the table side by side.
        failures: what is slower than in the first by more than allowed, in words.
    """

    figures: "TargetsComparison"
    failures: tuple[str, ...]

    @property
    def wide(self) -> "pd.DataFrame":
        """One row a block: its fields, the figures of every table, and the ratios to the first."""
        return self.figures.wide

    def __repr__(self) -> str:
        return "\n".join([*targets_lines(self.figures), *_failure_lines(self.failures)])

    def _repr_html_(self) -> str:
        heads, *rows = ratio_rows(self.figures)
        targets = [f"{label}: {target.key}" for label, target in self.figures.targets.items()]
        ranks = [": ".join(rank_row(pair)) for pair in self.figures.ranks]
        return rows_html(
            [f"median ratio to {self.figures.first}", *heads[1:]],
            rows,
            above=targets,
            below=["rank correlation (Spearman)", *ranks, *self.failures],
        )

    def to_dict(self) -> dict[str, Any]:
        """Return ratios, rank correlations, the largest differences and failures as JSON values."""
        return {**targets_json(self.figures), "failures": list(self.failures)}


def compare(
    *sources: TableSource, fail_above: float | None = None
) -> TableComparison | SeveralTablesComparison:
    """Return the differences of latency tables from the first one.

    Of two tables, targets that differ in more than versions are logged as a warning.

    Args:
        sources: tables, sweeps, or their files; a table of several targets counts as several.
        fail_above: the fraction by which another may be slower, for example 0.05; None for no
            limit.

    Raises:
        InputError: there are fewer than two tables, or one has no block in common with the first.
        FileError: a file cannot be read, or holds something else.
    """
    from latency_models.evaluation.compare_targets import compare_targets

    comparison = compare_targets(compared_tables(sources))
    pairs = comparison.against_first
    failures = tuple(_failures(pairs, fail_above))
    if len(pairs) > 1:
        return SeveralTablesComparison(comparison, failures)
    (only,) = pairs.values()
    for difference in only.differences():
        _log.warning("the targets differ in %s, not only in versions", difference)
    return TableComparison(only, comparison, failures)


def _failure_lines(failures: tuple[str, ...]) -> list[str]:
    return [f"FAILED     {failure}" for failure in failures]


def _failures(pairs: "Mapping[str, Comparison]", limit: float | None) -> Iterator[str]:
    """Yield what is slower by more than allowed, in words; of several pairs with their labels."""
    if limit is None:
        return
    for label, comparison in pairs.items():
        prefix = f"{label}: " if len(pairs) > 1 else ""
        if comparison.drift.ratio > 1 + limit:
            yield (
                f"{prefix}all blocks together changed by {factor(comparison.drift.ratio)}, "
                f"allowed {limit:.1%}"
            )
        slower = comparison.moved[comparison.moved["ratio"] > 1 + limit]
        if len(slower):
            worst = max(rows_of(slower), key=lambda row: float(row.ratio))
            yield (
                f"{prefix}{len(slower)} blocks that moved are slower by more than {limit:.1%}, "
                f"most {worst.key}: {factor(worst.ratio)}"
            )
