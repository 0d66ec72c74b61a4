"""Losses learnt from training, and draws that choose by them among networks of similar cost."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from bench.errors import InputError
from supernet.constraints.constraints import macs
from supernet.sampling.draws import UniformDraws
from supernet.sampling.estimate import KEPT, LossEstimate
from supernet.sampling.focus import FocusedDraws
from supernet.space.codes import Codes
from supernet.space.space import SearchSpace
from tests.support.sampling_spaces import MOBILE, Everything, Floats

TINY = SearchSpace.load("tiny")
UNIFORM = UniformDraws(TINY.layout)
MACS = macs(TINY.choices)


def true_loss(codes: Codes) -> Floats:
    """Falls with depth and expansion, and with kernels a little."""
    gains = np.zeros(codes.shape[-1])
    gains[1:4], gains[4:12], gains[12:] = 0.2, 0.005, 0.05
    return np.asarray(3.0 - codes @ gains)


def learnt(epochs: int = 1, seed: int = 0, noise: float = 0.0) -> LossEstimate:
    rng, estimate = np.random.default_rng(seed), LossEstimate.empty(TINY.layout)
    for _ in range(epochs):
        codes = UNIFORM.plan(rng, 200, 4)
        of_batch = rng.normal(0, 5, size=(200, 1))  # what all networks of a step have in common
        losses = true_loss(codes) + of_batch + noise * rng.normal(size=(200, 4))
        estimate = estimate.learnt(codes, losses)
    return estimate


def test_differences_within_steps_are_learnt_independently_of_the_batch_loss() -> None:
    codes = UNIFORM.plan(np.random.default_rng(9), 1, 300)[0]

    predicted = learnt().predict(codes)

    assert np.corrcoef(predicted, true_loss(codes))[0, 1] > 0.999
    off = (predicted - predicted.mean()) - (true_loss(codes) - true_loss(codes).mean())
    assert np.abs(off).max() < 0.05


def test_by_hand_one_step_of_two_networks() -> None:
    """They differ in one feature, by 1, and by 0.4 in loss: moment 0.2, gram 0.5, ridge 1."""
    estimate = LossEstimate.empty(MOBILE.layout)
    pair = np.array(
        [[8, 1, 1, 3, 0, 3, 0, 2, 0, 2, 0], [8, 1, 1, 5, 0, 3, 0, 2, 0, 2, 0]], dtype=np.int16
    )

    predicted = estimate.learnt(pair[None], np.array([[1.0, 1.4]])).predict(pair)

    assert predicted[1] - predicted[0] == pytest.approx(0.2 / 1.5)


def test_one_network_a_step_is_compared_with_the_mean_of_the_epoch() -> None:
    rng = np.random.default_rng(0)
    codes = UNIFORM.plan(rng, 800, 1)

    estimate = LossEstimate.empty(TINY.layout).learnt(codes, true_loss(codes))

    others = UNIFORM.plan(rng, 200, 1)[:, 0]
    assert np.corrcoef(estimate.predict(others), true_loss(others))[0, 1] > 0.999


def test_old_epochs_are_discounted() -> None:
    estimate = learnt(epochs=3)
    codes = UNIFORM.plan(np.random.default_rng(3), 200, 4)

    for _ in range(20):  # the losses are reversed
        estimate = estimate.learnt(codes, -true_loss(codes))

    others = UNIFORM.plan(np.random.default_rng(4), 1, 200)[0]
    assert np.corrcoef(estimate.predict(others), -true_loss(others))[0, 1] > 0.99
    assert estimate.seen == pytest.approx(800 / (1 - KEPT), rel=0.01)


def test_an_estimate_round_trips_through_tensors_bit_for_bit() -> None:
    estimate = learnt(epochs=2, noise=0.1)
    codes = UNIFORM.plan(np.random.default_rng(1), 50, 4)

    tensors = estimate.to_tensors()
    back = LossEstimate.from_tensors(TINY.layout, tensors)

    assert all(tensor.dtype == torch.float64 for tensor in tensors.values())
    ahead, again = (learner.learnt(codes, true_loss(codes)) for learner in (estimate, back))
    flat = codes.reshape(200, -1)
    assert np.array_equal(estimate.predict(flat), back.predict(flat))
    assert np.array_equal(ahead.gram, again.gram)
    assert np.array_equal(ahead.moment, again.moment)


def test_an_estimate_of_another_space_is_refused() -> None:
    with pytest.raises(InputError, match=r"has torch\.float64 .* for gram, expected float64"):
        LossEstimate.from_tensors(MOBILE.layout, learnt().to_tensors())
    with pytest.raises(InputError, match="has nothing for gram"):
        LossEstimate.from_tensors(MOBILE.layout, {})


def test_losses_that_do_not_fit_the_codes_are_refused() -> None:
    estimate, codes = LossEstimate.empty(TINY.layout), UNIFORM.plan(np.random.default_rng(0), 5, 2)

    with pytest.raises(InputError, match=r"losses of shape \(5,\), expected \(steps, subnets"):
        estimate.learnt(codes, np.zeros(5))
    with pytest.raises(InputError, match="not a finite number; lower the learning rate"):
        estimate.learnt(codes, np.full((5, 2), np.nan))
    assert estimate.learnt(codes[:0], np.zeros((0, 2))).seen == 0


def test_before_any_update_draws_are_unchanged() -> None:
    draws = FocusedDraws(draws=UNIFORM, estimate=LossEstimate.empty(TINY.layout), costs=MACS)

    plan = draws.plan(np.random.default_rng(5), 30, 4)

    np.testing.assert_array_equal(plan, UNIFORM.plan(np.random.default_rng(5), 30, 4))


@pytest.mark.parametrize(("how", "sign"), [("best-up", -1), ("worst-up", 1)])
def test_the_best_or_the_worst_network_of_similar_cost_is_trained(how: str, sign: int) -> None:
    plain = UNIFORM.plan(np.random.default_rng(0), 600, 4).reshape(2400, -1)
    draws = FocusedDraws(draws=UNIFORM, estimate=learnt(), costs=MACS, how=how, candidates=5)

    chosen = draws.plan(np.random.default_rng(1), 600, 4).reshape(2400, -1)

    # Costs keep their distribution; at like cost, losses move the wanted way.
    deciles = np.linspace(0.1, 0.9, 9)
    few = np.quantile(MACS(chosen), deciles) / np.quantile(MACS(plain), deciles)
    assert np.abs(few - 1).max() < 0.05
    fit = np.polyfit(MACS(plain), true_loss(plain), 2)
    spread = np.std(true_loss(plain) - np.polyval(fit, MACS(plain)))
    moved = np.mean(true_loss(chosen) - np.polyval(fit, MACS(chosen)))
    assert sign * moved > 0.5 * spread


def test_winners_by_hand() -> None:
    """One resolution, cost the depth, groups of two neighbours: the better of each is left."""
    every = Everything.of(MOBILE.layout).codes
    codes = every[every[:, 0] == 8][:4]

    class Given:
        def plan(self, rng: np.random.Generator, steps: int, subnets: int) -> Codes:
            assert (steps, subnets) == (1, 4)
            return np.asarray(codes[None])

    costs = {tuple(code): cost for code, cost in zip(codes.tolist(), [4, 1, 2, 3], strict=True)}
    worth = {
        tuple(code): value for code, value in zip(codes.tolist(), [0.1, 0.7, 0.6, 0.9], strict=True)
    }
    draws = FocusedDraws(
        draws=Given(),
        estimate=LossEstimate.empty(MOBILE.layout),
        costs=lambda c: np.array([costs[tuple(code)] for code in c.tolist()], dtype=np.float64),
        candidates=2,
        accuracy=lambda c: np.array([worth[tuple(code)] for code in c.tolist()]),
    )

    best = draws.plan(np.random.default_rng(0), 1, 2)[0]
    worst = replace(draws, how="worst-up").plan(np.random.default_rng(0), 1, 2)[0]

    # By cost: networks 1, 2 | 3, 0.
    assert sorted(best.tolist()) == sorted(codes[[1, 3]].tolist())
    assert sorted(worst.tolist()) == sorted(codes[[2, 0]].tolist())


def test_describe_names_the_selection_in_one_line() -> None:
    draws = FocusedDraws(draws=UNIFORM, estimate=LossEstimate.empty(TINY.layout), costs=MACS)

    assert draws.describe() == "best-up: the best of 3 of similar cost, by training losses"
    description = replace(draws, how="worst-up", accuracy=true_loss).describe()
    assert description == "worst-up: the worst of 3 of similar cost, by the accuracy predictor"


def test_invalid_settings_are_refused() -> None:
    draws = FocusedDraws(draws=UNIFORM, estimate=LossEstimate.empty(TINY.layout), costs=MACS)

    with pytest.raises(InputError, match="focus is 'up', expected best-up or worst-up"):
        replace(draws, how="up")
    with pytest.raises(InputError, match="has 1 candidates for each network, expected 2 or more"):
        replace(draws, candidates=1)
