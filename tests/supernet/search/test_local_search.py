"""Climbs: optima of additive accuracies within few evaluations, on spaces of real size too."""

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from bench.errors import InfeasibleError
from supernet.constraints.constraints import (
    Constraint,
    Costs,
    SummedCost,
    macs,
    params,
    peak_memory,
)
from supernet.constraints.feasible import cheapest
from supernet.search.engine import Budget, SearchPlan, search
from supernet.search.evolution import Evolution
from supernet.search.exact import best_of_sum
from supernet.search.grid import Grid, GridSum
from supernet.search.lagrangian_bound import Separable
from supernet.search.linear import SingleChanges
from supernet.search.local_search import LocalSearch
from supernet.search.problem import Problem
from supernet.space.codes import Codes
from supernet.space.space import SearchSpace
from tests.support.sampling_spaces import MOBILE, RESNET, Everything, limit, uneven_ms

Floats = NDArray[np.float64]
FEW = 1500  # evaluations: the first batch, and the probes of a few climbs


def latency(space: SearchSpace, device: int) -> Costs:
    """Latency of one simulated device, with random costs of memory, arithmetic and launches."""
    memory, arithmetic, launch = np.random.default_rng(device).uniform(0.2, 1.0, size=3)

    def ms(block: BlockSpec) -> float:
        moved = block.in_size**2 * (block.in_channels + block.mid_channels) + block.params
        odd = 1 + 0.2 * np.sin(hash_of(block) + device)
        return float(launch / 50 + odd * (memory * moved / 1e7 + arithmetic * block.macs / 2e7))

    return SummedCost(space.choices, ms)


def hash_of(block: BlockSpec) -> int:
    """Return a number of the block that is the same in every run."""
    return (block.macs * 31 + block.params * 7 + block.kernel) % 1009


class Additive:
    """An accuracy that is linear in the codes: nothing for absent blocks."""

    def __init__(self, space: SearchSpace) -> None:
        self._gains = np.random.default_rng(2).uniform(0.2, 1.0, size=len(space.columns))
        self._gains /= 100 * np.array([max(c.values[-1], 1) for c in space.layout.columns])
        self.evaluated = 0

    def __call__(self, codes: Codes) -> Floats:
        self.evaluated += len(codes)
        return 0.6 + np.asarray((codes * self._gains).sum(axis=1))


def optimum(space: SearchSpace, accuracy: Additive, limits: list[Constraint]) -> float:
    grid = Grid.of(space.layout)
    assert grid is not None
    probes = SingleChanges.around_network(grid, space.encode([space.smallest()])[0])
    costs = tuple(
        parts for constraint in limits if (parts := GridSum.of_costs(grid, constraint.costs))
    )
    assert len(costs) == len(limits)
    best = best_of_sum(
        Separable(
            grid=grid,
            value=probes.parts(accuracy(probes.codes)),
            costs=costs,
            limits=np.array([constraint.limit for constraint in limits]),
        )
    )
    assert best is not None
    assert best.exact
    return float(best.values[0])


def within(space: SearchSpace, devices: int, share: float) -> list[Constraint]:
    codes = space.sample_codes(np.random.default_rng(4), 300)
    costs = [latency(space, device) for device in range(devices)]
    return [
        limit(cost, float(np.quantile(cost(codes), share)), name=f"device {device}")
        for device, cost in enumerate(costs)
    ]


@pytest.mark.parametrize(
    ("name", "devices", "share"),
    [
        ("tiny", 0, 0.5),
        ("tiny", 3, 0.2),
        ("ofa-mbv3-w1.0", 1, 0.01),
        ("ofa-mbv3-w1.0", 3, 0.3),
        ("ofa-proxyless-w1.3", 2, 0.1),
        ("ofa-resnet50d", 0, 0.5),
        ("ofa-resnet50d", 1, 0.4),
    ],
)
def test_the_optimum_of_a_sum_is_found_by_the_first_climbs(
    name: str, devices: int, share: float
) -> None:
    space = SearchSpace.load(name)
    accuracy, limits = Additive(space), within(space, devices, share)
    best, accuracy.evaluated = optimum(space, accuracy, limits), 0
    plan = SearchPlan(budget=Budget(evaluations=FEW, patience=3))

    result = search(space, accuracy, limits, seed=1, plan=plan)

    assert result.accuracy == pytest.approx(best, abs=1e-12)
    assert result.evaluated == accuracy.evaluated <= FEW
    code = np.array([result.code], dtype=np.int16)
    assert all(constraint.costs(code)[0] <= constraint.limit for constraint in limits)


