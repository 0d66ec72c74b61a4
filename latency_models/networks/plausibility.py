"""Plausibility of measured networks: repeated rows, latencies in another unit."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Between a unit and the next lies a factor of 1,000; predictors of a device are never so far off.
_FACTOR = 300.0
# Bounds of all devices: MACs a second of one image, and ms that only a small network takes.
_FASTEST, _FAST_MS = 5e12, 0.1
_SLOWEST = 5e7


def duplicates(codes: NDArray[np.integer], measured_ms: Floats) -> str | None:
    """Return in words which rows of codes (n, columns) occur more than once; None if none does."""
    _, first, inverse = np.unique(codes, axis=0, return_index=True, return_inverse=True)
    again = np.flatnonzero(first[inverse.ravel()] != np.arange(len(codes)))
    if not len(again):
        return None
    row = int(again[0])
    other = int(first[inverse.ravel()[row]])
    return (
        f"{len(again)} of {len(codes)} rows are networks of earlier rows (rows {other} and {row}: "
        f"{measured_ms[other]:.4g} and {measured_ms[row]:.4g} ms): each counts as often as it is "
        "there, and errors of rows left out are flattered"
    )


def other_unit(
    measured_ms: Floats, baselines: Mapping[str, Floats], macs: Floats | None = None
) -> str | None:
    """Return in words which other unit than ms latencies (n,) seem to have; None if it is ms.

    That is where they differ by a factor of about 1,000 from each of `baselines` (expected
    latencies in ms, by name) or, without baselines, where no device computes `macs` so fast or so
    slowly.
    """
    ratios = {
        name: float(np.median(measured_ms[known] / expected[known]))
        for name, expected in baselines.items()
        if (known := np.isfinite(expected) & (expected > 0)).any()
    }
    median = float(np.median(measured_ms))
    if ratios:
        unit, about = _unit_by(list(ratios.values())), _closest(ratios)
    elif macs is not None:
        rate = float(np.median(macs / measured_ms)) * 1e3
        unit = _unit_by_rate(rate, median)
        about = f"{rate:.3g} MACs a second, which no device does"
    else:
        return None
    return unit and f"they look like {unit}, not ms: their median is {median:.4g}, {about}"


def _unit_by(ratios: list[float]) -> str | None:
    if min(ratios) >= _FACTOR:
        return "nanoseconds" if min(ratios) >= _FACTOR * 1e3 else "microseconds"
    return "seconds" if max(ratios) <= 1 / _FACTOR else None


def _unit_by_rate(rate: float, median_ms: float) -> str | None:
    if rate < _SLOWEST:
        return "microseconds"
    return "seconds" if rate > _FASTEST and median_ms < _FAST_MS else None


def _closest(ratios: Mapping[str, float]) -> str:
    """Ratio of the latencies to the nearest baseline, in words."""
    name = min(ratios, key=lambda baseline: abs(np.log(ratios[baseline])))
    return f"{ratios[name]:.3g} times that of {name}"
