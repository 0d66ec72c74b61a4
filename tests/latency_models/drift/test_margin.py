"""The margin of a confidence: its parts, together, and what it refuses."""

import math
from dataclasses import replace

import numpy as np
import pytest

from bench.errors import InputError
from latency_models.drift.limit_on import CORRECTED
from latency_models.drift.margin import Margin
from latency_models.drift.model import PRIOR_SCATTER, PRIOR_SCATTER_COUNT, DriftModel
from tests.support.drift_logs import drifting

DAY = 86400.0
PRIOR = DriftModel.of(None)
Z, T6, T20 = 1.6448536, 1.9431803, 1.7247182  # at 0.95: normal, Student's t by degrees of freedom


def upper(margin: Margin, relative_std: float) -> float:
    """What 10 ms with this relative error stay below, over 10 ms."""
    return float(margin.compiled()(np.array([10.0]), np.array([10 * relative_std]))[0] / 10)


def test_an_override_is_the_drift_and_leaves_no_scatter() -> None:
    margin = Margin(confidence=0.95, model=PRIOR, horizon_s=DAY, session_spread=0.04, networks=21)

    assert upper(margin, 0.0) == pytest.approx(math.exp(Z * 0.04), rel=1e-5)
    both = math.hypot(T20 * 0.03, Z * 0.04)
    assert upper(margin, 0.03) == pytest.approx(math.exp(both), rel=1e-5)


def test_limit_on_drift_corrected_latency_has_no_drift_margin() -> None:
    margin = Margin(confidence=0.95, model=PRIOR, horizon_s=DAY, limit_on=CORRECTED, networks=21)

    assert pytest.approx(1.181370, rel=1e-4) == T6 / Z  # of SCATTER_WORTH degrees of freedom
    assert PRIOR_SCATTER_COUNT == 6
    both = math.hypot(T20 * 0.03, T6 * PRIOR_SCATTER)
    assert upper(margin, 0.03) == pytest.approx(math.exp(both), rel=1e-5)
    assert margin.parts(0.03)["drift"] == pytest.approx(0.0, abs=1e-6)


def test_parts_of_a_margin_are_those_without_the_others() -> None:
    margin = Margin(confidence=0.95, model=PRIOR, horizon_s=DAY, networks=21, selection=0.01)

    parts = margin.parts(0.03)

    assert parts["prediction"] == pytest.approx(math.exp(T20 * 0.03) - 1, rel=1e-5)
    assert parts["scatter"] == pytest.approx(math.exp(T6 * PRIOR_SCATTER) - 1, rel=1e-4)
    assert parts["selection"] == pytest.approx(math.exp(0.01) - 1)
    (drift,) = PRIOR.forecast(DAY).quantiles(0.95, np.zeros(1))
    assert parts["drift"] == pytest.approx(math.exp(drift) - 1)
    alone = [value for name, value in parts.items() if name != "margin"]
    assert max(alone) < parts["margin"] < sum(alone)
    assert upper(margin, 0.03) == pytest.approx(1 + parts["margin"], rel=1e-5)


def test_more_confidence_a_longer_horizon_and_fewer_sessions_cost_more() -> None:
    quiet = DriftModel.of(drifting([1.0, 1.01] * 12, every_s=7200))
    base = Margin(confidence=0.9, model=quiet, horizon_s=3600, networks=21)

    sure, later = replace(base, confidence=0.99), replace(base, horizon_s=30 * DAY)

    assert upper(base, 0.01) < upper(sure, 0.01)
    assert upper(base, 0.01) < upper(later, 0.01)
    assert upper(base, 0.01) < upper(replace(base, model=PRIOR), 0.01)


def test_even_odds_need_no_margin() -> None:
    margin = Margin(confidence=0.5, model=PRIOR, horizon_s=DAY, networks=21)

    assert upper(margin, 0.03) == pytest.approx(1.0, abs=1e-6)


def test_a_network_that_cannot_run_stays_beyond_every_limit() -> None:
    margin = Margin(confidence=0.95, model=PRIOR, horizon_s=DAY, networks=21)

    ms = margin.compiled()(np.array([np.inf, 10.0]), np.array([np.inf, 0.1]))

    assert ms[0] == np.inf
    assert np.isfinite(ms[1])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"confidence": 0.4}, "confidence is 0.4, expected at least 0.5 and below 1"),
        ({"confidence": 1.0}, "confidence is 1.0"),
        ({"confidence": float("nan")}, "confidence is nan"),
        ({"horizon_s": 0.0}, "horizon is 0.0 s, expected a time above 0"),
        ({"horizon_s": float("inf")}, "horizon is inf s"),
        ({"limit_on": "mean"}, "limit is on 'mean', expected raw or corrected"),
    ],
)
def test_invalid_margins_are_refused(wrong: dict[str, float], message: str) -> None:
    right = {"confidence": 0.95, "model": PRIOR, "horizon_s": DAY}

    with pytest.raises(InputError, match=message):
        Margin(**{**right, **wrong})  # type: ignore[arg-type]
