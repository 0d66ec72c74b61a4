"""Evolutionary search: the network of highest predicted accuracy within every limit.

A whole generation is one array of codes, and every predictor sees it at once. Networks within the
limits are ranked by accuracy; before them all, those outside by how far outside they are, so that
the search walks into tight limits by itself. What it returns was chosen for its predicted
accuracy, which is therefore too high on average: the truth is what is measured later.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bench.errors import InfeasibleError, InputError
from supernet.arch import ArchConfig
from supernet.codes import Codes
from supernet.constraints import CodedSpace, Constraint, Costs, macs, params

Array = NDArray[np.float64]
Accuracies = Callable[[Codes], Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evolution:
    """How the search goes; `budget` counts networks evaluated, repetitions not among them."""

    budget: int = 20_000
    population: int = 100
    parents: float = 0.25
    mutants: float = 0.5
    mutation: float = 0.1
    patience: int = 100  # generations without a better network before it stops

    def __post_init__(self) -> None:
        if self.population < 4:
            raise InputError(f"a population is at least 4 networks, got {self.population}")
        if self.budget < self.population:
            raise InputError(
                f"the budget of {self.budget} evaluations is less than one population of "
                f"{self.population}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One generation: networks evaluated so far, and the best accuracy within the limits."""

    evaluated: int
    accuracy: float | None


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """The network found. `accuracy` is a fraction, predicted; `predictions` by constraint name."""

    space: str
    arch: ArchConfig
    code: tuple[int, ...]
    accuracy: float
    predictions: dict[str, float]
    limits: dict[str, float]
    macs: int
    params: int
    evaluated: int
    seed: int
    history: tuple[Step, ...] = field(repr=False)


def search(
    space: CodedSpace,
    accuracy: Accuracies,
    constraints: Sequence[Constraint],
    *,
    seed: int,
    evolution: Evolution | None = None,
) -> SearchResult:
    """Find the network with the highest `accuracy(codes)` that meets every constraint.

    The same seed gives the same result. It begins with random networks, and the smallest and the
    largest of each resolution. `InfeasibleError` names the limits that nothing meets.
    """
    evolution = evolution or Evolution()
    run = _Run(space, accuracy, constraints, evolution)
    best, history = run.evolve(np.random.default_rng(seed))
    code = best.codes[:1]
    if best.excess[0] > 0:
        raise InfeasibleError(_why_infeasible(space, constraints, code, seed, evolution))
    return SearchResult(
        space=space.name,
        arch=space.decode(code)[0],
        code=tuple(int(value) for value in code[0]),
        accuracy=float(best.accuracy[0]),
        predictions={limit.name: float(limit.costs(code)[0]) for limit in constraints},
        limits={limit.name: limit.limit for limit in constraints},
        macs=int(macs(space.choices)(code)[0]),
        params=int(params(space.choices)(code)[0]),
        evaluated=run.evaluated,
        seed=seed,
        history=tuple(history),
    )


def cheapest(
    space: CodedSpace,
    costs: Costs,
    *,
    seed: int,
    evolution: Evolution | None = None,
) -> tuple[Codes, float]:
    """Search the network that costs least: its code (1, columns) and its cost."""
    run = _Run(space, lambda codes: -costs(codes), (), evolution or Evolution())
    best, _ = run.evolve(np.random.default_rng(seed))
    return best.codes[:1], -float(best.accuracy[0])


