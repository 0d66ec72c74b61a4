"""The statistic that a predictor predicts, in its provenance."""

from collections.abc import Mapping
from typing import Any

from bench.timing.statistic import MEDIAN, STATISTICS

STATISTIC = "statistic"


def kept_statistic(provenance: Mapping[str, Any]) -> str:
    """The median where nothing is said; `ValueError` for what no ofabench writes."""
    statistic = provenance.get(STATISTIC, MEDIAN)
    if statistic not in STATISTICS:
        raise ValueError(f"its statistic is {statistic!r:.40}, expected {' or '.join(STATISTICS)}")
    return str(statistic)


def statistic_provenance(statistic: str) -> dict[str, str]:
    """What says it; nothing for the median, so that such files are as they were."""
    return {} if statistic == MEDIAN else {STATISTIC: statistic}
