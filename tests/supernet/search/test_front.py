"""Fronts of accuracy against one cost or two, on spaces small enough to know the true ones."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.errors import InfeasibleError, InputError
from supernet.constraints.constraints import Constraint, Costs, macs, params, peak_memory
from supernet.search.callbacks import SearchProgress
from supernet.search.dominance import extended, is_new, spread_over
from supernet.search.engine import Budget, SearchPlan, SearchResult
from supernet.search.front import search_front
from supernet.search.problem import Objective, Problem, Scored
from supernet.space.codes import Codes
from supernet.space.space import SearchSpace
from tests.support.sampling_spaces import MOBILE, RESNET, Everything, limit, uneven_ms

Floats = NDArray[np.float64]
CODES = {space.name: Everything.of(space.layout).codes for space in (MOBILE, RESNET)}
PLAN = SearchPlan(budget=Budget(evaluations=500, patience=60))
small_space = pytest.mark.parametrize("space", [MOBILE, RESNET], ids=lambda space: space.name)


def accuracy(codes: Codes) -> Floats:
    """Grows with every choice, by shares that depend on others a little."""
    weights = np.random.default_rng(5).uniform(0.5, 1.0, size=codes.shape[1])
    grows = (codes / _LARGEST[codes.shape[1]] * weights).sum(axis=1) / 40
    odd = np.sin((codes[:, 1:] * np.arange(1.0, codes.shape[1])).sum(axis=1))
    return np.asarray(0.5 + grows + 0.001 * odd)


_LARGEST = {
    len(space.layout.columns): np.array([column.values[-1] for column in space.layout.columns])
    for space in (MOBILE, RESNET)
}


def objectives(space: SearchSpace, n: int) -> tuple[Objective, ...]:
    both = (
        Objective(name="box", costs=uneven_ms(space), unit="ms"),
        Objective(name="macs", costs=macs(space.choices), unit="MACs"),
    )
    return both[:n]


def problem_of(space: SearchSpace, n: int, *limits: Constraint) -> Problem:
    return Problem(
        space=space, accuracy=accuracy, constraints=limits, objectives=objectives(space, n)
    )


def true_front(problem: Problem) -> set[tuple[float, ...]]:
    """Return costs and accuracies of all non-dominated networks within the limits."""
    scored = problem.score(CODES[problem.space.name])
    scored = scored.take(scored.excess == 0)
    figures = np.column_stack([scored.objectives, -scored.accuracy])
    front = set()
    for row in figures:
        no_worse, better = (figures <= row).all(axis=1), (figures < row).any(axis=1)
        if not (no_worse & better).any():
            front.add(tuple(np.abs(row).tolist()))
    return front


def figures(problem: Problem, results: list[SearchResult]) -> list[tuple[float, ...]]:
    names = [objective.name for objective in problem.objectives]
    return [(*(result.predictions[name] for name in names), result.accuracy) for result in results]


@small_space
@pytest.mark.parametrize("n", [1, 2])
def test_every_network_returned_is_on_the_true_front(space: SearchSpace, n: int) -> None:
    problem = problem_of(space, n)
    truth = true_front(problem)

    points = figures(problem, search_front(problem, seed=1, points=10, plan=PLAN))

    assert len(points) == len(set(points)) == 10
    assert truth.issuperset(points)
    assert [point[0] for point in points] == sorted(point[0] for point in points)
    assert points[0][0] == min(point[0] for point in truth)
    assert max(point[-1] for point in points) == max(point[-1] for point in truth)
    if n == 2:
        assert min(point[1] for point in points) == min(point[1] for point in truth)


@small_space
@pytest.mark.parametrize("n", [1, 2])
def test_a_front_respects_limits(space: SearchSpace, n: int) -> None:
    codes = CODES[space.name]
    costs: tuple[Costs, ...] = (params(space.choices), peak_memory(space.choices))
    limits = [
        limit(cost, float(np.quantile(cost(codes), 0.6)), name=name, unit="of it")
        for cost, name in zip(costs, ("params", "peak memory"), strict=True)
    ]
    problem = problem_of(space, n, *limits)

    results = search_front(problem, seed=1, points=8, plan=PLAN)

    assert true_front(problem).issuperset(figures(problem, results))
    for result in results:
        code = np.array([result.code], dtype=np.int16)
        for bound in limits:
            assert result.predictions[bound.name] == bound.costs(code)[0] <= bound.limit
        assert result.limits == {bound.name: bound.limit for bound in limits}
        assert result.units["box"] == "ms"
        assert result.strategy == "front"


def test_the_same_seed_gives_the_same_front() -> None:
    problem = problem_of(RESNET, 2)
    short = replace(PLAN, budget=Budget(evaluations=200))

    first, second = (search_front(problem, seed=3, points=6, plan=short) for _ in range(2))

    assert first == second
    assert {result.evaluated for result in first} == {200}
    assert {result.seed for result in first} == {3}


@pytest.mark.parametrize("points", [1, 2, 3])
def test_the_requested_number_of_points_is_returned_ends_first(points: int) -> None:
    problem = problem_of(MOBILE, 1)
    truth = true_front(problem)

    front = figures(problem, search_front(problem, seed=0, points=points, plan=PLAN))

    assert len(front) == points
    assert front[-1] == max(truth, key=lambda point: point[-1])
    if points > 1:
        assert front[0] == min(truth)


def test_a_single_feasible_network_is_the_front() -> None:
    smallest = params(MOBILE.choices)(CODES[MOBILE.name]).min()
    only = limit(params(MOBILE.choices), smallest, name="params", unit="parameters")
    narrow = MOBILE.with_resolutions((8,))
    problem = Problem(
        space=narrow, accuracy=accuracy, constraints=(only,), objectives=objectives(narrow, 1)
    )

    (result,) = search_front(problem, seed=0, points=24, plan=PLAN)

    assert result.params == smallest


def test_a_limit_that_nothing_meets_is_named() -> None:
    cost = uneven_ms(MOBILE)
    least = cost(CODES[MOBILE.name]).min()

    with pytest.raises(InfeasibleError, match=f"the fastest network takes {least:.4g} ms"):
        search_front(problem_of(MOBILE, 1, limit(cost, least / 2)), seed=0, points=5, plan=PLAN)


@pytest.mark.parametrize("n", [0, 3])
def test_a_front_is_of_one_cost_or_two(n: int) -> None:
    problem = Problem(space=MOBILE, accuracy=accuracy, objectives=objectives(MOBILE, 1) * n)

    with pytest.raises(InputError, match=f"against 1 or 2 costs, got {n}"):
        search_front(problem, seed=0, points=5, plan=PLAN)


def kernels_of_3_only(costs: Costs) -> Costs:
    """A device on which a kernel of 5 does not run."""
    group = slice(MOBILE.layout.kernel_start, MOBILE.layout.expand_start)
    return lambda codes: np.where((codes[:, group] == 5).any(axis=1), np.inf, costs(codes))


def test_networks_that_cannot_run_are_on_no_front() -> None:
    cost = kernels_of_3_only(uneven_ms(MOBILE))
    box = Objective(name="box", costs=cost, unit="ms")
    problem = Problem(space=MOBILE, accuracy=accuracy, objectives=(box,))

    points = figures(problem, search_front(problem, seed=0, points=6, plan=PLAN))

    assert np.isfinite([point[0] for point in points]).all()
    assert true_front(problem).issuperset(points)


def test_a_cost_that_is_no_sum_has_a_front_too() -> None:
    """Without an additive cost the front comes from mutation and crossover."""
    peak = Objective(name="peak", costs=peak_memory(MOBILE.choices), unit="bytes")
    problem = Problem(space=MOBILE, accuracy=accuracy, objectives=(peak,))

    front = figures(problem, search_front(problem, seed=0, points=4, plan=PLAN))

    costs = peak.costs(CODES[MOBILE.name])
    assert front[0][0] == costs.min()
    assert all(
        point[-1] >= accuracy(CODES[MOBILE.name])[costs <= point[0]].max() for point in front
    )


def test_callbacks_receive_the_size_of_the_front() -> None:
    class RecordingCallback:
        reports: list[SearchProgress] = []  # noqa: RUF012
        closed = 0

        def show(self, look: SearchProgress) -> None:
            self.reports.append(look)

        def close(self) -> None:
            self.closed += 1

    callback = RecordingCallback()

    search_front(problem_of(MOBILE, 1), seed=0, points=5, plan=replace(PLAN, watcher=callback))

    sizes = [report.front for report in callback.reports]
    assert callback.closed == 1
    assert None not in sizes
    assert sizes[-1] is not None
    assert sizes[-1] >= 10


def scored(*rows: tuple[float, ...], excess: float = 0.0) -> Scored:
    """Networks from pairs or triples of costs and, last, accuracy."""
    table = np.array(rows)
    return Scored(
        codes=np.arange(len(rows), dtype=np.int16)[:, None],
        accuracy=table[:, -1],
        excess=np.full(len(rows), excess),
        objectives=table[:, :-1],
        fresh=np.ones(len(rows), dtype=np.bool_),
    )


def test_a_front_is_extended_by_what_nothing_dominates() -> None:
    front = extended(scored((1.0, 0.5)).take(np.zeros(0, dtype=np.intp)), scored((2.0, 0.6)))
    more = scored((3.0, 0.6), (2.0, 0.6), (1.0, 0.5), (2.5, 0.7), (1.0, 0.4))

    front = extended(front, more)

    assert front.objectives[:, 0].tolist() == [1.0, 2.0, 2.5]
    assert front.accuracy.tolist() == [0.5, 0.6, 0.7]
    assert front.codes[1].tolist() == [0]  # of equals, the one that was there
    assert len(extended(front, scored((0.1, 0.9), excess=0.1))) == 3


def test_only_a_coarse_improvement_continues_the_search() -> None:
    front = scored((10.0, 0.6))

    assert not is_new(scored((10.0, 0.60009)), front)
    assert not is_new(scored((9.96, 0.6)), front)
    assert is_new(scored((10.0, 0.6002)), front)
    assert is_new(scored((9.9, 0.6)), front)
    assert not is_new(scored((1.0, 0.9), excess=1.0), front)
    assert is_new(scored((1.0, 0.9)), front.take(np.zeros(0, dtype=np.intp)))


@pytest.mark.parametrize(
    ("points", "expected"),
    [(1, [4]), (2, [0, 4]), (3, [0, 2, 4]), (5, [0, 1, 2, 3, 4]), (9, [0, 1, 2, 3, 4])],
)
def test_points_are_spread_over_the_front(points: int, expected: list[int]) -> None:
    # By hand: costs double each time, accuracies rise evenly; the middle is farthest from the ends.
    front = scored((1, 0.1), (2, 0.2), (4, 0.3), (8, 0.4), (16, 0.5))

    assert spread_over(front, points).tolist() == expected


def test_points_of_two_costs_have_the_cheapest_of_each() -> None:
    rows: Any = [(1, 9, 0.2), (2, 8, 0.3), (5, 5, 0.9), (8, 2, 0.3), (9, 1, 0.2)]

    assert spread_over(scored(*rows), 3).tolist() == [0, 2, 4]
