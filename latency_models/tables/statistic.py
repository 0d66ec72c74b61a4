"""Statistic that a predictor predicts, as stored in its provenance."""

from collections.abc import Mapping
from typing import Any

from bench.timing.statistic import MEDIAN, STATISTICS

STATISTIC = "statistic"


def statistic_of(provenance: Mapping[str, Any]) -> str:
    """Return the statistic, by default the median; `ValueError` for an unknown one."""
    statistic = provenance.get(STATISTIC, MEDIAN)
    if statistic not in STATISTICS:
        raise ValueError(f"its statistic is {statistic!r:.40}, expected {' or '.join(STATISTICS)}")
    return str(statistic)


def statistic_provenance(statistic: str) -> dict[str, str]:
    """Return the provenance of a statistic; empty for the median, as in older files."""
    return {} if statistic == MEDIAN else {STATISTIC: statistic}
