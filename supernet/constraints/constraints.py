"""Constraints of a search: upper bounds on costs, and the functions that compute the costs.

What is counted (MACs, parameters, memory, size) is in supernet.constraints.static_costs; what a
predictor tells is here, where wanted with a margin for what the predictor is uncertain by.
"""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from supernet.constraints.static_costs import SummedCost, macs, model_size, params, peak_memory
from supernet.space.coded_space import CodedSpace, Costs, blocks_of, column_values, thermometer

if TYPE_CHECKING:
    from latency_models.drift.margin import Margin
    from latency_models.predictors.predictor import LatencyPredictor
    from latency_models.vectorized.vectorized_predictor import VectorizedSpread

__all__ = [
    "EXTRAPOLATED",
    "CodedSpace",
    "Constraint",
    "Costs",
    "SummedCost",
    "column_values",
    "latency",
    "macs",
    "measured",
    "model_size",
    "params",
    "peak_memory",
    "thermometer",
]

EXTRAPOLATED = "extrapolated on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """A limit: `costs(codes)` must stay at or below `limit`.

    `name` is a target's key, "macs", "params" and the like; `unit` is what a person reads after a
    figure, `hint` what to do where nothing meets the limit. With a `confidence`, `costs` are upper
    bounds that hold with that probability, and `predicted` the costs without the margin.
    """

    name: str
    costs: Costs
    limit: float
    unit: str
    hint: str = ""
    predicted: Costs | None = None
    confidence: float | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.limit) and self.limit > 0):
            raise InputError(
                f"the limit on {self.name} is {self.limit}, expected a number above 0 ({self.unit})"
            )

    def excess(self, costs: NDArray[np.float64]) -> NDArray[np.float64]:
        """By what share of the limit each cost is above it; 0 within it."""
        return np.maximum(costs / self.limit - 1.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompiledLatency:
    """A latency predictor compiled for a space, to make limits of; `latency` is for one limit."""

    name: str
    spread: "VectorizedSpread"

    @classmethod
    def of(cls, space: CodedSpace, predictor: "LatencyPredictor") -> Self:
        """Compile; `InputError` where the predictor is of another space."""
        from latency_models.vectorized.vectorized_predictor import compile_spread

        _check_space(space, predictor)
        return cls(name=predictor.target.key, spread=compile_spread(predictor, space.choices))

    def limit(self, max_ms: float, margin: "Margin | None" = None) -> Constraint:
        """Limit of `max_ms`; see `latency` for the margin."""
        predicted = self.spread.latency.predict
        if margin is None:
            return Constraint(name=self.name, costs=predicted, limit=max_ms, unit="ms")
        upper_ms, spread = margin.compiled(), self.spread
        return Constraint(
            name=self.name,
            costs=lambda codes: upper_ms(*spread.predict(codes)),
            limit=max_ms,
            unit="ms",
            predicted=predicted,
            confidence=margin.confidence,
        )


def latency(
    space: CodedSpace,
    predictor: "LatencyPredictor",
    max_ms: float,
    margin: "Margin | None" = None,
) -> Constraint:
    """Limit of `max_ms` on the predictor's target; `InputError` if it is of another space.

    With a `margin` (`latency_models.predictors.margins.margin_of`) costs are what the latencies
    stay below with its confidence; without, they are the predictions.
    """
    return CompiledLatency.of(space, predictor).limit(max_ms, margin)


def measured(space: CodedSpace, predictor: "LatencyPredictor") -> Constraint | None:
    """Limit to networks that the predictor need not guess; None where it guesses none.

    Outside its domain a predictor is least true, and a search goes where it is too low.
    """
    from latency_models.vectorized.vectorized_cost import compile_sum
    from latency_models.vectorized.vectorized_predictor import extrapolated_of

    count = extrapolated_of(predictor)
    if not count(list(blocks_of(space))).any():
        return None
    costs = compile_sum(count, space.choices).total
    name = f"{EXTRAPOLATED} {predictor.target.key}"
    hint = "measure those, or search them too by --allow-extrapolated"
    return Constraint(name=name, costs=costs, limit=0.5, unit="blocks", hint=hint)


def _check_space(space: CodedSpace, predictor: "LatencyPredictor") -> None:
    # Whatever the size: a space narrowed to some resolutions has the same blocks.
    blocks = {replace(block, in_size=1) for block in blocks_of(space)}
    shared = sum(replace(block, in_size=1) in blocks for block in predictor.known)
    # Spaces of one family share a few blocks; all that a sweep of this space knows is its own.
    if 2 * shared < len(predictor.known):
        raise InputError(
            f"the latency predictor of {predictor.target.key} knows {len(predictor.known)} blocks, "
            f"of which the space {space.name} has {shared}: it is of another space; sweep "
            f"{space.name} on the device and fit again"
        )