@pytest.mark.parametrize("space", [MOBILE, RESNET], ids=lambda space: space.name)
@pytest.mark.parametrize("share", [0.002, 0.03, 0.3, 0.8])
def test_an_optimum_hidden_by_interactions_is_found(space: SearchSpace, share: float) -> None:
    """An accuracy far from any sum, on a space whose optimum is known."""
    additive, codes = Additive(space), Everything.of(space.layout).codes

    def accuracy(networks: Codes) -> Floats:
        odd = np.sin((networks[:, 1:] * np.arange(1.0, networks.shape[1])).sum(axis=1))
        return np.asarray(additive(networks) + 0.001 * odd)

    cost = uneven_ms(space)
    max_ms = float(np.quantile(cost(codes), share))
    plan = SearchPlan(
        strategy=Evolution(population=40), budget=Budget(evaluations=1200, patience=60)
    )

    result = search(space, accuracy, [limit(cost, max_ms)], seed=0, plan=plan)

    best = float(accuracy(codes[cost(codes) <= max_ms]).max())
    assert result.accuracy == pytest.approx(best, abs=1e-9)


def test_a_limit_that_only_the_cheapest_network_meets() -> None:
    """It is not the smallest one: there a kernel of 5 costs less than one of 3."""
    space, cost = MOBILE, uneven_ms(MOBILE)
    codes = Everything.of(space.layout).codes
    least = float(cost(codes).min())
    assert cost(space.encode([space.smallest()]))[0] > least

    result = search(space, Additive(space), [limit(cost, least)], seed=0)

    assert result.predictions["box"] == least
    assert [result.code] == [tuple(row) for row in codes[cost(codes) == least].tolist()]


@pytest.mark.parametrize("budget", [105, 131, 160, 199, 245])
def test_a_budget_may_end_in_the_middle_of_a_climb(budget: int) -> None:
    space = SearchSpace.load("tiny")
    accuracy, limits = Additive(space), within(space, 2, 0.3)
    plan = SearchPlan(budget=Budget(evaluations=budget))

    result = search(space, accuracy, limits, seed=1, plan=plan)

    assert result.evaluated == accuracy.evaluated == budget
    assert all(result.predictions[constraint.name] <= constraint.limit for constraint in limits)


def test_a_climb_ends_where_nothing_is_within_the_limits() -> None:
    space, cost = RESNET, macs(RESNET.choices)
    tiny_limit = limit(cost, 1.0, name="macs", unit="MACs")
    problem = Problem.of(space, Additive(space), [tiny_limit])
    guide = LocalSearch.of(problem)
    assert guide is not None
    start = problem.score(space.encode([space.largest()]))

    climb, batches = guide.climb(start), 0
    try:
        codes = next(climb)
        while batches < 1000:
            batches += 1
            codes = climb.send(problem.score(codes))
    except StopIteration as stopped:
        best = stopped.value

    assert batches < 1000
    # The best of nothing is what comes nearest.
    assert best.excess[0] <= start.excess[0]


@pytest.mark.parametrize("space", [MOBILE, RESNET], ids=lambda space: space.name)
def test_conflicting_limits_are_named(space: SearchSpace) -> None:
    """Each can be met, but the fastest network needs more parameters, and the other way round."""
    least = float(params(space.choices)(Everything.of(space.layout).codes).min())
    less = SummedCost(space.choices, lambda block: 50.0 - block.params / least)
    codes = Everything.of(space.layout).codes
    least_less = float(less(codes).min())
    few = limit(params(space.choices), least, name="params", unit="parameters")
    backwards = limit(less, least_less * 1.0001, name="backwards", unit="points")

    with pytest.raises(InfeasibleError) as error:
        search(
            space,
            Additive(space),
            [few, backwards],
            seed=0,
            plan=SearchPlan(budget=Budget(patience=8)),
        )

    message = str(error.value)
    assert f"no network of {space.name} was found within all limits together" in message
    assert "each can be met by itself" in message
    assert "params" in message or "backwards" in message


def test_a_least_cost_from_descent_is_reported_as_found() -> None:
    peak = peak_memory(MOBILE.choices)
    _, least = cheapest(MOBILE.layout, peak)

    with pytest.raises(InfeasibleError) as error:
        search(
            MOBILE,
            Additive(MOBILE),
            [limit(peak, least.min() - 1, name="peak memory", unit="bytes")],
            seed=0,
            plan=SearchPlan(budget=Budget(patience=5)),
        )

    assert "was found within the limit on peak memory" in str(error.value)
    assert f"the least found takes {least.min():.4g} bytes" in str(error.value)
