"""Compare two latency tables: the drift of all blocks, and changes of single blocks.

The drift is the median ratio, caused by the machine, its driver or its clock. A block has changed
where its drift-corrected ratio lies outside the interval that the replicates of both tables allow.
Of many blocks some do so by chance, so Benjamini and Hochberg's procedure (1995) controls the false
discovery rate.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import InputError
from bench.protocol.target import Target
from bench.timing.intervals import student_t
from latency_models.evaluation.evaluate import rank_correlation
from latency_models.tables.table import LatencyTable

Floats = NDArray[np.float64]
ALPHA = 0.05  # error rate of the intervals, and false discovery rate of the changed blocks
VERSIONS = {"backend_version"}  # fields that may differ between two tables of one device


@dataclass(frozen=True, slots=True, kw_only=True)
class MedianRatio:
    """Median ratio of second to first, with its 95 % interval (NaN where blocks are too few)."""

    ratio: float
    low: float
    high: float
    blocks: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """Comparison of two tables; `blocks` has one row per common block.

    Its columns: `key`, `kind`, `first_ms`, `second_ms`, `ratio`, `beside` (the drift-corrected
    ratio), `low` and `high` (95 % interval of `beside` for an unchanged block; NaN where a table
    has no intervals), `p`, `outside`, `moved`. `kinds` are drift-corrected ratios by kind of block.
    `references` is the ratio of the reference workloads, None where a table has none.
    """

    first: Target
    second: Target
    drift: MedianRatio
    kinds: Mapping[str, MedianRatio]
    blocks: pd.DataFrame
    references: float | None
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]

    @property
    def rank_correlation(self) -> float | None:
        """Spearman's correlation of the latencies; None where all of one table are equal."""
        latencies = (self.blocks[name].to_numpy() for name in ("first_ms", "second_ms"))
        return rank_correlation("spearmanr", *latencies)

    @property
    def tested(self) -> int:
        """Number of blocks with intervals in both tables."""
        return int(self.blocks["p"].notna().sum())

    @property
    def outside(self) -> int:
        """Number of blocks outside their intervals; `expected` of them are so by chance."""
        return int(self.blocks["outside"].sum())

    @property
    def expected(self) -> float:
        """Number of blocks expected outside by chance if none had changed."""
        return ALPHA * self.tested

    @property
    def moved(self) -> pd.DataFrame:
        """Blocks that changed significantly, largest change first."""
        return self.by_change[self.by_change["moved"]]

    @property
    def by_change(self) -> pd.DataFrame:
        """All blocks in common, largest drift-corrected change first; equal ones as they were."""
        # Rounded, since processors differ in the last digits of what is equal.
        return self.blocks.sort_values(
            "beside", key=lambda v: -np.abs(np.log(v)).round(9), kind="stable"
        )

    @property
    def of_one_runtime(self) -> bool:
        """Whether both are of one device and backend, so that their ratio is drift."""
        first, second = self.first, self.second
        return (first.device, first.backend) == (second.device, second.backend)

    def differences(self) -> list[str]:
        """Describe what differs between the targets, except the version of the runtime."""
        first, second = self.first.to_json(), self.second.to_json()
        return [
            f"{name} {_value_text(first[name])} and {_value_text(second[name])}"
            for name in first
            if name not in VERSIONS and first[name] != second[name]
        ]


def compare_tables(first: LatencyTable, second: LatencyTable) -> Comparison:
    """Compare block by block; raises `InputError` where the tables share no block."""
    common = [spec for spec in first.specs if spec in second]
    if not common:
        raise InputError(
            f"the tables of {first.target.key} and {second.target.key} have no block in common"
            f"{_other_spaces(first, second)}; sweep the same space at the same resolutions"
        )
    rows = [_rows(table).loc[[spec.key for spec in common]] for table in (first, second)]
    ratio = rows[1]["latency_ms"].to_numpy() / rows[0]["latency_ms"].to_numpy()
    drift = _median(ratio)
    error, freedom = _errors(*rows)
    corrected = ratio / drift.ratio
    quantiles = [np.nan if math.isnan(f) else student_t(max(1, round(f))) for f in freedom]
    half_width = np.array(quantiles) * error
    p = _p_values(np.log(corrected), error, freedom)
    frame = pd.DataFrame(
        {
            "key": [spec.key for spec in common],
            "kind": [spec.kind for spec in common],
            "first_ms": rows[0]["latency_ms"].to_numpy(),
            "second_ms": rows[1]["latency_ms"].to_numpy(),
            "ratio": ratio,
            "beside": corrected,
            "low": np.exp(-half_width),
            "high": np.exp(half_width),
            "p": p,
            "outside": p < ALPHA,
            "moved": discoveries(p, ALPHA),
        }
    )
    return Comparison(
        first=first.target,
        second=second.target,
        drift=drift,
        kinds={
            str(kind): _median(group["beside"].to_numpy()) for kind, group in frame.groupby("kind")
        },
        blocks=frame,
        references=_references(first, second),
        only_first=tuple(spec.key for spec in first.specs if spec not in second),
        only_second=tuple(spec.key for spec in second.specs if spec not in first),
    )


