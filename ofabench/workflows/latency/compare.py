"""`compare`: differences of two latency tables, and whether they are allowed."""

import html
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from ofabench.workflows.latency.comparison_text import (
    comparison_lines,
    factor,
    rows_of,
    to_json,
    verdict,
)

if TYPE_CHECKING:
    from latency_models.evaluation.compare import Comparison
    from latency_models.tables.table import LatencyTable

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TableComparison:
    """Differences of the second of two latency tables from the first.

    Attributes:
        figures: ratios and intervals, by block and by kind of block.
        failures: what is slower by more than allowed, in words.
    """

    figures: "Comparison"
    failures: tuple[str, ...]

    def __repr__(self) -> str:
        lines = [*comparison_lines(self.figures), f"verdict    {verdict(self.figures)}"]
        return "\n".join([*lines, *(f"FAILED     {failure}" for failure in self.failures)])

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"

    def to_dict(self) -> dict[str, Any]:
        """Return the figures, the blocks that moved, and the failures as JSON values."""
        return {**to_json(self.figures), "failures": list(self.failures)}


def compare(
    first: "LatencyTable | str | Path",
    second: "LatencyTable | str | Path",
    *,
    fail_above: float | None = None,
) -> TableComparison:
    """Return the differences of the second latency table from the first.

    Targets that differ in more than versions are logged as a warning.

    Args:
        first, second: tables, or their files.
        fail_above: the fraction by which the second may be slower, for example 0.05; None for no
            limit.

    Raises:
        InputError: the tables have no block in common.
        FileError: a file cannot be read, or holds something else.
    """
    from latency_models.evaluation.compare import compare_tables

    comparison = compare_tables(_table(first), _table(second))
    for difference in comparison.differences():
        _log.warning("the targets differ in %s, not only in versions", difference)
    return TableComparison(comparison, tuple(_failures(comparison, fail_above)))


def _table(table: "LatencyTable | str | Path") -> "LatencyTable":
    from latency_models.tables.table import LatencyTable

    if isinstance(table, LatencyTable):
        return table
    if isinstance(table, str | os.PathLike):
        return LatencyTable.load(table)
    raise InputError(f"the table is a {type(table).__name__}, expected a LatencyTable or its file")


def _failures(comparison: "Comparison", limit: float | None) -> list[str]:
    """What is slower by more than allowed, in words."""
    if limit is None:
        return []
    failures = []
    if comparison.drift.ratio > 1 + limit:
        failures.append(
            f"all blocks together changed by {factor(comparison.drift.ratio)}, allowed {limit:.1%}"
        )
    slower = comparison.moved[comparison.moved["ratio"] > 1 + limit]
    if len(slower):
        worst = max(rows_of(slower), key=lambda row: float(row.ratio))
        failures.append(
            f"{len(slower)} blocks that moved are slower by more than {limit:.1%}, most "
            f"{worst.key}: {factor(worst.ratio)}"
        )
    return failures
