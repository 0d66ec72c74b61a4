"""Estimate the selection effect (winner's curse): searched networks are predicted too fast.

A search prefers blocks whose predicted latency is too low. The effect is simulated: random errors
of the size that the predictor states are drawn for every block, networks are searched with the
predictor that contains these errors, and its predictions are compared with those of the original
predictor.
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
# Budget of each search: enough to come near the best network, not to converge.
BUDGET = Budget(evaluations=3000, patience=8)
_SAMPLED = 500  # random networks to compare errors on


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Log errors of predictions for searched networks, relative to random ones, (draws,)."""

    logs: tuple[float, ...]

    @property
    def log_mean(self) -> float:
        """Mean log error, at least 0, since a search can only profit from errors."""
        return max(0.0, float(np.mean(self.logs))) if self.logs else 0.0


def selection_effect(  # noqa: PLR0913 - the parts of a search, and the predictor
    space: SearchedSpace,
    accuracy: Accuracies,
    limited: Constraint,
    others: Sequence[Constraint],
    predictor: "LatencyPredictor",
    *,
    seed: int,
) -> Selection:
    """Simulate the selection effect of searches under `limited`, a limit on `predictor`.

    Draws in which no network meets the limits are ignored.
    """
    error_model = _ErringPredictor.of(space, predictor, seed)
    predicted = limited.predicted or limited.costs
    random = space.sample_codes(np.random.default_rng(seed), _SAMPLED)
    random = random[np.isfinite(predicted(random))]
    logs = []
    for draw in range(DRAWS):
        erroneous_ms = error_model.draw(draw)

        def upper(codes: Codes, erroneous_ms: Costs = erroneous_ms) -> Floats:
            upper_ms: Floats = limited.costs(codes) * (erroneous_ms(codes) / predicted(codes))
            return upper_ms

        erroneous_limit = replace(limited, costs=upper, predicted=erroneous_ms)
        try:
            result = search(
                space,
                accuracy,
                [erroneous_limit, *others],
                seed=seed,
                plan=SearchPlan(budget=BUDGET),
            )
        except InfeasibleError:
            continue
        codes = np.concatenate([np.array([result.code], dtype=np.int16), random])
        log_errors = np.log(predicted(codes) / erroneous_ms(codes))
        # The error of random networks is not an effect of selection.
        logs.append(float(log_errors[0] - np.median(log_errors[1:])))
    return Selection(logs=tuple(logs))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _ErringPredictor:
    """Predictor with independent random block errors of relative standard deviation `std`."""

    space: SearchedSpace
    predictor: "LatencyPredictor"
    costs_ms: Mapping[BlockSpec, float]
    std: float
    seed: int

    @classmethod
    def of(cls, space: SearchedSpace, predictor: "LatencyPredictor", seed: int) -> Self:
        """Choose `std` so that errors of random networks agree with the predictor's own estimate.

        Errors of blocks are independent, so the variance of a network is the sum over its blocks.
        """
        specs = sorted(blocks_of(space), key=lambda spec: spec.key)
        costs_ms = dict(zip(specs, predictor.block_ms(specs).tolist(), strict=True))
        codes = space.sample_codes(np.random.default_rng(seed), _SAMPLED)
        ms, std_ms = compile_spread(predictor, space.choices).predict(codes)
        squares = compile_sum(_each(lambda spec: costs_ms[spec] ** 2), space.choices).total(codes)
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
    """Return a cost function of many blocks from a function of a single block."""
    return lambda specs: np.array([value(spec) for spec in specs], dtype=np.float64)