def _other_spaces(*tables: LatencyTable) -> str:
    """Return the names of the tables' spaces in brackets; "" for one, or where one is unknown."""
    names = [str(table.provenance.get("space", "")) for table in tables]
    known = "" not in names and len({*names}) > 1
    return f" (of the spaces {' and '.join(names)})" if known else ""


def discoveries(p: Floats, rate: float) -> NDArray[np.bool_]:
    """Return which hypotheses are rejected at a false discovery rate; NaN means not tested."""
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    below = p[order] <= rate * np.arange(1, len(order) + 1) / max(len(order), 1)
    rejected = np.zeros(len(p), dtype=np.bool_)
    if below.any():
        rejected[order[: int(np.flatnonzero(below)[-1]) + 1]] = True
    return rejected


def _median(ratio: Floats) -> MedianRatio:
    """Return the geometric median with its 95 % interval from order statistics."""
    from scipy.stats import binom

    logs = np.sort(np.log(ratio))
    count = len(logs)
    below = int(binom.ppf(ALPHA / 2, count, 0.5))  # order statistics outside the interval
    low = high = math.nan
    if below > 0:
        low, high = math.exp(logs[below - 1]), math.exp(logs[count - below])
    return MedianRatio(ratio=math.exp(float(np.median(logs))), low=low, high=high, blocks=count)


def _errors(first: pd.DataFrame, second: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return standard errors of the log ratios and their degrees of freedom (Welch), both (n,).

    The interval of a table is `student_t` times the error of the difference of two such tables
    (`bench.timing.measurement.interval`), so half of its square is the variance of one table. NaN
    without replicates.
    """
    shares, freedoms = [], []
    for rows in (first, second):
        freedom = rows["loads"].to_numpy(dtype=np.float64) - 1
        known = (freedom > 0) & (rows["low_ms"] > 0).to_numpy()
        half = np.log(rows["high_ms"].to_numpy() / rows["low_ms"].to_numpy()) / 2
        quantile = np.array([student_t(int(f)) if f > 0 else np.nan for f in freedom])
        shares.append(np.where(known, (half / quantile) ** 2 / 2, np.nan))
        freedoms.append(np.where(known, freedom, np.nan))
    total = shares[0] + shares[1]
    spread = sum(share**2 / freedom for share, freedom in zip(shares, freedoms, strict=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt(total), np.where(total > 0, total**2 / spread, np.nan)


def _p_values(logs: Floats, error: Floats, freedom: Floats) -> Floats:
    """Return two-sided p-values of the log ratios; NaN where the errors are unknown."""
    from scipy.special import stdtr

    with np.errstate(divide="ignore", invalid="ignore"):
        p: Floats = 2 * stdtr(freedom, -np.abs(logs) / error)
    return p


def _references(first: LatencyTable, second: LatencyTable) -> float | None:
    then, now = (_times(table.provenance.get("references")) for table in (first, second))
    shared = sorted(set(then) & set(now))
    if not shared:
        return None
    return float(np.exp(np.mean([math.log(now[name] / then[name]) for name in shared])))


def _times(references: Any) -> dict[str, float]:
    """Return the latencies among the references of a file, by name."""
    pairs = references.items() if isinstance(references, dict) else ()
    return {name: float(ms) for name, ms in pairs if isinstance(ms, int | float) and ms > 0}


def _rows(table: LatencyTable) -> pd.DataFrame:
    return table.rows.set_index(pd.Index([spec.key for spec in table.specs]))


def _value_text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " ".join(f"{name}={item}" for name, item in value) or "none"
    return str(value) or "none"
