"""Repeatability: two sweeps of one target compared block by block."""

from pathlib import Path

import numpy as np

from bench.errors import InputError, TargetMismatchError
from bench.sweep.store import SweepStore
from bench.sweep.summary import SweepSummary, summarise
from bench.timing.measurement import Measurement


def compare_sweeps(first_path: Path, second_path: Path, *, role: str = "block") -> dict[str, float]:
    """Return figures of two sweeps; shares and relative differences are fractions.

    `first_holds_second` is the share of the first's 95 % intervals that hold the second's median;
    near 0.95 the intervals are right. Raises `InputError` if the sweeps have nothing in common, and
    `TargetMismatchError` if they are of different targets.
    """
    first, first_summary = _read(first_path, role)
    second, second_summary = _read(second_path, role)
    keys = [key for key in first if key in second]
    if not keys:
        raise InputError(f"{first_path} and {second_path} have no {role} in common")
    first_common, second_common = [first[key] for key in keys], [second[key] for key in keys]
    if first_common[0].target != second_common[0].target:
        raise TargetMismatchError(
            f"sweeps of {first_common[0].target.key} and of {second_common[0].target.key}"
        )
    ratio = np.array(
        [
            after.median_ms / before.median_ms
            for before, after in zip(first_common, second_common, strict=True)
        ]
    )
    drift = float(np.exp(np.median(np.log(ratio))))
    raw, corrected = np.abs(ratio - 1), np.abs(ratio / drift - 1)
    return {
        "common": float(len(keys)),
        "level_second_over_first": drift,
        "difference_median": float(np.median(raw)),
        "difference_p95": float(np.percentile(raw, 95)),
        "difference_median_level_out": float(np.median(corrected)),
        "difference_p95_level_out": float(np.percentile(corrected, 95)),
        "first_holds_second": held(first_common, second_common, 1.0),
        "second_holds_first": held(second_common, first_common, 1.0),
        "first_holds_second_level_out": held(first_common, second_common, drift),
        "second_holds_first_level_out": held(second_common, first_common, 1 / drift),
        "half_width_median_first": first_summary.median_half_width,
        "half_width_median_second": second_summary.median_half_width,
        "disturbed_share_first": first_summary.disturbed_rounds / first_summary.rounds,
        "disturbed_share_second": second_summary.disturbed_rounds / second_summary.rounds,
        "wall_s_per_block_first": first_summary.wall_s_per_block,
        "wall_s_per_block_second": second_summary.wall_s_per_block,
    }


def held(intervals: list[Measurement], medians: list[Measurement], drift: float) -> float:
    """Return the share of the `intervals` that hold the other sweep's median, drift-corrected."""
    inside = [
        measurement.interval_ms[0] <= other.median_ms / drift <= measurement.interval_ms[1]
        for measurement, other in zip(intervals, medians, strict=True)
    ]
    return float(np.mean(inside))


def _read(path: Path, role: str) -> tuple[dict[str, Measurement], SweepSummary]:
    with SweepStore.open(path) as store:
        measurements = {
            measurement.workload.key: measurement
            for measurement in store.measurements()
            if measurement.workload.role == role
        }
        return measurements, summarise(store)
