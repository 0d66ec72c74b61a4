"""Contract of every strategy: budgets, limits, seeds, histories and callbacks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.errors import InfeasibleError, InputError
from supernet.constraints.constraints import Constraint, macs, params
from supernet.search.baseline_strategies import Exhaustive, RandomSearch, every_network
from supernet.search.callbacks import SearchProgress
from supernet.search.engine import Budget, SearchPlan, SearchResult, search
from supernet.search.evolution import Evolution, RegularisedEvolution
from supernet.search.strategy import Strategy
from supernet.space.codes import Codes
from supernet.space.space import SearchSpace
from tests.support.sampling_spaces import MOBILE, RESNET, Everything, limit, uneven_ms

Floats = NDArray[np.float64]
CODES = Everything.of(MOBILE.layout).codes
STRATEGIES: dict[str, Strategy] = {
    "evolution": Evolution(population=20),
    "no climbs": Evolution(population=20, climbs=0),
    "regularised": RegularisedEvolution(population=20, sample=5, children=5),
    "random": RandomSearch(batch=20),
    "exhaustive": Exhaustive(batch=50),
}
every_strategy = pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=list(STRATEGIES))


def accuracy(codes: Codes) -> Floats:
    """Grows with every choice, but what one choice brings depends on others."""
    grows = codes @ np.linspace(0.001, 0.004, codes.shape[1])
    odd = np.sin(codes.astype(np.float64) @ np.arange(1.0, codes.shape[1] + 1))
    return np.asarray(0.3 + grows + 0.003 * odd)


@dataclass
class RecordingAccuracy:
    """An accuracy that records the codes it evaluates; fails after `fails_after` batches."""

    fails_after: int = 10**9
    seen: list[Codes] = field(default_factory=list)

    def __call__(self, codes: Codes) -> Floats:
        if len(self.seen) >= self.fails_after:
            raise InputError("the accuracy is out of order")
        self.seen.append(codes.copy())
        return accuracy(codes)


@dataclass
class RecordingCallback:
    """Callback that stores every progress report."""

    reports: list[SearchProgress] = field(default_factory=list)
    closed: int = 0

    def show(self, look: SearchProgress) -> None:
        assert not self.closed
        self.reports.append(look)

    def close(self) -> None:
        self.closed += 1


def limits(share: float = 0.4) -> list[Constraint]:
    """Return limits that each bind for some networks."""
    costs = (uneven_ms(MOBILE), params(MOBILE.choices), macs(MOBILE.choices))
    names = ("box", "params", "macs")
    return [
        limit(cost, float(np.quantile(cost(CODES), share)), name=name)
        for cost, name in zip(costs, names, strict=True)
    ]


def run(
    strategy: Strategy,
    *,
    accuracy: Callable[[Codes], Floats] = accuracy,
    constraints: list[Constraint] | None = None,
    seed: int = 1,
    **more: Any,
) -> SearchResult:
    budget = replace(Budget(evaluations=300, patience=30), **more.pop("budget", {}))
    constraints = limits() if constraints is None else constraints
    plan = SearchPlan(strategy=strategy, budget=budget, **more)
    return search(MOBILE, accuracy, constraints, seed=seed, plan=plan)


@every_strategy
def test_the_network_returned_is_within_every_limit(strategy: Strategy) -> None:
    result = run(strategy)

    code = np.array([result.code], dtype=np.int16)
    for constraint in limits():
        assert result.predictions[constraint.name] == constraint.costs(code)[0] <= constraint.limit
        assert result.limits[constraint.name] == constraint.limit
    assert result.accuracy == accuracy(code)[0]
    assert MOBILE.encode([result.arch]).tolist() == [list(result.code)]
    assert result.macs == result.predictions["macs"]
    assert result.bounds == {}
    assert result.strategy == strategy.name


@every_strategy
def test_the_same_seed_gives_the_same_result(strategy: Strategy) -> None:
    assert run(strategy, seed=4) == run(strategy, seed=4)
    # What is random before does not matter.
    np.random.default_rng(0).random(5)
    assert run(strategy, seed=4).history == run(strategy, seed=4).history


@every_strategy
@pytest.mark.parametrize("evaluations", [1, 7, 61, 118, 203])
def test_the_budget_counts_each_network_once(strategy: Strategy, evaluations: int) -> None:
    recorder = RecordingAccuracy()

    result = run(strategy, accuracy=recorder, constraints=[], budget={"evaluations": evaluations})

    rows = np.concatenate(recorder.seen)
    assert len(rows) == len(np.unique(rows, axis=0)) == result.evaluated
    assert result.evaluated <= evaluations
    assert result.accuracy == accuracy(rows).max()
    assert (MOBILE.layout.canonical(rows) == rows).all()


@every_strategy
def test_history_ascends_to_the_result(strategy: Strategy) -> None:
    result = run(strategy)

    evaluated = [step.evaluated for step in result.history]
    accuracies = [step.accuracy for step in result.history if step.accuracy is not None]
    assert evaluated == sorted(evaluated)
    assert accuracies == sorted(accuracies)
    assert accuracies[-1] == result.accuracy
    assert evaluated[-1] == result.evaluated


@every_strategy
def test_a_search_ends_without_improvement(strategy: Strategy) -> None:
    callback = RecordingCallback()
    flat = run(
        strategy,
        accuracy=lambda codes: np.full(len(codes), 0.5),
        constraints=[],
        watcher=callback,
        budget={"evaluations": 10_000, "patience": 5},
    )

    idle = [report.idle for report in callback.reports]
    # The first batch is better than nothing; a tie is no better.
    assert idle == list(range(len(idle)))
    assert idle[-1] == 5
    assert flat.ended_by == "patience"
    assert flat.accuracy == 0.5


@every_strategy
def test_a_search_ends_when_its_seconds_are_over(strategy: Strategy) -> None:
    ticks, callback = count(), RecordingCallback()

    result = run(
        strategy,
        constraints=[],
        budget={"seconds": 7.0, "evaluations": 10_000, "patience": 10_000},
        clock=lambda: float(next(ticks)),
        watcher=callback,
    )

    # The clock is read when the search begins, and twice a batch.
    assert [report.seconds for report in callback.reports] == [1.0, 3.0, 5.0, 7.0]
    assert callback.closed == 1
    assert {report.budget_s for report in callback.reports} == {7.0}
    assert result.ended_by == "seconds"


@every_strategy
def test_callbacks_receive_the_state_of_the_search(strategy: Strategy) -> None:
    callback = RecordingCallback()

    result = run(strategy, watcher=callback)

    last = callback.reports[-1]
    assert callback.closed == 1
    assert [report.evaluated for report in callback.reports] == sorted(
        report.evaluated for report in callback.reports
    )
    assert (last.evaluated, last.accuracy) == (result.evaluated, result.accuracy)
    assert (dict(last.costs), dict(last.limits)) == (result.predictions, result.limits)
    assert (last.budget, last.patience, last.front, last.budget_s) == (300, 30, None, None)
    assert dict(last.units) == {"box": "ms", "params": "ms", "macs": "ms"}


@every_strategy
@pytest.mark.parametrize("batches", [0, 1, 3])
def test_callbacks_are_closed_when_a_predictor_fails(strategy: Strategy, batches: int) -> None:
    callback = RecordingCallback()

    with pytest.raises(InputError, match="out of order"):
        run(strategy, accuracy=RecordingAccuracy(fails_after=batches), watcher=callback)

    assert (len(callback.reports), callback.closed) == (batches, 1)


@every_strategy
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_an_accuracy_that_is_no_number_is_refused(strategy: Strategy, wrong: float) -> None:
    with pytest.raises(InputError, match="not a number"):
        run(strategy, accuracy=lambda codes: np.full(len(codes), wrong))


@every_strategy
def test_limits_that_nothing_meets_are_named(strategy: Strategy) -> None:
    box = uneven_ms(MOBILE)
    least = box(CODES).min()
    callback = RecordingCallback()

    with pytest.raises(InfeasibleError) as error:
        run(strategy, constraints=[limit(box, least * 0.9), *limits()[1:]], watcher=callback)

    assert f"the fastest network takes {least:.4g} ms" in str(error.value)
    assert f"box: {least * 0.9:g} ms was requested" in str(error.value)
    assert "params" not in str(error.value)
    assert callback.closed == 1
    assert callback.reports[-1].accuracy is None


@every_strategy
def test_networks_that_cannot_run_are_never_returned(strategy: Strategy) -> None:
    """A kernel of 5 that the device does not support has infinite cost."""

    def cost(codes: Codes) -> Floats:
        kernels = codes[:, MOBILE.layout.kernel_start : MOBILE.layout.expand_start]
        return np.where((kernels == 5).any(axis=1), np.inf, uneven_ms(MOBILE)(codes))

    result = run(strategy, constraints=[limit(cost, 1e6)], budget={"evaluations": 800})

    runs = CODES[np.isfinite(cost(CODES))]
    assert 5 not in result.code[MOBILE.layout.kernel_start : MOBILE.layout.expand_start]
    if strategy.name in ("evolution", "exhaustive"):
        assert result.accuracy == accuracy(runs).max()


@pytest.mark.parametrize("space", [MOBILE, RESNET], ids=lambda space: space.name)
def test_every_network_comes_once(space: SearchSpace) -> None:
    rows = np.array(list(every_network(space.layout)), dtype=np.int16)

    assert len(rows) == space.count() * len(space.resolutions)
    assert (np.unique(rows, axis=0) == Everything.of(space.layout).codes).all()


def test_trying_every_network_finds_the_best() -> None:
    result = run(Exhaustive(batch=64), budget={"evaluations": 10_000})

    within = np.all(
        [constraint.costs(CODES) <= constraint.limit for constraint in limits()], axis=0
    )
    assert result.evaluated == len(CODES) == 800
    assert result.accuracy == accuracy(CODES[within]).max()


def test_a_space_too_large_to_try_is_refused() -> None:
    tiny = SearchSpace.load("tiny")
    callback = RecordingCallback()
    plan = SearchPlan(strategy=Exhaustive(), watcher=callback)

    with pytest.raises(InputError, match=r"tiny has 1\.81e\+08 networks, at most .* can be tried"):
        search(tiny, accuracy, [], seed=0, plan=plan)
    assert (callback.reports, callback.closed) == ([], 1)


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (RegularisedEvolution, {"sample": 0}),
        (RegularisedEvolution, {"sample": 101}),
        (RegularisedEvolution, {"children": 0}),
        (RegularisedEvolution, {"children": 101}),
        (Evolution, {"population": 3}),
    ],
)
def test_a_strategy_that_cannot_run_is_refused(make: Callable[..., Any], wrong: Any) -> None:
    with pytest.raises(InputError, match="got"):
        make(**wrong)


def test_a_strategy_that_proposes_nothing_is_refused() -> None:
    class Silent:
        name = "silent"

        def propose(self, problem: object, rng: object) -> Iterator[Codes]:
            yield from ()

    with pytest.raises(InputError, match="silent proposed no network"):
        run(Silent())  # type: ignore[arg-type]
