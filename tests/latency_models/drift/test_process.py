"""The process of drift: what sessions say of each other, and how sure that is."""

import numpy as np
import pytest
from scipy.stats import norm

from latency_models.drift.process import (
    DAYS_S,
    MEAN_VARIANCE,
    Forecast,
    Hypotheses,
    WeightedHypotheses,
)

HOUR = 3600.0


def test_one_session_forecasts_another_by_the_covariance() -> None:
    weighed = WeightedHypotheses.fit(np.array([0.0]), np.array([0.03]))
    parts = Hypotheses.prior()

    forecast = weighed.at(HOUR)

    total = parts.session + parts.hours + parts.days + MEAN_VARIANCE
    shared = (
        parts.hours * np.exp(-HOUR / parts.hours_s)
        + parts.days * np.exp(-HOUR / DAYS_S)
        + MEAN_VARIANCE
    )
    np.testing.assert_allclose(forecast.means, shared / total * 0.03)
    np.testing.assert_allclose(forecast.variances, total - shared**2 / total)
    # Whatever the first session is, the likeliest mean is that of it: nothing else is known.
    assert weighed.mean().mean == pytest.approx(0.03, rel=0.05)


def test_the_variance_of_a_ratio_grows_with_the_gap_to_twice_that_of_a_session() -> None:
    weighed = WeightedHypotheses.fit(np.array([0.0]), np.array([0.0]))
    parts = Hypotheses.prior()
    gaps_s = [0.0, 600.0, HOUR, 24 * HOUR, 1e9]

    variances = [weighed.variance_at_gap(gap_s) for gap_s in gaps_s]

    assert variances == sorted(variances)
    assert variances[0] == pytest.approx(2 * weighed.weights @ parts.session)
    assert variances[-1] == pytest.approx(
        2 * weighed.weights @ (parts.session + parts.hours + parts.days)
    )


def test_quiet_sessions_narrow_the_forecast_and_wild_ones_widen_it() -> None:
    times_s = np.arange(24, dtype=np.float64) * 2 * HOUR
    rng = np.random.default_rng(0)

    prior = WeightedHypotheses.fit(np.zeros(1), np.zeros(1)).at(24 * HOUR).std
    quiet = WeightedHypotheses.fit(times_s, 0.005 * rng.standard_normal(24)).at(72 * HOUR).std
    wild = WeightedHypotheses.fit(times_s, 0.3 * rng.standard_normal(24)).at(72 * HOUR).std

    assert quiet < 0.2 * prior
    assert wild > 1.5 * prior


def test_three_sessions_within_minutes_hardly_narrow_a_forecast_of_a_day() -> None:
    prior = WeightedHypotheses.fit(np.zeros(1), np.zeros(1)).at(24 * HOUR).std

    three = WeightedHypotheses.fit(np.array([0.0, 600.0, 1200.0]), np.array([0.0, 0.002, -0.002]))

    assert three.at(1200.0 + 24 * HOUR).std > 0.3 * prior
    assert three.at(1200.0 + 600.0).std < three.at(1200.0 + 24 * HOUR).std


@pytest.mark.slow
def test_three_sessions_ten_minutes_apart_cover_an_hour_later() -> None:
    """A nominal 0.95 by Student's t on the three covers 0.82 where drift is correlated by an hour.

    Drift of standard deviation 5 % and correlation exp(-gap / 1 h), 400 logs.
    """
    times_s = np.array([0.0, 600.0, 1200.0, 1200.0 + HOUR])
    gaps_s = np.abs(times_s[:, None] - times_s[None, :])
    factor = np.linalg.cholesky(0.05**2 * np.exp(-gaps_s / HOUR) + 1e-8 * np.eye(4))
    rng = np.random.default_rng(1)

    logs = (factor @ rng.standard_normal((4, 400))).T
    inside = []
    for log in logs:
        upper = (
            WeightedHypotheses.fit(times_s[:3], log[:3]).at(times_s[3]).quantiles(0.95, np.zeros(1))
        )
        inside.append(log[3] <= upper[0])

    assert np.mean(inside) >= 0.92


def test_a_quantile_of_a_mixture_holds_its_share() -> None:
    mixed = Forecast(
        weights=np.array([0.25, 0.75]), means=np.array([-1.0, 2.0]), variances=np.array([1.0, 0.25])
    )

    (alone, wider) = mixed.quantiles(0.9, np.array([0.0, 1.5]))

    assert 0.25 * norm.cdf(alone + 1) + 0.75 * norm.cdf((alone - 2) / 0.5) == pytest.approx(0.9)
    both = np.sqrt([1.0 + 2.25, 0.25 + 2.25])
    shares = 0.25 * norm.cdf((wider + 1) / both[0]) + 0.75 * norm.cdf((wider - 2) / both[1])
    assert shares == pytest.approx(0.9)
    assert mixed.mean == pytest.approx(1.25)
    # Variance: 0.25 * (1 + 1) + 0.75 * (0.25 + 4) - 1.25^2.
    assert mixed.std == pytest.approx(np.sqrt(0.5 + 3.1875 - 1.5625))
