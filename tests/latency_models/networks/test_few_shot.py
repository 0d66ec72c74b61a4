"""`latency_models.networks.few_shot` and `prior_costs`: costs from whole networks alone."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from latency_models.evaluation.evaluate import evaluate
from latency_models.fitting import fit_predictor
from latency_models.networks.few_shot import FewShotFit, all_blocks, fit_few
from latency_models.networks.prior_costs import BOTTLENECKS, MEAN, prior_costs
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.regression.features import PHYSICAL, feature_matrix
from latency_models.tables.networks import foreign_target
from latency_models.vectorized.vectorized_predictor import compile_latency
from supernet.space.space import SearchSpace

Floats = NDArray[np.float64]
Networks = list[tuple[BlockSpec, ...]]

TINY = SearchSpace.load("tiny")
EVERY = TINY.unique_blocks()
# A device: memory, dense work, launches, and a factor of each block that no feature explains.
COSTS = feature_matrix(EVERY, ("launches", "bytes_inner", "macs_pointwise")) @ [0.01, 0.5, 0.3]
COSTS *= np.exp(0.1 * np.sin(np.arange(len(EVERY))))
COST = dict(zip(EVERY, COSTS.tolist(), strict=True))


def networks_of(count: int, seed: int = 0) -> Networks:
    return [TINY.blocks(arch) for arch in TINY.sample(np.random.default_rng(seed), count)]


def device_ms(networks: Networks, noise: float = 0.0, seed: int = 1) -> Floats:
    exact = np.array([0.2 + sum(COST[block] for block in network) for network in networks])
    return exact * np.exp(noise * np.random.default_rng(seed).normal(size=len(exact)))


def predicted_ms(fit: FewShotFit, networks: Networks) -> Floats:
    sums = [sum(fit.costs_ms[block] for block in network) for network in networks]
    return fit.overhead_ms + np.array(sums)


def test_prior_costs_are_mixes_scaled_to_the_usual_latency() -> None:
    networks = networks_of(12)
    counts = np.array(
        [[network.count(block) for block in EVERY] for network in networks], dtype=float
    )
    measured = device_ms(networks)
    physical = feature_matrix(EVERY, PHYSICAL)

    costs = prior_costs(counts, physical, measured, {})

    assert len(costs) == 35  # four quarters over four bottlenecks
    assert {"100% launches", "50% memory + 50% dense"} < {prior.name for prior in costs}
    assert sum(prior.odds for prior in costs) == pytest.approx(1)
    for prior in costs:
        assert np.median(measured / (counts @ prior.costs_ms)) == pytest.approx(1, rel=1e-6)
    (launches,) = (prior for prior in costs if prior.name == "100% launches")
    per_launch = launches.costs_ms / physical[:, PHYSICAL.index("launches")]
    assert per_launch == pytest.approx(per_launch[0])


def test_priors_are_mixed_with_bottlenecks_unless_they_cannot_run_a_block() -> None:
    networks = networks_of(5)
    counts = np.array(
        [[network.count(block) for block in EVERY] for network in networks], dtype=float
    )
    broken = COSTS.copy()
    broken[0] = np.inf

    costs = prior_costs(
        counts,
        feature_matrix(EVERY, PHYSICAL),
        device_ms(networks),
        {"a": COSTS, "b": 2 * COSTS, "broken": broken},
    )

    names = [prior.name for prior in costs[35:]]
    assert len(names) == 3 * (1 + 2 * len(BOTTLENECKS))
    assert {"a", "b", MEAN, "a, 25% launches"} < set(names)
    same = {prior.name: prior.costs_ms for prior in costs}
    assert same["a"] == pytest.approx(same["b"])


def test_networks_without_depthwise_work_have_no_such_bottleneck() -> None:
    """Its costs would all be 0, and the covariance of such networks singular."""
    space = SearchSpace.load("ofa-resnet50d")
    networks = [space.blocks(arch) for arch in space.sample(np.random.default_rng(0), 12)]
    measured = np.array([1 + 1e-8 * sum(block.macs for block in net) for net in networks])
    counts = np.ones((1, len(EVERY)))
    physical = feature_matrix(EVERY, PHYSICAL)
    physical[:, ["depthwise" in kind for kind in PHYSICAL]] = 0

    costs = prior_costs(counts, physical, np.array([3.0]), {"a": COSTS})
    fit = fit_few(networks, measured)

    # Four quarters over three bottlenecks; the prior alone, and with two parts of each.
    assert len(costs) == 15 + 1 + 2 * 3
    assert not any("depthwise" in prior.name for prior in costs)
    assert "depthwise" not in fit.base
    assert dict(fit.errors)[fit.base] < 0.02


@pytest.mark.parametrize("count", [10, 60])
def test_other_networks_are_predicted(count: int) -> None:
    fit = fit_few(networks_of(count), device_ms(networks_of(count), noise=0.01), EVERY)
    others = networks_of(200, seed=7)

    evaluation = evaluate(predicted_ms(fit, others), device_ms(others))

    assert set(fit.costs_ms) == set(EVERY)
    assert evaluation.within_10 > 0.9
    assert evaluation.spearman is not None
    assert evaluation.spearman > 0.95
    assert 0 < dict(fit.errors)[fit.base] < 0.1


def test_costs_unlike_all_prior_costs_are_fitted_by_ridge() -> None:
    """No block costs what its work or similar blocks cost: kernels alone reach a rank of 0.33."""
    generator = np.random.default_rng(5)
    cost = dict(zip(EVERY, generator.gamma(1.0, size=len(EVERY)).tolist(), strict=True))
    networks = [TINY.blocks(arch) for arch in TINY.sample(generator, 300)]
    measured = np.array([1 + sum(cost[block] for block in network) for network in networks])

    fit = fit_few(networks[:100], measured[:100], EVERY)

    evaluation = evaluate(predicted_ms(fit, networks[100:]), measured[100:])
    assert fit.base.endswith(", ridge")
    assert evaluation.spearman is not None
    assert evaluation.spearman > 0.9
    # The leave-one-out error is about the error on other networks.
    assert dict(fit.errors)[fit.base] == pytest.approx(evaluation.mape, rel=0.3)


@pytest.mark.slow
def test_latencies_independent_of_the_networks_are_predicted_as_a_constant() -> None:
    networks = networks_of(40)
    generator = np.random.default_rng(0)
    measured = np.exp(0.01 * generator.normal(size=40))

    fit = fit_few(networks, measured, EVERY)

    others = predicted_ms(fit, networks_of(100, seed=7))
    assert np.abs(others - 1).max() < 0.05
    assert dict(fit.errors)[fit.base] < 0.015


@pytest.mark.slow
def test_more_networks_have_a_lower_error() -> None:
    others = networks_of(200, seed=7)

    def error(count: int) -> float:
        networks = networks_of(count)
        fit = fit_few(networks, device_ms(networks, noise=0.01), EVERY)
        return evaluate(predicted_ms(fit, others), device_ms(others)).mape

    assert error(60) < 0.6 * error(5)


def test_a_similar_device_has_the_likeliest_prior_costs() -> None:
    networks = networks_of(10)

    fit = fit_few(networks, 3 * device_ms(networks), EVERY, {"similar": COSTS})

    assert fit.base == "similar"
    others = networks_of(100, seed=7)
    assert evaluate(predicted_ms(fit, others), 3 * device_ms(others)).within_5 > 0.98


def test_slow_outliers_change_little() -> None:
    networks = networks_of(30)
    measured = device_ms(networks, noise=0.01)
    slow = measured.copy()
    slow[::10] *= 1.6
    others = networks_of(100, seed=7)

    evaluation = evaluate(predicted_ms(fit_few(networks, slow, EVERY), others), device_ms(others))

    assert evaluation.within_10 > 0.95
    assert abs(evaluation.bias) < 0.03


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(factor=st.floats(1e-3, 1e3), count=st.integers(1, 12))
def test_units_do_not_matter_and_any_number_of_networks_will_do(factor: float, count: int) -> None:
    networks = networks_of(count)
    measured = device_ms(networks)

    fit, scaled = fit_few(networks, measured), fit_few(networks, factor * measured)

    assert all(np.isfinite(list(fit.costs_ms.values())))
    assert predicted_ms(scaled, networks) == pytest.approx(
        factor * predicted_ms(fit, networks), rel=1e-4
    )


def test_the_same_networks_give_the_same_costs() -> None:
    networks = networks_of(12)

    first, second = (fit_few(networks, device_ms(networks)) for _ in range(2))

    assert first.costs_ms == second.costs_ms


def test_a_saved_fit_predicts_the_same_also_vectorized(tmp_path: Path) -> None:
    networks = networks_of(15)
    target = foreign_target("there_ms")
    fitted = fit_predictor(None, networks, device_ms(networks), target=target, blocks=EVERY)
    fitted.save(tmp_path / "p.parquet")
    codes = TINY.codes_of(TINY.to_frame(TINY.sample(np.random.default_rng(3), 40)))
    others = [TINY.blocks(arch) for arch in TINY.decode(codes)]

    loaded = LatencyPredictor.load(tmp_path / "p.parquet")

    assert loaded.predict_many(others).tolist() == fitted.predict_many(others).tolist()
    dense = compile_latency(loaded, TINY.choices).predict(codes)
    assert dense == pytest.approx(fitted.predict_many(others), rel=1e-6)


def test_blocks_are_counted_once() -> None:
    networks = networks_of(3)

    blocks = all_blocks(networks, EVERY[:2])

    assert blocks[:2] == list(EVERY[:2])
    every = {*EVERY[:2], *(block for network in networks for block in network)}
    assert len(blocks) == len(set(blocks)) == len(every)
