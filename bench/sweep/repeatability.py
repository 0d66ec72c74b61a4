"""Repeatability: two sweeps of one target compared block by block."""

from pathlib import Path

import numpy as np

from bench.errors import InputError, TargetMismatchError
from bench.sweep.store import SweepStore
from bench.sweep.summary import SweepSummary, summarise
from bench.timing.measurement import Measurement


def compare_sweeps(first_path: Path, second_path: Path, *, role: str = "block") -> dict[str, float]:
    """Figures of two sweeps; shares and relative differences are fractions.

    `first_holds_second` is the share of the first's 95 % intervals that hold the second's median;
    near 0.95 the intervals are honest. `InputError` where nothing is in both, and
    `TargetMismatchError` where they are of unlike targets.
    """
    first, first_summary = _read(first_path, role)
    second, second_summary = _read(second_path, role)
    keys = [key for key in first if key in second]
    if not keys:
        raise InputError(f"{first_path} and {second_path} have no {role} in common")
    one, other = [first[key] for key in keys], [second[key] for key in keys]
    if one[0].target != other[0].target:
        raise TargetMismatchError(f"sweeps of {one[0].target.key} and of {other[0].target.key}")
    ratio = np.array([b.median_ms / a.median_ms for a, b in zip(one, other, strict=True)])
    level = float(np.exp(np.median(np.log(ratio))))
    raw, levelled = np.abs(ratio - 1), np.abs(ratio / level - 1)
    return {
        "common": float(len(keys)),
        "level_second_over_first": level,
        "difference_median": float(np.median(raw)),
        "difference_p95": float(np.percentile(raw, 95)),
        "difference_median_level_out": float(np.median(levelled)),
        "difference_p95_level_out": float(np.percentile(levelled, 95)),
        "first_holds_second": held(one, other, 1.0),
        "second_holds_first": held(other, one, 1.0),
        "first_holds_second_level_out": held(one, other, level),
        "second_holds_first_level_out": held(other, one, 1 / level),
        "half_width_median_first": first_summary.median_half_width,
        "half_width_median_second": second_summary.median_half_width,
        "marked_share_first": first_summary.marked_passes / first_summary.passes,
        "marked_share_second": second_summary.marked_passes / second_summary.passes,
        "wall_s_per_block_first": first_summary.wall_s_per_block,
        "wall_s_per_block_second": second_summary.wall_s_per_block,
    }


def held(intervals: list[Measurement], medians: list[Measurement], level: float) -> float:
    """Share of the `intervals` that hold the other's median, brought to their level."""
    inside = [
        a.interval_ms[0] <= b.median_ms / level <= a.interval_ms[1]
        for a, b in zip(intervals, medians, strict=True)
    ]
    return float(np.mean(inside))


def _read(path: Path, role: str) -> tuple[dict[str, Measurement], SweepSummary]:
    with SweepStore.open(path) as store:
        found = {one.workload.key: one for one in store.measurements() if one.workload.role == role}
        return found, summarise(store)
