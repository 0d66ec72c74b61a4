"""Contract of every kind of draws: networks of the layout, within limits, equal for equal seeds."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import InputError
from supernet.constraints.constraints import Constraint, macs
from supernet.constraints.feasible import Limits
from supernet.sampling.draws import Draws, UniformDraws
from supernet.sampling.estimate import LossEstimate
from supernet.sampling.focus import HOW, FocusedDraws
from supernet.sampling.limited import LimitedDraws
from supernet.sampling.sandwich import SandwichDraws
from supernet.space.codes import Codes, Layout
from supernet.space.space import SearchSpace
from tests.support.sampling_spaces import MOBILE, Everything, limit, uneven_ms

TINY = SearchSpace.load("tiny")
MACS = macs(TINY.choices)
STEPS, SUBNETS = 7, 3


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    """`tiny` with fewer choices, as a phase of training has them."""
    groups = {
        name: draw(st.integers(1, 3)) for name in ("resolution", "depths", "kernels", "expands")
    }
    columns = []
    for column in TINY.layout.columns:
        kind = {"d": "depths", "k": "kernels", "e": "expands"}.get(column.name[0], "resolution")
        columns.append(replace(column, values=column.values[-groups[kind] :]))
    return replace(TINY.layout, columns=tuple(columns))


@st.composite
def met_limits(draw: st.DrawFn, layout: Layout) -> Constraint:
    """A limit that some network of the layout just meets."""
    seed = draw(st.integers(0, 2**32))
    codes = layout.sample(np.random.default_rng(seed), draw(st.sampled_from([1, 20, 2000])))
    return limit(MACS, float(MACS(codes).min()), "macs", "MACs")


def focused(draws: Draws, how: str = HOW[0]) -> FocusedDraws:
    estimate = LossEstimate.empty(TINY.layout)
    codes = UniformDraws(TINY.layout).plan(np.random.default_rng(0), 20, 2)
    return FocusedDraws(
        draws=draws, estimate=estimate.learnt(codes, codes.sum(axis=2) / 100), costs=MACS, how=how
    )


def check_plan(plan: Codes, layout: Layout) -> None:
    assert plan.dtype == np.int16
    assert plan.shape == (STEPS, SUBNETS, len(layout.columns))
    assert (plan[:, :, 0] == plan[:, :1, 0]).all()
    codes = plan.reshape(STEPS * SUBNETS, -1)
    np.testing.assert_array_equal(layout.canonical(codes), codes)
    layout.check(codes, "the phase")


@settings(max_examples=40, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32), rare=st.sampled_from([0.01, 1.1]))
def test_limited_and_focused_draws(data: st.DataObject, seed: int, rare: float) -> None:
    layout = data.draw(layouts())
    within = data.draw(met_limits(layout))
    limited = LimitedDraws.of(layout, [within], rare=rare)
    for draws in (limited, focused(limited), focused(limited, HOW[1])):
        plan = draws.plan(np.random.default_rng(seed), STEPS, SUBNETS)

        check_plan(plan, layout)
        assert Limits((within,)).met(plan.reshape(STEPS * SUBNETS, -1)).all()
        again = draws.plan(np.random.default_rng(seed), STEPS, SUBNETS)
        np.testing.assert_array_equal(plan, again)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_uniform_and_sandwiched_draws(data: st.DataObject, seed: int) -> None:
    layout = data.draw(layouts())
    uniform = UniformDraws(layout)
    for draws in (uniform, SandwichDraws.of(uniform, layout)):
        plan = draws.plan(np.random.default_rng(seed), STEPS, SUBNETS)

        check_plan(plan, layout)
        again = draws.plan(np.random.default_rng(seed), STEPS, SUBNETS)
        np.testing.assert_array_equal(plan, again)


def test_resolutions_of_uniform_draws_are_uniform_and_networks_of_a_step_differ() -> None:
    plan = UniformDraws(TINY.layout).plan(np.random.default_rng(0), 3000, 2)

    _, counts = np.unique(plan[:, 0, 0], return_counts=True)
    assert np.abs(counts - 1000).max() < 4 * np.sqrt(3000 * 1 / 3 * 2 / 3)
    assert (plan[:, 0] != plan[:, 1]).any(axis=1).mean() > 0.99


def test_a_sandwich_has_the_largest_then_the_smallest_of_the_steps_resolution() -> None:
    draws = SandwichDraws.of(UniformDraws(MOBILE.layout), MOBILE.layout)

    plan = draws.plan(np.random.default_rng(0), 50, 3)

    assert set(plan[:, 0, 0].tolist()) == {8, 12}
    for largest, smallest, _ in plan:
        assert largest[1:].tolist() == [2, 2, 5, 5, 5, 5, 3, 3, 3, 3]
        assert smallest[1:].tolist() == [1, 1, 3, 0, 3, 0, 2, 0, 2, 0]
    assert len(np.unique(plan[:, 2], axis=0)) > 10
    assert draws.describe() == "sandwich: the largest, the smallest, the rest drawn"


def test_a_sandwich_omits_a_smallest_network_beyond_the_limits() -> None:
    costs = uneven_ms(MOBILE)  # kernels of 5 are faster, so the smallest is not the fastest
    every = Everything.of(MOBILE.layout).codes
    at_12 = np.sort(costs(every[every[:, 0] == 12]))
    within = limit(costs, float(at_12[0]))
    limited = LimitedDraws.of(MOBILE.layout, [within], rare=1.1)
    draws = SandwichDraws.of(limited, MOBILE.layout, [within])

    plan = draws.plan(np.random.default_rng(0), 400, 3)

    assert 12 in plan[:, 0, 0]
    assert (plan[:, 0, 1:] == [2, 2, 5, 5, 5, 5, 3, 3, 3, 3]).all()
    assert (costs(plan[:, 1]) <= within.limit).all()
    assert "(not within the limits at 1 of 2 resolutions)" in draws.describe()


def test_a_sandwich_needs_two_networks_a_step() -> None:
    draws = SandwichDraws.of(UniformDraws(TINY.layout), TINY.layout)

    with pytest.raises(InputError, match="got 1 a step; let the phase train 2 subnets or more"):
        draws.plan(np.random.default_rng(0), 5, 1)
    assert draws.plan(np.random.default_rng(0), 5, 2).shape == (5, 2, 20)
