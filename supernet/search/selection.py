"""The selection effect (winner's curse): how much too fast a searched network is predicted.

A search prefers blocks that a predictor takes for faster than they are. How much that comes to is
simulated: errors of the size that the predictor states are drawn for every block, networks are
searched by the predictor with those errors in it, and their latencies by the predictor itself say
how much too low the erring one was.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from bench.errors import InfeasibleError
from latency_models.vectorized.lookup_arrays import CostOf
from latency_models.vectorized.vectorized_cost import compile_sum
from latency_models.vectorized.vectorized_predictor import compile_spread
from supernet.constraints.constraints import Constraint, Costs
from supernet.search.engine import Budget, SearchPlan, search
from supernet.search.problem import Accuracies, SearchedSpace
from supernet.space.coded_space import blocks_of
from supernet.space.codes import Codes

if TYPE_CHECKING:
    from latency_models.predictors.predictor import LatencyPredictor

Floats = NDArray[np.float64]

DRAWS = 6
# Of each search: enough to climb to near the best, by far not enough to end there.
BUDGET = Budget(evaluations=3000, patience=8)
_SAMPLED = 500  # networks, to compare errors on


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Log of true over predicted latency, searched networks over random ones, (draws,)."""

    logs: tuple[float, ...]

    @property
    def log_mean(self) -> float:
        """The mean, 0 where it is below: it can only be that a search gains by errors."""
        return max(0.0, float(np.mean(self.logs))) if self.logs else 0.0


def selection_effect(  # noqa: PLR0913 - a search's parts, and the predictor that may err
    space: SearchedSpace,
    accuracy: Accuracies,
    limited: Constraint,
    others: Sequence[Constraint],
    predictor: "LatencyPredictor",
    *,
    seed: int,
) -> Selection:
    """Simulate the selection effect of searches under `limited`, a limit on `predictor`.

    A draw in which no network is within the limits says nothing.
    """
    erring = _ErringPredictor.of(space, predictor, seed)
    predicted = limited.predicted or limited.costs
    random = space.sample_codes(np.random.default_rng(seed), _SAMPLED)
    random = random[np.isfinite(predicted(random))]
    logs = []
    for draw in range(DRAWS):
        wrong_ms = erring.draw(draw)

        def upper(codes: Codes, wrong_ms: Costs = wrong_ms) -> Floats:
            found: Floats = limited.costs(codes) * (wrong_ms(codes) / predicted(codes))
            return found

        wrong = replace(limited, costs=upper, predicted=wrong_ms)
        try:
            found = search(
                space, accuracy, [wrong, *others], seed=seed, plan=SearchPlan(budget=BUDGET)
            )
        except InfeasibleError:
            continue
        codes = np.concatenate([np.array([found.code], dtype=np.int16), random])
        off = np.log(predicted(codes) / wrong_ms(codes))
        # What random networks are off by is no gain of the search.
        logs.append(float(off[0] - np.median(off[1:])))
    return Selection(logs=tuple(logs))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _ErringPredictor:
    """A predictor whose blocks may be wrong, each by itself, relatively by `std`."""

    space: SearchedSpace
    predictor: "LatencyPredictor"
    costs_ms: Mapping[BlockSpec, float]
    std: float
    seed: int

    @classmethod
    def of(cls, space: SearchedSpace, predictor: "LatencyPredictor", seed: int) -> Self:
        """Of random networks' errors: these are what the predictor states when blocks' are `std`.

        Errors of blocks are independent, so a network's variance is the sum of theirs.
        """
        specs = sorted(blocks_of(space), key=lambda spec: spec.key)
        costs_ms = dict(zip(specs, predictor.block_ms(specs).tolist(), strict=True))
        codes = space.sample_codes(np.random.default_rng(seed), _SAMPLED)
        ms, std_ms = compile_spread(predictor, space.choices).predict(codes)
        squares = compile_sum(_each(lambda one: costs_ms[one] ** 2), space.choices).total(codes)
        runs = np.isfinite(ms) & (squares > 0)
        std = float(np.median(std_ms[runs] / np.sqrt(squares[runs]))) if runs.any() else 0.0
        return cls(space=space, predictor=predictor, costs_ms=costs_ms, std=std, seed=seed)

    def draw(self, number: int) -> Costs:
        """Return latencies in ms (n,) of codes, with the errors of one draw."""
        rng = np.random.default_rng([self.seed, 1 + number])
        errors = np.exp(self.std * rng.standard_normal(len(self.costs_ms)))
        costs_ms = dict(
            zip(self.costs_ms, errors * np.array([*self.costs_ms.values()]), strict=True)
        )
        total = compile_sum(_each(costs_ms.__getitem__), self.space.choices).total
        link = self.predictor.composition.link
        return lambda codes: link(total(codes))


def _each(value: Callable[[BlockSpec], float]) -> CostOf:
    """A figure of blocks one by one, as arrays take it."""
    return lambda specs: np.array([value(spec) for spec in specs], dtype=np.float64)
