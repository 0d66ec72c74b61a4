"""Metrics of latency predictions, and trivial baselines."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Metrics over n networks. Shares are fractions; None where a rank correlation is undefined.

    within_5, within_10: share predicted within 5 % and 10 % of the measured latency.
    spearman, kendall: rank correlations. mape: mean absolute relative error.
    bias: median of predicted / measured, minus 1.
    """

    n: int
    within_5: float
    within_10: float
    spearman: float | None
    kendall: float | None
    mape: float
    bias: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def evaluate(predicted_ms: Floats, measured_ms: Floats) -> Evaluation:
    """Compare predictions with measurements, both (n,) in ms."""
    predicted, measured = np.asarray(predicted_ms, float), np.asarray(measured_ms, float)
    if predicted.shape != measured.shape or predicted.ndim != 1 or not len(predicted):
        raise InputError(
            f"got {predicted.shape} predictions and {measured.shape} measurements, "
            "expected as many of each and at least one"
        )
    bad = np.flatnonzero(~(np.isfinite(measured) & (measured > 0)))
    if len(bad):
        raise InputError(
            f"measured latency of network {bad[0]} is {measured[bad[0]]}, expected ms above 0"
        )
    error = predicted / measured - 1
    return Evaluation(
        n=len(measured),
        within_5=float(np.mean(np.abs(error) <= 0.05)),
        within_10=float(np.mean(np.abs(error) <= 0.10)),
        spearman=rank_correlation("spearmanr", predicted, measured),
        kendall=rank_correlation("kendalltau", predicted, measured),
        mape=float(np.mean(np.abs(error))),
        bias=float(np.median(error)),
    )


def best_constant(measured_ms: Floats) -> Evaluation:
    """Return the metrics of the best constant prediction: an upper bound for any constant.

    Each metric uses the constant that is best for it on the evaluated networks themselves.
    """
    measured = np.sort(np.asarray(measured_ms, dtype=float))
    # Mean |c / m - 1| is least at the median of the latencies weighted by 1 / m.
    weight = np.cumsum(1 / measured)
    median = measured[int(np.searchsorted(weight, weight[-1] / 2))]
    return Evaluation(
        n=len(measured),
        within_5=_most_in_band(measured, 0.05),
        within_10=_most_in_band(measured, 0.10),
        spearman=None,
        kendall=None,
        mape=float(np.mean(np.abs(median / measured - 1))),
        bias=0.0,
    )


def _most_in_band(ordered_ms: Floats, share: float) -> float:
    """Return the largest share of latencies that one constant predicts within `share`."""
    # The best constant lies at the upper edge of some latency's band: c = m * (1 + share).
    highest = ordered_ms * (1 + share) / (1 - share) * (1 + 1e-12)
    reached = np.searchsorted(ordered_ms, highest, side="right") - np.arange(len(ordered_ms))
    return float(reached.max() / len(ordered_ms))


def macs_line(macs: Floats, measured_ms: Floats) -> tuple[float, float]:
    """Fit constant (ms) and slope (ms per MAC) on measured networks; neither is negative."""
    from latency_models.networks.network_calibration import fit_robust

    constant, slope = fit_robust(np.column_stack([np.ones(len(macs)), macs]), measured_ms)
    return float(constant), float(slope)


def macs_alone(
    macs: Floats, measured_ms: Floats, line: tuple[float, float] | None = None
) -> Evaluation:
    """Return the metrics of a linear model of MACs, `macs_line` of other networks.

    Without one, a scale is fitted on the evaluated networks themselves, which favours the baseline.
    """
    constant, slope = line or (0.0, float(np.median(measured_ms / macs)))
    return evaluate(constant + slope * macs, measured_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeatability:
    """How far measurements of one network differ between replicates: the limit of any predictor.

    Each network has a relative half-width of its 95 % interval. The fields are the median and the
    95th percentile over the n networks with an interval, and the shares within 5 % and 10 %.
    """

    n: int
    median: float
    p95: float
    within_5: float
    within_10: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def repeatability(spread: Sequence[float] | Floats) -> Repeatability | None:
    """Summarise relative half-widths (n,); None where no network has one."""
    known = np.asarray(spread, dtype=float)
    known = known[np.isfinite(known)]
    if not len(known):
        return None
    return Repeatability(
        n=len(known),
        median=float(np.median(known)),
        p95=float(np.quantile(known, 0.95)),
        within_5=float(np.mean(known <= 0.05)),
        within_10=float(np.mean(known <= 0.10)),
    )


def rank_correlation(name: str, predicted: Floats, measured: Floats) -> float | None:
    """Return scipy.stats' correlation of this name; None where all of either (n,) are equal."""
    from scipy import stats

    if np.ptp(predicted) == 0 or np.ptp(measured) == 0:
        return None
    return float(getattr(stats, name)(predicted, measured).statistic)
