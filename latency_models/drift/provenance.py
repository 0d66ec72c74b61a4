"""The drift log in the provenance of a table or a predictor."""

from collections.abc import Mapping
from typing import Any

from bench.drift.log import DriftLog

DRIFT = "drift"  # the log, as `DriftLog.to_json` gives it
DRIFT_MEAN = (
    "drift_mean"  # the mean over sessions over the sweep's own level: fitted figures hold it
)


def kept_log(provenance: Mapping[str, Any]) -> DriftLog | None:
    """The log, where there is one; `bench.files.VALUE_DAMAGE` or `InputError` where damaged."""
    data = provenance.get(DRIFT)
    return None if data is None else DriftLog.from_json(data)


def kept_mean(provenance: Mapping[str, Any]) -> float:
    """By what factor predictions stand above the sweep's own level: 1.02 for 2 % slower."""
    mean = float(provenance.get(DRIFT_MEAN, 1.0))
    if not 0 < mean < float("inf"):
        raise ValueError(f"its mean drift is {mean}, expected a factor above 0")
    return mean
