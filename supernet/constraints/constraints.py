"""Constraints of a search: upper limits on costs, and the functions that compute the costs.

Static costs (MACs, parameters, memory, size) are in supernet.constraints.static_costs; costs by a
latency predictor are here, optionally with a margin for its uncertainty.
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
    "model_size",
    "params",
    "peak_memory",
    "thermometer",
    "without_extrapolation",
]

EXTRAPOLATED = "extrapolated on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """A limit: `costs(codes)` must stay at or below `limit`.

    `name` is the key of a target, or "macs", "params" etc.; `unit` follows a figure in texts;
    `hint` says what to do where no network meets the limit. With a `confidence`, `costs` are upper
    bounds that hold with that probability, and `predicted` are the costs without the margin.
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
        """Return by what share of the limit each cost exceeds it; 0 within the limit."""
        return np.maximum(costs / self.limit - 1.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompiledLatency:
    """Latency predictor compiled for a space, for several limits; `latency` makes a single one."""

    name: str
    spread: "VectorizedSpread"
    unit: str = "ms"

    @classmethod
    def of(
        cls,
        space: CodedSpace,
        predictor: "LatencyPredictor",
        *,
        name: str | None = None,
        unit: str = "ms",
    ) -> Self:
        """Compile a predictor; `InputError` where it is of another space.

        `name` None means the target's key. Another `unit` than ms is of another cost than latency.
        """
        from latency_models.vectorized.vectorized_predictor import compile_spread

        _check_space(space, predictor)
        spread = compile_spread(predictor, space.choices)
        return cls(name=name or predictor.target.key, spread=spread, unit=unit)

    def limit(self, max_ms: float, margin: "Margin | None" = None) -> Constraint:
        """Return the limit of `max_ms`; `latency` describes the margin."""
        predicted = self.spread.latency.predict
        if margin is None:
            return Constraint(name=self.name, costs=predicted, limit=max_ms, unit=self.unit)
        upper_ms, spread = margin.compiled(), self.spread
        return Constraint(
            name=self.name,
            costs=lambda codes: upper_ms(*spread.predict(codes)),
            limit=max_ms,
            unit=self.unit,
            predicted=predicted,
            confidence=margin.confidence,
        )


def latency(  # noqa: PLR0913 - a limit, and what it is called
    space: CodedSpace,
    predictor: "LatencyPredictor",
    max_ms: float,
    margin: "Margin | None" = None,
    *,
    name: str | None = None,
    unit: str = "ms",
) -> Constraint:
    """Return the limit of `max_ms` on the predictor's target; `InputError` for another space.

    With a `margin` (`latency_models.predictors.margins.margin_of`) costs are upper bounds of the
    latencies at its confidence; without, they are the predictions.
    """
    return CompiledLatency.of(space, predictor, name=name, unit=unit).limit(max_ms, margin)


def without_extrapolation(
    space: CodedSpace, predictor: "LatencyPredictor", key: str | None = None
) -> Constraint | None:
    """Return the limit to networks without extrapolated blocks; None where the space has none.

    Outside its domain a predictor is least accurate, and a search prefers networks that it
    predicts too low.
    """
    from latency_models.vectorized.vectorized_cost import compile_sum
    from latency_models.vectorized.vectorized_predictor import extrapolation_cost

    count = extrapolation_cost(predictor)
    if not count(list(blocks_of(space))).any():
        return None
    costs = compile_sum(count, space.choices).total
    name = f"{EXTRAPOLATED} {key or predictor.target.key}"
    hint = "measure those blocks, or include them with --allow-extrapolated"
    return Constraint(name=name, costs=costs, limit=0.5, unit="blocks", hint=hint)


def _check_space(space: CodedSpace, predictor: "LatencyPredictor") -> None:
    # Ignore the size: a space restricted to some resolutions has the same blocks.
    blocks = {replace(block, in_size=1) for block in blocks_of(space)}
    shared = sum(replace(block, in_size=1) in blocks for block in predictor.known)
    # Spaces of one family share a few blocks; a sweep of this space knows only blocks of it.
    if 2 * shared < len(predictor.known):
        raise InputError(
            f"the latency predictor of {predictor.target.key} knows {len(predictor.known)} blocks, "
            f"of which the space {space.name} has {shared}: it is of another space; sweep "
            f"{space.name} on the device and fit again"
        )
