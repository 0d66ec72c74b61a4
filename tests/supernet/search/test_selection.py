"""The selection effect: a search prefers networks that are predicted too fast."""

from dataclasses import replace

import numpy as np
import pytest

from latency_models.networks.network_calibration import NetworkCalibration
from supernet.constraints.constraints import latency
from supernet.search.selection import DRAWS, selection_effect
from supernet.space.codes import Codes
from supernet.space.space import SearchSpace
from tests.support.search_runs import TARGET
from tests.support.search_runs import latency as predictor_of

SPACE = SearchSpace.load("tiny")
LARGEST_MS = predictor_of("tiny", TARGET).predict(SPACE.blocks(SPACE.largest(32))).ms


def deep(codes: Codes) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Every larger choice is a little more accurate."""
    return np.asarray(0.5 + codes.astype(np.float64).sum(axis=1) / 1000)


def effect(spread: float, limit_ms: float) -> tuple[float, ...]:
    """Return mean and draws of the effect for a predictor with this spread, under a limit."""
    predictor = predictor_of("tiny", TARGET, spread=spread)
    limit = latency(SPACE, predictor, limit_ms)
    selection = selection_effect(SPACE, deep, limit, [], predictor, seed=0)
    return (selection.log_mean, *selection.logs)


def test_a_tight_limit_selects_for_errors() -> None:
    mean, *logs = effect(0.05, LARGEST_MS / 2)

    assert len(logs) == DRAWS
    assert 0.005 < mean < 0.1
    assert mean == pytest.approx(np.mean(logs))


def test_larger_errors_are_selected_for_more() -> None:
    assert effect(0.02, LARGEST_MS / 2)[0] < effect(0.1, LARGEST_MS / 2)[0]


def test_a_limit_that_every_network_meets_selects_for_nothing() -> None:
    assert effect(0.05, 100 * LARGEST_MS)[0] < 0.01


def test_without_errors_there_is_nothing_to_select() -> None:
    mean, *logs = effect(0.0, LARGEST_MS / 2)

    assert mean == 0.0
    np.testing.assert_allclose(logs, 0.0, atol=1e-12)


def test_an_infeasible_limit_has_no_effect() -> None:
    assert effect(0.05, LARGEST_MS / 1e6) == (0.0,)


def test_equal_seeds_give_equal_effects() -> None:
    predictor = replace(predictor_of("tiny", TARGET), composition=NetworkCalibration(spread=0.05))
    limit = latency(SPACE, predictor, LARGEST_MS / 2)

    first, second, other = (
        selection_effect(SPACE, deep, limit, [], predictor, seed=seed) for seed in (1, 1, 2)
    )

    assert first == second != other
