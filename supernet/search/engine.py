"""Run a search strategy: evaluate its proposals, keep the best, and stop at the budget.

A batch is one array of codes, which every predictor evaluates at once. The result was selected by
its predicted accuracy, which is therefore too high on average: measure it afterwards.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.blocks.spec import BlockSpec
from bench.errors import InfeasibleError, InputError
from supernet.constraints.constraints import Constraint
from supernet.search.archive import Archive
from supernet.search.callbacks import NoWatcher, SearchProgress, Watcher
from supernet.search.evolution import Evolution
from supernet.search.infeasible import why_infeasible
from supernet.search.problem import Accuracies, Problem, Scored, SearchedSpace
from supernet.search.strategy import Strategy
from supernet.space.arch import ArchConfig

# What ended a search: a part of its budget, or a strategy that had nothing more to propose.
EVALUATIONS, PATIENCE, SECONDS, STRATEGY = "evaluations", "patience", "seconds", "strategy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits of a search, which ends at the first one reached.

    `evaluations` counts distinct networks, `patience` batches without improvement. A limit of
    `seconds` makes the result depend on the machine; without it, only the seed matters.
    """

    evaluations: int = 50_000
    seconds: float = math.inf
    patience: int = 400

    def __post_init__(self) -> None:
        if self.evaluations < 1 or self.patience < 1 or not self.seconds > 0:
            raise InputError(
                f"a budget is at least 1 evaluation, 1 batch of patience and more than 0 seconds, "
                f"got {self.evaluations}, {self.patience} and {self.seconds:g}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPlan:
    """Strategy, budget and progress receiver of a search."""

    strategy: Strategy = field(default_factory=Evolution)
    budget: Budget = field(default_factory=Budget)
    watcher: Watcher = field(default_factory=NoWatcher)
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Number of networks evaluated when the best accuracy within the limits reached this value."""

    evaluated: int
    accuracy: float | None


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """Result of a search: `accuracy` is a predicted fraction; `predictions` by constraint name.

    `bounds` has predictions with their margin, for limits that have one, and `confidence` the
    probability with which such limits hold. `ended_by` says what ended the search:
    `evaluations`, `patience`, `seconds`, or the `strategy`.
    """

    space: str
    arch: ArchConfig
    code: tuple[int, ...]
    accuracy: float
    predictions: dict[str, float]
    bounds: dict[str, float]
    confidence: float | None
    limits: dict[str, float]
    units: dict[str, str]
    macs: int
    params: int
    evaluated: int
    seed: int
    strategy: str
    ended_by: str
    history: tuple[Step, ...] = field(repr=False)


def search(
    space: SearchedSpace,
    accuracy: Accuracies,
    constraints: Sequence[Constraint],
    *,
    seed: int,
    plan: SearchPlan | None = None,
) -> SearchResult:
    """Find the network with the highest `accuracy(codes)` that meets every constraint.

    The same seed gives the same result, unless the time limit ends it. `InfeasibleError` names the
    limits that no network meets, and the nearest network.
    """
    plan = plan or SearchPlan()
    problem = Problem.of(space, accuracy, constraints)
    run = Run(problem, plan)
    best = run.run(seed)
    if best.excess[0] > 0:
        raise InfeasibleError(why_infeasible(problem, best.codes))
    return result_of(problem, best, run, seed)


def as_share(accuracy: float) -> float:
    """Clip a predicted accuracy to 0 to 1 for reports; a regression may exceed this range."""
    return min(1.0, max(0.0, float(accuracy)))


def result_of(problem: Problem, best: Scored, run: "Run", seed: int) -> SearchResult:
    """Return the result for one network (one row) of a run."""
    code, space = best.codes[:1], problem.space
    limits = problem.constraints
    blocks = list(_blocks(space, tuple(code[0].tolist())))
    return SearchResult(
        space=space.name,
        arch=space.decode(code)[0],
        code=tuple(int(value) for value in code[0]),
        accuracy=as_share(best.accuracy[0]),
        predictions={
            **{limit.name: float((limit.predicted or limit.costs)(code)[0]) for limit in limits},
            **{limit.name: float(limit.costs(code)[0]) for limit in problem.objectives},
        },
        bounds={limit.name: float(limit.costs(code)[0]) for limit in limits if limit.predicted},
        confidence=next(
            (limit.confidence for limit in limits if limit.confidence is not None), None
        ),
        limits={limit.name: limit.limit for limit in limits},
        units={
            **{limit.name: limit.unit for limit in limits},
            **{limit.name: limit.unit for limit in problem.objectives},
        },
        macs=sum(block.macs for block in blocks),
        params=sum(block.params for block in blocks),
        evaluated=len(run.archive),
        seed=seed,
        strategy=run.strategy_name,
        ended_by=run.ended_by,
        history=tuple(run.history),
    )


def _blocks(space: SearchedSpace, code: tuple[int, ...]) -> Iterator[BlockSpec]:
    """Yield the blocks of one network, without compiling arrays for the whole space."""
    for position in space.choices:
        values = tuple(code[column] for column in position.columns)
        yield from next(blocks for option, blocks in position.options if option == values)


class Run:
    """A search with its archive and history."""

    def __init__(self, problem: Problem, plan: SearchPlan) -> None:
        self.archive = Archive(problem)
        self.history: list[Step] = []
        self.strategy_name = plan.strategy.name
        self.ended_by = STRATEGY
        self._problem = problem
        self._plan = plan
        self._best: Scored | None = None
        self._costs: dict[str, float] = {}  # of the best network, by limit
        self._idle = 0
        self._started = plan.clock()

    def run(self, seed: int) -> Scored:
        """Search until the budget is spent; return the best network, one row."""
        proposals = self._plan.strategy.propose(self._problem, np.random.default_rng(seed))
        try:
            codes = next(proposals)
            while (scored := self._evaluate(codes)) is not None:
                codes = proposals.send(scored)
        except StopIteration:
            pass  # the strategy has no more proposals
        finally:
            proposals.close()
            self._plan.watcher.close()
        if self._best is None:
            raise InputError(f"the strategy {self.strategy_name} proposed no network")
        self.history.append(self._step())
        return self._best

    def _evaluate(self, codes: "np.ndarray[tuple[int, int], np.dtype[np.int16]]") -> Scored | None:
        """Score a batch; None where the search ends."""
        budget, before = self._plan.budget, len(self.archive)
        scored = self.archive.score(codes, budget.evaluations - before)
        self._idle += 1
        fresh = self.archive.since(before)
        if len(fresh) and self.found_better(fresh):
            self._idle = 0
        self._plan.watcher.show(self._progress())
        if len(self.archive) >= budget.evaluations:
            self.ended_by = EVALUATIONS
        elif self._idle >= budget.patience:
            self.ended_by = PATIENCE
        elif self._plan.clock() - self._started >= budget.seconds:
            self.ended_by = SECONDS
        return scored if self.ended_by == STRATEGY else None

    def found_better(self, fresh: Scored) -> bool:
        """Record new networks; return whether they improve the result."""
        best = fresh.top(1)
        if self._best is not None and not best.beats(self._best):
            return False
        self._best = best
        self._costs = {
            limit.name: float(limit.costs(best.codes)[0]) for limit in self._problem.constraints
        }
        self.history.append(self._step())
        return True

    def front_size(self) -> int | None:
        """Return the current size of the front; None in a search for a single network."""
        return None

    def _step(self) -> Step:
        best = self._best
        within = best is not None and best.excess[0] == 0
        accuracy = as_share(best.accuracy[0]) if best is not None and within else None
        return Step(evaluated=len(self.archive), accuracy=accuracy)

    def _progress(self) -> SearchProgress:
        problem, budget = self._problem, self._plan.budget
        return SearchProgress(
            what=f"{self.strategy_name} search",
            evaluated=len(self.archive),
            seconds=self._plan.clock() - self._started,
            accuracy=self._step().accuracy,
            costs=self._costs,
            limits={one.name: one.limit for one in problem.constraints},
            units={one.name: one.unit for one in problem.constraints},
            budget=budget.evaluations,
            budget_s=budget.seconds if math.isfinite(budget.seconds) else None,
            idle=self._idle,
            patience=budget.patience,
            front=self.front_size(),
        )
