"""Composition from blocks to networks, on devices made up by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from latency_models.compose import Composition, fit_composition

Floats = NDArray[np.float64]


def blocks_of(count: int) -> tuple[list[Floats], list[Floats]]:
    rng = np.random.default_rng(0)
    warm = [rng.uniform(0.1, 1.0, rng.integers(10, 20)) for _ in range(count)]
    return warm, [one * rng.uniform(1.0, 1.6, len(one)) for one in warm]


def totals(warm: list[Floats], cold: list[Floats], by: Composition) -> Floats:
    sums = [by.block_cost(one, two).sum() for one, two in zip(warm, cold, strict=True)]
    return by.link(np.array(sums))


def test_default_is_the_plain_sum() -> None:
    warm, cold = np.array([1.0, 2.0]), np.array([1.5, 2.0])

    assert totals([warm], [cold], Composition()).tolist() == [3.0]


def test_cost_by_hand() -> None:
    by = Composition(overhead_ms=5.0, slope=2.0, cold_slope=0.5, block_ms=0.1)

    # 2 * 3 + 0.5 * (1 + 0: colder is never cheaper) + 2 * 0.1 + 5
    found = totals([np.array([1.0, 2.0])], [np.array([2.0, 1.5])], by)

    assert found == pytest.approx([11.7])


def test_what_made_the_networks_is_found_again() -> None:
    warm, cold = blocks_of(20)
    truth = Composition(overhead_ms=0.8, slope=0.9, cold_slope=0.4)

    found, choice = fit_composition(warm, cold, totals(warm, cold, truth))

    assert choice.form == "overhead, slope, cold"
    assert found.to_items() == pytest.approx(truth.to_items(), rel=1e-6)
    assert choice.networks == 20


def test_the_simplest_of_equals_is_kept() -> None:
    warm, cold = blocks_of(20)
    noise = np.exp(0.02 * np.random.default_rng(1).standard_normal(20))

    found, choice = fit_composition(warm, cold, totals(warm, cold, Composition()) * noise)

    assert choice.form == "sum"
    assert found == Composition(spread=found.spread)
    assert 0.01 < found.spread < 0.03


def test_a_network_measured_wrong_does_not_matter() -> None:
    warm, cold = blocks_of(20)
    measured = totals(warm, cold, Composition(slope=1.3))
    measured[3] *= 4

    found, _ = fit_composition(warm, cold, measured)

    judged = np.delete(totals(warm, cold, found) / measured, 3)
    np.testing.assert_allclose(judged, 1, atol=0.01)


def test_one_or_two_networks_are_not_too_few() -> None:
    warm, cold = blocks_of(2)
    measured = totals(warm, cold, Composition(slope=1.2))

    one, _ = fit_composition(warm[:1], cold[:1], measured[:1])
    two, _ = fit_composition(warm, cold, measured)

    assert one == Composition(spread=one.spread)
    assert two.overhead_ms >= 0


def test_what_is_predicted_is_what_was_fitted_where_blocks_come_below_zero() -> None:
    # Blocks that are mostly the call of a block alone: some cost a network less than nothing.
    rng = np.random.default_rng(2)
    warm = [0.01 + rng.uniform(0.0, 0.02, rng.integers(8, 15)) for _ in range(20)]
    cold = [one + 0.02 for one in warm]
    measured_ms = np.array([0.05 + one.sum() - 0.012 * len(one) for one in warm])

    found, _ = fit_composition(warm, cold, measured_ms)

    assert found.block_ms < -0.01
    assert totals(warm, cold, found) == pytest.approx(measured_ms, rel=1e-6)
