"""What is worth measuring: by hand on three candidates, then on the blocks of a space."""

import numpy as np
import pytest

from latency_models.regression.active_learning import (
    BlockPosterior,
    block_prior,
    covering,
    network_prior,
    rough_ms,
)
from latency_models.regression.domain import Domain
from supernet.space.space import SearchSpace

TINY = SearchSpace.load("tiny")


def three(noise: float = 0.01) -> BlockPosterior:
    """The first two are nearly the same; the targets are their sum and the third."""
    covariance = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 0.5]])
    targets = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    return BlockPosterior(covariance=covariance, cross=targets @ covariance, noise=noise)


def test_the_most_informative_comes_first_and_its_duplicate_last() -> None:
    # Gains: 1.9^2 / 1 for either twin, 0.5^2 / 0.5 for the third; then (1.9 - 0.9 * 1.9)^2 / 0.19.
    assert three().choose(np.ones(3), 3.0) == [0, 2, 1]


def test_the_choice_depends_on_the_price_and_keeps_the_budget() -> None:
    assert three().choose(np.array([10.0, 1.0, 1.0]), 2.5) == [1, 2]
    assert three().choose(np.array([10.0, 1.0, 1.0]), 0.5) == []
    assert three().choose(np.ones(3), 3.0, most=1) == [0]
    assert three().choose(np.ones(3), 3.0, excluded=[0]) == [1, 2]


def test_uncertainty_of_measured_items_is_the_noise() -> None:
    prior = three(noise=1.0)
    posterior = prior.given([0])

    # 1 - 1 / (1 + 1) of the first, 1 - 0.81 / 2 of its twin, nothing less of the third.
    assert np.diag(posterior.covariance) == pytest.approx([0.5, 0.595, 0.5])
    assert three().given([]).covariance.tolist() == three().covariance.tolist()
    assert posterior.choose(np.ones(3), 3.0, excluded=[0]) == prior.choose(np.ones(3), 3.0)[1:]


def test_chosen_blocks_leave_less_variance_than_random_ones() -> None:
    specs = TINY.unique_blocks()
    nets = [TINY.blocks(arch) for arch in TINY.sample(np.random.default_rng(0), 100)]
    prior = block_prior(specs, nets, rough_ms(specs))

    def left(rows: list[int]) -> float:
        """Mean variance of the networks, over what it was."""
        cross = np.sum(prior.cross**2) - np.sum(prior.given(rows).cross ** 2)
        return float(1 - cross / np.sum(prior.cross**2))

    chosen = prior.choose(np.ones(len(specs)), len(specs) / 10)
    draws = [
        np.random.default_rng(seed).permutation(len(specs))[: len(chosen)].tolist()
        for seed in range(5)
    ]

    assert len(chosen) == len(specs) // 10
    assert left(chosen) < 0.2
    assert left(chosen) < min(left(draw) for draw in draws)


def test_informative_networks_differ_from_each_other() -> None:
    specs = TINY.unique_blocks()
    archs = TINY.sample(np.random.default_rng(0), 60)
    nets = [TINY.blocks(arch) for arch in archs]

    chosen = network_prior(specs, nets, rough_ms(specs)).choose(np.ones(60), 8.0)

    totals = np.array([rough_ms(net).sum() for net in nets])
    assert len(set(chosen)) == 8
    assert np.ptp(np.log(totals[chosen])) > 0.6 * np.ptp(np.log(totals))


def test_a_cover_leaves_no_block_outside() -> None:
    specs = TINY.unique_blocks()

    cover = covering(specs, np.ones(len(specs)), float(len(specs)))

    domain = Domain.of(specs[row] for row in cover)
    assert all(spec in domain for spec in specs)
    assert len(cover) < len(specs) / 3
    assert covering(specs, np.ones(len(specs)), 2.0) == cover[:2]
    assert covering(specs, np.ones(len(specs)), 99.0, measured=cover) == []
