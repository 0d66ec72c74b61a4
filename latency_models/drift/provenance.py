"""The drift log in the provenance of a table or a predictor."""

from collections.abc import Mapping
from typing import Any

from bench.drift.log import DriftLog

DRIFT = "drift"  # the log, as `DriftLog.to_json` writes it
# Mean latency over sessions relative to the sweep; fitted figures include this factor.
DRIFT_MEAN = "drift_mean"


def drift_log_of(provenance: Mapping[str, Any]) -> DriftLog | None:
    """Return the drift log, or None; raises one of `VALUE_DAMAGE` or `InputError` where damaged."""
    data = provenance.get(DRIFT)
    return None if data is None else DriftLog.from_json(data)


def drift_mean_of(provenance: Mapping[str, Any]) -> float:
    """Return the factor between predictions and the sweep's latencies: 1.02 for 2 % slower."""
    mean = float(provenance.get(DRIFT_MEAN, 1.0))
    if not 0 < mean < float("inf"):
        raise ValueError(f"its mean drift is {mean}, expected a factor above 0")
    return mean
