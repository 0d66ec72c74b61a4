"""Additive costs and counts of networks, compared with lists of all networks of a small space."""

from dataclasses import replace

import numpy as np
import pytest

from bench.blocks.spec import BlockSpec
from supernet.constraints.additive_costs import AdditiveCost
from supernet.constraints.constraints import SummedCost, macs, params
from supernet.constraints.feasible import cheapest, largest, smallest
from supernet.sampling.counting import Counting
from supernet.space.codes import Codes, Column, Layout
from supernet.space.space import SearchSpace
from tests.support.sampling_spaces import MOBILE, RESNET, Everything, Floats, uneven, uneven_ms

FINE = 1 << 17  # bins so narrow that no network lies between a limit and its rounding
BOTH = pytest.mark.parametrize("space", [MOBILE, RESNET], ids=["mbconv", "resnet"])


def taken_apart(space: SearchSpace) -> AdditiveCost:
    additive = AdditiveCost.of(space.layout, uneven_ms(space))
    assert additive is not None
    return additive


@BOTH
def test_the_parts_add_up_to_the_cost_and_none_is_below_0(space: SearchSpace) -> None:
    every, additive = Everything.of(space.layout), taken_apart(space)

    np.testing.assert_allclose(additive.cost(every.codes), uneven_ms(space)(every.codes), rtol=1e-9)
    parts = [additive.entry, *(stage.costs for stage in additive.stages)]
    parts += [slot.costs for stage in additive.stages for slot in stage.slots]
    assert all(part.min() == 0 for part in parts)


@BOTH
def test_the_least_is_the_fastest_network_of_each_resolution(space: SearchSpace) -> None:
    codes = Everything.of(space.layout).codes
    ms, resolutions = uneven_ms(space)(codes), space.layout.columns[0].values

    least = [ms[codes[:, 0] == resolution].min() for resolution in resolutions]

    assert taken_apart(space).least == pytest.approx(least)


def test_the_least_is_not_taken_to_be_the_smallest() -> None:
    """A kernel of 5 is faster here, which the smallest network does not have."""
    ms = uneven_ms(MOBILE)(smallest(MOBILE.layout, 8)[None])

    assert ms[0] > 1.001 * taken_apart(MOBILE).least[0]


@pytest.mark.parametrize("name", ["tiny", "ofa-mbv3-w1.0", "ofa-proxyless-w1.3", "ofa-resnet50d"])
def test_costs_of_the_shipped_spaces_are_sums(name: str) -> None:
    space = SearchSpace.load(name)
    for costs in (macs(space.choices), params(space.choices)):
        assert AdditiveCost.of(space.layout, costs) is not None


@BOTH
@pytest.mark.parametrize("share", [0.002, 0.1, 0.7])
def test_shares_are_those_of_a_list_of_all_networks(space: SearchSpace, share: float) -> None:
    every = Everything.of(space.layout)
    ms = uneven_ms(space)(every.codes)
    limit = float(np.quantile(ms, share))

    exact = [
        every.chances[(every.codes[:, 0] == resolution) & (ms <= limit)].sum() * 2
        for resolution in space.layout.columns[0].values
    ]

    assert Counting.of(taken_apart(space), limit, bins=FINE).shares == pytest.approx(exact)
    coarse = Counting.of(taken_apart(space), limit).shares
    assert (coarse >= np.array(exact) - 1e-12).all()  # rounding down loses none


def test_by_hand_how_many_networks_are_within_a_limit() -> None:
    """The cost is the expansions' sum: 2 or 3 for each of one or two blocks a stage, two stages."""

    def costs(codes: Codes) -> Floats:
        return np.asarray(codes[:, MOBILE.layout.expand_start :].sum(axis=1), dtype=np.float64)

    additive = AdditiveCost.of(MOBILE.layout, costs)
    assert additive is not None
    assert additive.least.tolist() == [4.0, 4.0]
    # A stage costs 2 or 3 with one block (1/4 each), 4, 5, 6 with two (1/8, 2/8, 1/8). Two stages
    # within 5: 2+2, 2+3, 3+2, of 1/16 each.
    shares = Counting.of(additive, 5.0, bins=64).shares
    assert shares.tolist() == pytest.approx([3 / 16, 3 / 16])


def test_nothing_is_counted_where_the_least_is_above_the_limit() -> None:
    additive = taken_apart(MOBILE)
    between = float(additive.least.mean())

    shares = Counting.of(additive, between).shares

    assert shares[0] > 0
    assert shares[1] == 0


def test_blocks_that_cannot_run_are_never_drawn() -> None:
    def costs_of(block: BlockSpec) -> float:
        return np.inf if block.kernel == 5 and block.kind == "mbconv" else uneven(block)

    costs = SummedCost(MOBILE.choices, costs_of)
    additive = AdditiveCost.of(MOBILE.layout, costs)

    assert additive is not None
    counting = Counting.of(additive, float(10 * additive.least.max()))
    assert counting.shares[0] == pytest.approx((1 / 2 * 1 / 2 + 1 / 2 * 1 / 4) ** 2)  # kernels of 3
    drawn = counting.propose(np.random.default_rng(0), np.zeros(500, dtype=np.int16))
    assert not (drawn == 5).any()


def test_reference_networks_that_cannot_run_are_no_sum() -> None:
    costs = SummedCost(MOBILE.choices, lambda block: np.inf if block.kernel == 3 else 1.0)

    assert AdditiveCost.of(MOBILE.layout, costs) is None


def test_widths_that_are_no_chain_through_the_stages_are_not_taken_apart() -> None:
    layout = RESNET.layout
    one_more = Column(name="w9", values=(50, 100))

    odd = replace(layout, columns=(*layout.columns, one_more), widths=layout.widths + 1)

    assert AdditiveCost.of(odd, uneven_ms(RESNET)) is None


def test_a_phase_without_a_choice_of_widths_is_counted_as_well() -> None:
    layout = RESNET.layout
    columns = [
        replace(column, values=column.values[-1:]) if column.name.startswith("w") else column
        for column in layout.columns
    ]
    narrowed: Layout = replace(layout, columns=tuple(columns))

    additive = AdditiveCost.of(narrowed, uneven_ms(RESNET))

    assert additive is not None
    counting = Counting.of(additive, float(additive.least.max()))
    drawn = counting.propose(np.random.default_rng(0), np.zeros(20, dtype=np.int16))
    assert (drawn[:, layout.width_start :] == 100).all()


def test_a_descent_finds_the_fastest_where_choices_do_not_interact() -> None:
    codes, ms = cheapest(MOBILE.layout, uneven_ms(MOBILE))

    assert ms == pytest.approx(taken_apart(MOBILE).least)
    assert codes[:, 0].tolist() == [8, 12]
    assert (codes == 5).any()  # so it moved on from the smallest network


def test_extremes_of_a_layout() -> None:
    assert smallest(MOBILE.layout, 12).tolist() == [12, 1, 1, 3, 0, 3, 0, 2, 0, 2, 0]
    assert largest(MOBILE.layout, 8).tolist() == [8, 2, 2, 5, 5, 5, 5, 3, 3, 3, 3]
