"""Limits that a search keeps: what a network may cost at most, and how its cost is told.

What is counted (MACs, parameters, memory, size) is in supernet.constraints.counted; what a
predictor tells is here, where wanted with a margin for what the predictor is uncertain by.
"""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from supernet.constraints.counted import SummedCost, macs, model_size, params, peak_memory
from supernet.space.coded_space import CodedSpace, Costs, blocks_of, column_values, thermometer
from supernet.space.codes import Codes

if TYPE_CHECKING:
    from latency_models.predictors.predictor import LatencyPredictor

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


def latency(
    space: CodedSpace,
    predictor: "LatencyPredictor",
    max_ms: float,
    confidence: float | None = None,
    session_spread: float = 0.0,
) -> Constraint:
    """Limit of `max_ms` on the predictor's target; `InputError` if it is of another space.

    With a `confidence`, in [0.5, 1), the limit holds with that probability: costs are one-sided
    upper bounds, the prediction and a quantile times its standard deviation. The quantile is
    Student's t with as many degrees of freedom as networks that the composition was fitted on
    less one; the normal's where their number is not known. It is on the scale of the sweep:
    what another session moves is not in it but by `session_spread`, a relative standard deviation
    that is added to the prediction's own. `InputError` where the predictor was fitted on no whole
    networks, so that it knows no spread.
    """
    from latency_models.vectorized.dense import compile_dense, compile_spread

    _check_space(space, predictor)
    name = predictor.target.key
    if confidence is None:
        costs = compile_dense(predictor, space.choices).predict
        return Constraint(name=name, costs=costs, limit=max_ms, unit="ms")
    quantile = _quantile(predictor, confidence)
    spread = compile_spread(predictor, space.choices)

    def bound(codes: Codes) -> NDArray[np.float64]:
        ms, std_ms = spread.predict(codes)
        return ms + quantile * np.hypot(std_ms, session_spread * ms)

    return Constraint(
        name=name,
        costs=bound,
        limit=max_ms,
        unit="ms",
        predicted=spread.latency.predict,
        confidence=confidence,
    )


def measured(space: CodedSpace, predictor: "LatencyPredictor") -> Constraint | None:
    """Limit to networks that the predictor need not guess; None where it guesses none.

    Outside its domain a predictor is least true, and a search goes where it is too low.
    """
    from latency_models.vectorized.dense import extrapolated_of
    from latency_models.vectorized.dense_cost import compile_sum

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


def _quantile(predictor: "LatencyPredictor", confidence: float) -> float:
    """Standard deviations above the prediction that the truth is within by this probability."""
    from scipy.special import ndtri, stdtrit

    if not 0.5 <= confidence < 1:
        raise InputError(f"confidence is {confidence}, expected at least 0.5 and below 1, as 0.95")
    chosen = predictor.composition_choice
    networks = 0 if chosen is None else chosen.networks
    if predictor.composition.spread == 0 and networks == 0:
        raise InputError(
            f"the latency predictor of {predictor.target.key} does not know how far it is off, so "
            "no confidence can be kept: fit it with `ofabench fit --networks`"
        )
    if networks == 0:
        return float(ndtri(confidence))
    return float(stdtrit(max(networks - 1, 1), confidence))
