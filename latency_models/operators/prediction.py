"""`ModelPrediction`: the latency of a model, and what it rests on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from bench.operators.operator import Operator


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorCost:
    """One distinct operator of a model: `ms` each time, `count` times.

    `measured` is False where a regression predicted it; `relative_std` is the regression's.
    """

    operator: Operator
    count: int
    ms: float
    measured: bool
    relative_std: float

    @property
    def total_ms(self) -> float:
        """Its part of the model's latency."""
        return self.count * self.ms


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPrediction:
    """Predicted latency of a model.

    Attributes:
        ms: the latency, in ms.
        std_ms: its standard deviation.
        coverage: share of `ms` that rests on measured operators.
        costs: of each distinct operator, the largest part first.
        rare: kinds of operators with too few measurements to be predicted well, with how many.
        uncut: kinds of operators that have no cost here, with their counts: the model takes longer
            than predicted by what they take.
    """

    ms: float
    std_ms: float
    coverage: float
    costs: tuple[OperatorCost, ...]
    rare: Mapping[str, int]
    uncut: Mapping[str, int]

    @classmethod
    def of(
        cls,
        costs: Sequence[OperatorCost],
        uncut: Mapping[str, int],
        relative_std: float,
        rare: Mapping[str, int],
    ) -> Self:
        """Add costs; errors of estimates are common to a kind, and independent between kinds."""
        total_ms = sum(cost.total_ms for cost in costs)
        measured_ms = sum(cost.total_ms for cost in costs if cost.measured)
        by_kind: dict[str, float] = {}
        for cost in costs:
            kind = cost.operator.kind
            by_kind[kind] = by_kind.get(kind, 0.0) + cost.total_ms * cost.relative_std
        variance = (relative_std * total_ms) ** 2 + sum(std**2 for std in by_kind.values())
        return cls(
            ms=total_ms,
            std_ms=float(np.sqrt(variance)),
            coverage=measured_ms / total_ms if total_ms else 0.0,
            costs=tuple(sorted(costs, key=lambda cost: -cost.total_ms)),
            rare=dict(rare),
            uncut=dict(uncut),
        )

    def missing(self, share: float = 1.0) -> list[Operator]:
        """Return the unmeasured operators that carry `share` of the unmeasured time."""
        unmeasured = [cost for cost in self.costs if not cost.measured]
        wanted_ms = share * sum(cost.total_ms for cost in unmeasured)
        chosen: list[Operator] = []
        covered_ms = 0.0
        for cost in unmeasured:
            if covered_ms >= wanted_ms:
                break
            chosen.append(cost.operator)
            covered_ms += cost.total_ms
        return chosen

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values, with the time of each kind of operator."""
        kinds: dict[str, float] = {}
        for cost in self.costs:
            kinds[cost.operator.kind] = kinds.get(cost.operator.kind, 0.0) + cost.total_ms
        return {
            "ms": self.ms,
            "std_ms": self.std_ms,
            "coverage": self.coverage,
            "ms_by_kind": dict(sorted(kinds.items(), key=lambda item: -item[1])),
            "unmeasured_operators": sum(not cost.measured for cost in self.costs),
            "rare_kinds": dict(self.rare),
            "uncut_kinds": dict(self.uncut),
        }
