"""`LimitedDraws` beside lists of every network: the exact distribution, and infeasible limits."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2

from bench.errors import InfeasibleError
from bench.protocol.target import Target
from latency_models.networks.network_calibration import NetworkCalibration
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.regression.features import PHYSICAL
from latency_models.regression.regression import Regression
from supernet.constraints.additive_costs import AdditiveCost
from supernet.constraints.constraints import latency, macs
from supernet.constraints.feasible import Limits
from supernet.sampling.limited import LimitedDraws, RejectionSampling
from supernet.sampling.mutation import RandomWalk
from supernet.space.codes import Codes
from supernet.space.space import SearchSpace
from tests.support.sampling_spaces import MOBILE, RESNET, Everything, Floats, limit, uneven_ms

Mask = NDArray[np.bool_]
Counts = NDArray[np.int64]
COSTS = np.linspace(0.01, 0.02, len(PHYSICAL))
STEPS = 30_000
ALWAYS, NEVER = 0.0, 1.1  # rejection however rare, or counting however common


def restricted(every: Everything, met: Mask) -> Floats:
    chances = np.where(met, every.chances, 0.0)
    return np.asarray(chances / chances.sum())


def unlikely(counts: Counts, chances: Floats) -> bool:
    """Whether counts would be so far off in less than one of a million true samples."""
    expected = chances[chances > 0] * counts.sum()
    statistic = float(((counts[chances > 0] - expected) ** 2 / expected).sum())
    return bool(statistic > chi2.isf(1e-6, len(expected) - 1))


@pytest.mark.parametrize("space", [MOBILE, RESNET], ids=["mbconv", "resnet"])
@pytest.mark.parametrize(("rare", "method"), [(ALWAYS, "rejection"), (NEVER, "counting")])
@pytest.mark.parametrize("share", [0.04, 0.4])
def test_draws_are_uniform_ones_restricted(
    space: SearchSpace, rare: float, method: str, share: float
) -> None:
    every, costs = Everything.of(space.layout), uneven_ms(space)
    of_all = costs(every.codes)
    within = limit(costs, float(np.quantile(of_all, share)))

    draws = LimitedDraws.of(space.layout, [within], rare=rare)
    plan = draws.plan(np.random.default_rng(0), STEPS, 2)

    assert draws.method == method
    chances = restricted(every, of_all <= within.limit)
    assert (plan[:, :1, 0] == plan[:, :, 0]).all()
    for place in range(2):  # both are equal once resolutions are averaged over
        counts = every.counts(plan[:, place])
        assert counts[chances == 0].sum() == 0
        assert (counts[chances > 0] > 0).all()
        assert not unlikely(counts, chances)
    met = every.chances[of_all <= within.limit].sum()
    assert np.mean(draws.acceptance) == pytest.approx(met, abs=0.01)


def test_the_test_of_distributions_can_fail() -> None:
    """Networks drawn uniformly from a list are not what uniform choices give."""
    every = Everything.of(MOBILE.layout)
    rows = np.random.default_rng(0).integers(len(every.codes), size=STEPS)

    counts = np.bincount(rows, minlength=len(every.codes)).astype(np.int64)
    assert unlikely(counts, every.chances)


def test_networks_of_a_step_are_independent_given_its_resolution() -> None:
    costs = uneven_ms(MOBILE)
    every = Everything.of(MOBILE.layout)
    within = limit(costs, float(np.quantile(costs(every.codes), 0.3)))

    plan = LimitedDraws.of(MOBILE.layout, [within], rare=NEVER).plan(
        np.random.default_rng(1), STEPS, 2
    )

    first, second = plan[plan[:, 0, 0] == 8].transpose(1, 0, 2)
    both = np.corrcoef(first[:, 1], second[:, 1])[0, 1]  # depths of the first stage
    assert abs(both) < 4 / np.sqrt(len(first))


def test_several_limits_are_all_met_exactly() -> None:
    every = Everything.of(MOBILE.layout)
    ms, work = uneven_ms(MOBILE), macs(MOBILE.choices)
    limits = [
        limit(ms, float(np.quantile(ms(every.codes), 0.2))),
        limit(work, float(np.quantile(work(every.codes), 0.1)), "macs", "MACs"),
    ]
    met = Limits(tuple(limits)).met(every.codes)
    assert 0 < met.sum() < min((ms(every.codes) <= limits[0].limit).sum(), 0.1 * len(met))

    draws = LimitedDraws.of(MOBILE.layout, limits, rare=NEVER)

    assert draws.method == "counting"
    counts = every.counts(draws.plan(np.random.default_rng(0), STEPS, 1)[:, 0])
    assert not unlikely(counts, restricted(every, met))
    assert counts[~met].sum() == 0


def test_a_share_of_one_in_a_hundred_thousand_is_counted() -> None:
    space = SearchSpace.load("ofa-resnet50d")
    work = macs(space.choices)
    at_random = work(space.sample_codes(np.random.default_rng(0), 200_000))
    within = limit(work, float(np.quantile(at_random, 5e-5)), "macs", "MACs")

    draws = LimitedDraws.of(space.layout, [within])
    plan = draws.plan(np.random.default_rng(0), 100, 4)

    assert draws.method == "counting"
    assert np.mean(draws.acceptance) == pytest.approx(5e-5, rel=1.5)
    assert (work(plan.reshape(400, -1)) <= within.limit).all()
    assert len(np.unique(plan.reshape(400, -1), axis=0)) > 390


def test_draws_respect_a_limit_on_predicted_latency() -> None:
    space, model = SearchSpace.load("tiny"), Regression(coefficients=COSTS)
    predictor = LatencyPredictor(
        target=Target(device="box", backend="onnx", backend_version="1"),
        provenance={},
        known={},
        models={("*", "warm"): model, ("*", "cold"): model},
        composition=NetworkCalibration(overhead_ms=0.5, slope=1.1),
    )
    latencies_ms = [
        predictor.predict(space.blocks(arch)).ms
        for arch in space.sample(np.random.default_rng(0), 400)
    ]
    within = latency(space, predictor, min(latencies_ms))

    draws = LimitedDraws.of(space.layout, [within])
    plan = draws.plan(np.random.default_rng(0), 25, 4)

    assert draws.method == "counting"
    for arch in space.decode(plan.reshape(100, -1)):
        assert predictor.predict(space.blocks(arch)).ms <= min(latencies_ms) * (1 + 1e-6)


def test_limits_that_only_together_are_tight_are_met_by_a_walk() -> None:
    space = SearchSpace.load("tiny")
    work = macs(space.choices)
    middle, total = 3_000_000.0, 1e9
    limits = [
        limit(work, 1.001 * middle, "macs", "MACs"),
        limit(lambda codes: total - work(codes), total - 0.999 * middle, "idle MACs", "MACs"),
    ]

    draws = LimitedDraws.of(space.layout, limits)
    codes = draws.plan(np.random.default_rng(0), 50, 3).reshape(150, -1)

    assert draws.method == "mutation"
    assert "mutation, fewer than 1 %" in draws.describe()
    assert (np.abs(work(codes) / middle - 1) <= 0.001).all()
    assert len(np.unique(codes, axis=0)) > 50


def test_a_walk_comes_near_the_exact_distribution() -> None:
    every, costs = Everything.of(MOBILE.layout), uneven_ms(MOBILE)
    of_all = costs(every.codes)
    limits = Limits((limit(costs, float(np.quantile(of_all, 0.1))),))
    met = limits.met(every.codes)

    walk = RandomWalk.burned_in(MOBILE.layout, limits)
    assert walk is not None
    counts = every.counts(walk.plan(np.random.default_rng(0), 5000, 1)[:, 0])

    assert counts[~met].sum() == 0
    off = np.abs(counts / counts.sum() - restricted(every, met)).sum() / 2
    assert off < 0.08  # 0.05 of that is what a true sample of this size is off


def test_an_infeasible_limit_names_the_fastest_network() -> None:
    costs = uneven_ms(MOBILE)
    fastest = float(costs(Everything.of(MOBILE.layout).codes).min())

    with pytest.raises(InfeasibleError) as error:
        LimitedDraws.of(MOBILE.layout, [limit(costs, 0.9 * fastest)], space="two stages")

    message = str(error.value)
    assert message.startswith("no network of two stages is within the limit on box: ")
    assert f"the fastest takes {fastest:.4g} ms (exact); raise the limit" in message


def test_the_fastest_network_of_a_non_additive_cost_is_reported_as_found_by_descent() -> None:
    costs = uneven_ms(MOBILE)

    def squared(codes: Codes) -> Floats:
        return costs(codes) ** 2

    assert AdditiveCost.of(MOBILE.layout, squared) is None
    with pytest.raises(InfeasibleError, match=r"\(found by descent\)"):
        LimitedDraws.of(MOBILE.layout, [limit(squared, 1e-9)])


def test_limits_that_exclude_one_another_are_named_together() -> None:
    work = macs(MOBILE.choices)
    every = work(Everything.of(MOBILE.layout).codes)
    limits = [
        limit(work, float(every.min()), "macs", "MACs"),
        limit(lambda codes: 1e9 - work(codes), float(1e9 - every.max()), "idle", "MACs"),
    ]

    with pytest.raises(InfeasibleError, match="within all limits together"):
        LimitedDraws.of(MOBILE.layout, limits)


def test_describe_names_the_sampler_in_one_line() -> None:
    costs = uneven_ms(MOBILE)
    all_of_them = float(costs(Everything.of(MOBILE.layout).codes).max())

    draws = LimitedDraws.of(MOBILE.layout, [limit(costs, all_of_them)])

    expected = "rejection, 100 % of networks within the limits, resolutions 8, 12 of 2"
    assert draws.describe() == expected
    assert isinstance(draws.sampler, RejectionSampling)