def front_limits(space: CodedSpace, costs: Costs, n: int, *, seed: int) -> list[float]:
    """Return `n` limits spread evenly, in ratio, from a little above the least cost to the most."""
    _, least = cheapest(space, costs, seed=seed)
    _, most = cheapest(space, lambda codes: -costs(codes), seed=seed)
    # The first of n + 1 steps is left out: no choice is left at the least cost itself.
    limits: list[float] = np.geomspace(least, -most, n + 1)[1:].tolist()
    return limits


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Networks in order: first those nearest to the limits, then the most accurate."""

    codes: Codes
    accuracy: Array
    excess: Array

    def top(self, n: int) -> "_Ranked":
        # The codes themselves settle ties, so that the order never depends on where it came from.
        keys = [*self.codes.T[::-1], -self.accuracy, self.excess]
        order = np.lexsort(keys)[:n]
        return _Ranked(self.codes[order], self.accuracy[order], self.excess[order])

    def joined(self, other: "_Ranked") -> "_Ranked":
        return _Ranked(
            np.concatenate([self.codes, other.codes]),
            np.concatenate([self.accuracy, other.accuracy]),
            np.concatenate([self.excess, other.excess]),
        )


class _Run:
    """One evolution, and what it has seen."""

    def __init__(
        self,
        space: CodedSpace,
        accuracy: Accuracies,
        constraints: Sequence[Constraint],
        evolution: Evolution,
    ) -> None:
        self._space = space
        self._accuracy = accuracy
        self._constraints = constraints
        self._how = evolution
        self._seen: set[bytes] = set()

    @property
    def evaluated(self) -> int:
        return len(self._seen)

    def evolve(self, rng: np.random.Generator) -> tuple[_Ranked, list[Step]]:
        """Evolve until the budget is spent or nothing better was found for a while."""
        how = self._how
        extremes = [
            arch
            for resolution in self._space.resolutions
            for arch in (self._space.smallest(resolution), self._space.largest(resolution))
        ]
        start = [self._space.encode(extremes), self._space.sample_codes(rng, how.population)]
        ranked = self._evaluate(np.concatenate(start)).top(how.population)
        history = [self._step(ranked)]
        idle = 0
        while self.evaluated < how.budget and idle < how.patience:
            before = (ranked.excess[0], -ranked.accuracy[0])
            children = self._evaluate(self._children(ranked, rng))
            ranked = ranked.joined(children).top(how.population)
            idle = 0 if (ranked.excess[0], -ranked.accuracy[0]) < before else idle + 1
            history.append(self._step(ranked))
        return ranked, history

    def _evaluate(self, codes: Codes) -> _Ranked:
        """Accuracy and excess of those codes that were not seen before, within the budget."""
        fresh = []
        for row, code in enumerate(codes):
            if self.evaluated >= self._how.budget:
                break
            key = code.tobytes()
            if key not in self._seen:
                self._seen.add(key)
                fresh.append(row)
        codes = codes[fresh]
        excess = np.zeros(len(codes))
        if not len(codes):
            return _Ranked(codes, np.zeros(0), excess)
        for limit in self._constraints:
            excess += limit.excess(limit.costs(codes))
        accuracy = np.asarray(self._accuracy(codes), dtype=np.float64)
        # A network that cannot run costs infinitely much, which is beyond any limit.
        if np.isnan(excess).any() or np.isnan(accuracy).any() or accuracy.max() == np.inf:
            raise InputError("a predictor gave a network a figure that is no number; fit it again")
        return _Ranked(codes, accuracy, excess)

    def _children(self, ranked: _Ranked, rng: np.random.Generator) -> Codes:
        how, space = self._how, self._space
        parents = ranked.codes[: max(2, round(how.parents * how.population))]
        mutants = round(how.mutants * how.population)
        chosen = parents[rng.integers(len(parents), size=mutants)]
        mutated = space.mutate_codes(chosen, rng, how.mutation)
        pairs = rng.integers(len(parents), size=(2, how.population - mutants))
        crossed = space.crossover_codes(parents[pairs[0]], parents[pairs[1]], rng)
        return np.concatenate([mutated, crossed])

    def _step(self, ranked: _Ranked) -> Step:
        accuracy = float(ranked.accuracy[0]) if ranked.excess[0] == 0 else None
        return Step(evaluated=self.evaluated, accuracy=accuracy)


def _why_infeasible(
    space: CodedSpace,
    constraints: Sequence[Constraint],
    nearest: Codes,
    seed: int,
    evolution: Evolution,
) -> str:
    """Name each limit that binds, and what the network that costs least there takes."""
    impossible, binding = [], []
    for limit in constraints:
        _, least = cheapest(space, limit.costs, seed=seed, evolution=evolution)
        asked = f"{limit.name}: {limit.limit:g} {limit.unit} was asked"
        if least > limit.limit:
            fastest = "the fastest network takes" if limit.unit == "ms" else "the least is"
            told = f"; {limit.hint}" if limit.hint else ""
            impossible.append(f"{asked}, {fastest} {least:.4g} {limit.unit}{told}")
        elif limit.excess(limit.costs(nearest))[0] > 0:
            nearest_cost = limit.costs(nearest)[0]
            binding.append(f"{asked}, the nearest network has {nearest_cost:.4g} {limit.unit}")
    if impossible:
        return f"no network of {space.name} is within the limit on {'; on '.join(impossible)}"
    return (
        f"no network of {space.name} was found within all limits together, though each by itself "
        f"can be met; what binds is {'; '.join(binding)}"
    )
