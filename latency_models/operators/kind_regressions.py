"""Estimates of operators that were not measured, by regressions of their kinds."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from bench.operators.operator import Operator
from latency_models.operators.kind_regression import (
    LEAST_OPERATORS,
    Floats,
    KindRegression,
    fit_kind,
)
from latency_models.operators.measured import MeasuredOperator
from latency_models.operators.shape_features import variant

UNKNOWN_STD = 1.0  # relative, of an operator whose kind was hardly measured
Group = tuple[str, str]  # a kind and a variant of it; empty for all
ALL: Group = ("", "")


class KindRegressions:
    """Regressions of kinds of operators and of variants of kinds, each fitted at its first use."""

    def __init__(self, operators: Sequence[MeasuredOperator], costs_ms: Floats) -> None:
        """Take measured operators, and what each costs in a model, (n,)."""
        self._measured = [each.operator for each in operators]
        self._costs_ms = np.maximum(costs_ms, 1e-6)
        self._fitted: dict[Group, KindRegression] = {}

    @cached_property
    def _rows(self) -> dict[Group, list[int]]:
        """Places of the measured operators by group; not needed where none is missing."""
        rows: dict[Group, list[int]] = defaultdict(list)
        for row, operator in enumerate(self._measured):
            for group in {ALL, (operator.kind, ""), (operator.kind, variant(operator))}:
                rows[group].append(row)
        return rows

    def rare(self, missing: Sequence[Operator]) -> dict[str, int]:
        """Return kinds of missing operators with too few measurements, with how many they have."""
        counts = Counter({each.kind: len(self._rows.get((each.kind, ""), ())) for each in missing})
        return {kind: count for kind, count in counts.items() if count < LEAST_OPERATORS}

    def estimate(self, missing: Sequence[Operator]) -> dict[str, tuple[float, float]]:
        """Return latency in ms and relative standard deviation of each operator, by digest."""
        by_group: dict[Group, list[Operator]] = defaultdict(list)
        for each in missing:
            by_group[self._group(each)].append(each)
        estimates: dict[str, tuple[float, float]] = {}
        for group, operators in by_group.items():
            general = self._regression(ALL)
            if group == ALL:
                ms, log_std = general.predict(operators)
                log_std = np.maximum(log_std, UNKNOWN_STD)
            else:
                ms, log_std = self._regression(group).predict_near(operators, general)
            estimates |= {
                each.digest: (float(value), float(std))
                for each, value, std in zip(operators, ms, log_std, strict=True)
            }
        return estimates

    def _group(self, operator: Operator) -> Group:
        """Return the smallest group of the operator that has enough measurements."""
        for group in ((operator.kind, variant(operator)), (operator.kind, "")):
            if len(self._rows.get(group, ())) >= LEAST_OPERATORS:
                return group
        return ALL

    def _regression(self, group: Group) -> KindRegression:
        if group not in self._fitted:
            rows = self._rows[group]
            measured = [self._measured[row] for row in rows]
            self._fitted[group] = fit_kind(measured, self._costs_ms[rows])
        return self._fitted[group]
