"""What a drift log says of the mean over sessions, of sessions to come, and of scatter."""

from dataclasses import replace

import numpy as np
import pytest

from bench.drift.log import Stretch
from latency_models.drift.model import (
    PRIOR_SCATTER,
    PRIOR_SCATTER_COUNT,
    DriftModel,
    observed_log_drift,
)
from tests.support.drift_logs import ANCHORS, after, drifting, log_of

HOUR = 3600.0


def test_without_a_drift_log_the_prior_is_used() -> None:
    model = DriftModel.of(None)

    assert (model.sessions, model.span_s, model.log_mean) == (1, 0.0, 0.0)
    assert model.scatter == pytest.approx(PRIOR_SCATTER)
    assert model.forecast(24 * HOUR).mean == pytest.approx(0.0)
    assert 0.1 < model.forecast(24 * HOUR).std < 0.25


def test_the_mean_over_sessions_is_that_of_the_log_not_of_the_sweep() -> None:
    """The sweep was a lucky session: seven later ones were 10 % slower."""
    model = DriftModel.of(drifting([1.0, *[1.1] * 7], every_s=12 * HOUR))

    assert np.log(1.06) < model.log_mean < np.log(1.1)
    assert (model.sessions, model.span_s) == (8, 7 * 12 * HOUR)


def test_a_restless_sweep_forecasts_more_drift_than_a_quiet_one() -> None:
    """Of one session nothing but its own minutes is known, and these say something."""
    alone = drifting([1.0], every_s=HOUR)
    rng = np.random.default_rng(0)
    stds = {}
    for std in (0.003, 0.15):
        stretches = tuple(
            Stretch(started_at=after(60 * minute), log_drift=float(std * rng.standard_normal()))
            for minute in range(12)
        )
        stds[std] = DriftModel.of(replace(alone, stretches=stretches)).forecast(HOUR).std

    assert DriftModel.of(replace(alone, stretches=stretches)).log_mean == 0.0
    prior = DriftModel.of(alone).forecast(HOUR).std
    assert stds[0.003] < prior < stds[0.15]
    assert stds[0.15] > 0.15
    # The minutes of one session cannot promise a quiet next hour.
    assert stds[0.003] > 0.01


def test_stretches_of_a_session_replace_its_own_drift() -> None:
    log = drifting([1.0, 1.2, 1.2], every_s=2 * HOUR)
    stretches = (Stretch(started_at=after(30), log_drift=0.1),)

    times_s, log_drift = observed_log_drift(replace(log, stretches=stretches))

    assert len(times_s) == 3
    np.testing.assert_allclose(log_drift, [0.1, np.log(1.2), np.log(1.2)])


def test_the_forecast_is_about_the_mean() -> None:
    model = DriftModel.of(drifting([1.0, 1.1, 1.0, 1.1, 1.0, 1.1], every_s=24 * HOUR))

    assert abs(model.forecast(240 * HOUR).mean) < 0.02


def test_scatter_is_estimated_from_the_residuals_of_anchors() -> None:
    """Two anchors of three move apart by 4 % and back; its prior is worth six measurements."""
    log = log_of(
        [
            (place * HOUR, [a.ms * r for a, r in zip(ANCHORS, (1.0, up, down), strict=True)])
            for place, (up, down) in enumerate([(1.04, 0.96), (0.96, 1.04)] * 5)
        ]
    )

    model = DriftModel.of(log)

    logs = np.log([[1.0, 1.04, 0.96], [1.0, 0.96, 1.04]] * 5)
    squares = float(((logs - logs.mean(axis=0)) ** 2).sum())
    freedom = 9 * 2
    expected = (PRIOR_SCATTER_COUNT * PRIOR_SCATTER**2 + squares) / (PRIOR_SCATTER_COUNT + freedom)
    assert model.scatter == pytest.approx(np.sqrt(expected))
    assert model.scatter_freedom == PRIOR_SCATTER_COUNT + freedom
