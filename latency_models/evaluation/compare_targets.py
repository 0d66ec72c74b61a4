"""Compare several latency tables: ratios against the first, and ranks of each pair."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from bench.protocol.target import Target
from latency_models.evaluation.compare import Comparison, compare_tables
from latency_models.evaluation.evaluate import rank_correlation
from latency_models.tables.side_by_side import TargetsTable, figure_column
from latency_models.tables.table import LatencyTable

ALL = "all blocks"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairRanks:
    """Rank correlation (Spearman) of two targets on their blocks in common, by label.

    None of fewer than two blocks, and where all latencies of one are equal.
    """

    first: str
    second: str
    blocks: int
    correlation: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TargetsComparison:
    """Comparison of several tables by label; `table` has them side by side.

    `against_first` compares every other one with the first. `ranks` has each pair once.
    """

    table: TargetsTable
    against_first: Mapping[str, Comparison]
    ranks: tuple[PairRanks, ...]

    @property
    def targets(self) -> Mapping[str, Target]:
        """The targets by label, the first one is compared with."""
        return self.table.targets

    @property
    def first(self) -> str:
        """Label of the table that the others are compared with."""
        return next(iter(self.table.targets))

    @property
    def ratios(self) -> pd.DataFrame:
        """Median ratios to the first: a column a target, a row for all blocks and each kind."""
        columns = {
            label: {
                ALL: comparison.drift.ratio,
                **{
                    kind: comparison.drift.ratio * move.ratio
                    for kind, move in comparison.kinds.items()
                },
            }
            for label, comparison in self.against_first.items()
        }
        return pd.DataFrame(columns)

    @property
    def wide(self) -> pd.DataFrame:
        """The table's columns, and a column `LABEL_ratio` of each target over the first."""
        frame = self.table.frame
        first = frame[figure_column(self.first, "latency_ms")]
        ratios = {
            f"{label}_ratio": frame[figure_column(label, "latency_ms")] / first
            for label in self.against_first
        }
        return frame.assign(**ratios)


def compare_targets(tables: Mapping[str, LatencyTable]) -> TargetsComparison:
    """Compare tables by label; `InputError` where one shares no block with the first."""
    (_, first), *others = tables.items()
    against_first = {label: compare_tables(first, table) for label, table in others}
    return TargetsComparison(
        table=TargetsTable.of(tables),
        against_first=against_first,
        ranks=tuple(_ranks(*one, *other) for one, other in combinations(tables.items(), 2)),
    )


def _ranks(first: str, one: LatencyTable, second: str, other: LatencyTable) -> PairRanks:
    common = [spec for spec in one.specs if spec in other]
    latencies = (
        np.array([table.lookup(spec) for spec in common], dtype=np.float64)
        for table in (one, other)
    )
    return PairRanks(
        first=first,
        second=second,
        blocks=len(common),
        correlation=rank_correlation("spearmanr", *latencies) if len(common) > 1 else None,
    )
