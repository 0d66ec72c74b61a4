"""Two latency tables compared: the drift of all blocks, and changes of single ones.

The level is the median ratio: it is the machine's, its driver's, its clock's. A block has moved
beside it where its ratio, drift-corrected, lies further off than the loads of both tables
allow. Of many blocks some always do, and so Benjamini and Hochberg's procedure (1995) says which
moved for sure.
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
from latency_models.tables.table import LatencyTable

Floats = NDArray[np.float64]
ALPHA = 0.05  # of the intervals, and of the false among the blocks that are said to have moved
VERSIONS = {"backend_version"}  # what may differ between two tables of one device


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A factor of the second over the first, with its 95 % interval (NaN of too few blocks)."""

    ratio: float
    low: float
    high: float
    blocks: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """`blocks` has a row a block in common.

    Its columns: `key`, `kind`, `first_ms`, `second_ms`, `ratio`, `beside` (drift-corrected),
    `low` and `high` (where `beside` lies for 95 of 100 blocks that did not move; NaN where a table
    has no intervals), `p`, `outside`, `moved`. `kinds` are moves beside the level. `references` is
    how much slower the two references are in the second, None where a table has none.
    """

    first: Target
    second: Target
    level: Move
    kinds: Mapping[str, Move]
    blocks: pd.DataFrame
    references: float | None
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]

    @property
    def tested(self) -> int:
        """Blocks whose tables say how sure they are."""
        return int(self.blocks["p"].notna().sum())

    @property
    def outside(self) -> int:
        """Blocks outside their intervals; `expected` of them are so by chance."""
        return int(self.blocks["outside"].sum())

    @property
    def expected(self) -> float:
        """How many would be outside by chance if none had moved."""
        return ALPHA * self.tested

    @property
    def moved(self) -> pd.DataFrame:
        """Blocks that moved for sure, the most first."""
        found = self.blocks[self.blocks["moved"]]
        return found.sort_values("beside", key=lambda v: -np.abs(np.log(v)), kind="stable")

    def differences(self) -> list[str]:
        """What differs between the targets besides the runtime's version, in words."""
        one, other = self.first.to_json(), self.second.to_json()
        return [
            f"{name} {_told(one[name])} and {_told(other[name])}"
            for name in one
            if name not in VERSIONS and one[name] != other[name]
        ]


def compare_tables(first: LatencyTable, second: LatencyTable) -> Comparison:
    """Compare block by block; `InputError` where no block is in both."""
    common = [spec for spec in first.specs if spec in second]
    if not common:
        raise InputError(
            f"the tables of {first.target.key} and {second.target.key} have no block in common; "
            "sweep the same space at the same resolutions"
        )
    rows = [_rows(table).loc[[spec.key for spec in common]] for table in (first, second)]
    ratio = rows[1]["latency_ms"].to_numpy() / rows[0]["latency_ms"].to_numpy()
    level = _median(ratio)
    error, freedom = _errors(*rows)
    beside = ratio / level.ratio
    reach = np.array([student_t(max(1, round(f))) if f == f else np.nan for f in freedom]) * error  # noqa: PLR0124
    p = _p_values(np.log(beside), error, freedom)
    frame = pd.DataFrame(
        {
            "key": [spec.key for spec in common],
            "kind": [spec.kind for spec in common],
            "first_ms": rows[0]["latency_ms"].to_numpy(),
            "second_ms": rows[1]["latency_ms"].to_numpy(),
            "ratio": ratio,
            "beside": beside,
            "low": np.exp(-reach),
            "high": np.exp(reach),
            "p": p,
            "outside": p < ALPHA,
            "moved": discoveries(p, ALPHA),
        }
    )
    return Comparison(
        first=first.target,
        second=second.target,
        level=level,
        kinds={
            str(kind): _median(some["beside"].to_numpy()) for kind, some in frame.groupby("kind")
        },
        blocks=frame,
        references=_references(first, second),
        only_first=tuple(spec.key for spec in first.specs if spec not in second),
        only_second=tuple(spec.key for spec in second.specs if spec not in first),
    )


def discoveries(p: Floats, rate: float) -> NDArray[np.bool_]:
    """Which of the hypotheses fall at a false discovery rate; NaN is no test."""
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    below = p[order] <= rate * np.arange(1, len(order) + 1) / max(len(order), 1)
    found = np.zeros(len(p), dtype=np.bool_)
    if below.any():
        found[order[: int(np.flatnonzero(below)[-1]) + 1]] = True
    return found


def _median(ratio: Floats) -> Move:
    """Geometric median, with the order statistics between which it lies in 95 of 100 samples."""
    from scipy.stats import binom

    logs = np.sort(np.log(ratio))
    count = len(logs)
    below = int(binom.ppf(ALPHA / 2, count, 0.5))  # so many order statistics may be left off
    low = high = math.nan
    if below > 0:
        low, high = math.exp(logs[below - 1]), math.exp(logs[count - below])
    return Move(ratio=math.exp(float(np.median(logs))), low=low, high=high, blocks=count)


def _errors(first: pd.DataFrame, second: pd.DataFrame) -> tuple[Floats, Floats]:
    """Standard errors of the logarithmic ratios and their degrees of freedom (Welch), both (n,).

    A table's interval is `student_t` times the error of the difference of two tables like it
    (`bench.timing.measurement.interval`): half of the square is its own share. NaN without loads.
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
    """How likely such ratios are where nothing moved; NaN where the errors are not known."""
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


def _times(told: Any) -> dict[str, float]:
    """What of a file's references are times."""
    pairs = told.items() if isinstance(told, dict) else ()
    return {name: float(ms) for name, ms in pairs if isinstance(ms, int | float) and ms > 0}


def _rows(table: LatencyTable) -> pd.DataFrame:
    return table.rows.set_index(pd.Index([spec.key for spec in table.specs]))


def _told(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " ".join(f"{name}={one}" for name, one in value) or "none"
    return str(value) or "none"
