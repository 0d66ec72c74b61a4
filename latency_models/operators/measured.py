"""Measured operators, and measured models as multisets of operators."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.operators.operator import Operator

Floats = NDArray[np.float64]
WORK = ("macs", "in_bytes", "out_bytes", "weight_bytes")
# They read of a tensor only what they write, such as rows of a table of embeddings.
PICKING = frozenset(
    {
        *("Gather", "GatherElements", "GatherND", "Slice"),
        *("GATHER", "GATHER_ND", "EMBEDDING_LOOKUP", "SLICE", "STRIDED_SLICE"),
    }
)
COLUMNS = {
    "digest": "text",
    "kind": "text",
    "macs": "int",
    "in_elements": "int",
    "out_elements": "int",
    "weight_elements": "int",
    "in_bytes": "int",
    "out_bytes": "int",
    "weight_bytes": "int",
    "shapes": "text",
    "warm_ms": "float",
    "cold_ms": "float",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredOperator:
    """An operator by itself: median of warm samples and of cold ones, drift-corrected, in ms."""

    operator: Operator
    warm_ms: float
    cold_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOperators:
    """A model as operators.

    Attributes:
        operators: each distinct one, by digest.
        counts: how often the model has each, by digest.
        uncut: kinds of operators that cannot run by themselves, with their counts.
    """

    operators: Mapping[str, Operator]
    counts: Mapping[str, int]
    uncut: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredModel:
    """A whole model with its latency in ms, drift-corrected, measured beside its operators."""

    name: str
    digest: str
    ms: float
    counts: Mapping[str, int]
    uncut: Mapping[str, int] = field(default_factory=dict)


def work_matrix(operators: Sequence[Operator]) -> Floats:
    """Return what each operator does, (n, 1 + len(WORK)): a constant, then `WORK`.

    One of `PICKING` reads at most as many bytes of a tensor as it writes.
    """
    rows = [
        [
            1.0,
            float(each.macs),
            min(float(each.in_bytes), _read_limit(each)),
            float(each.out_bytes),
            read_weight_bytes(each),
        ]
        for each in operators
    ]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 1 + len(WORK))


def read_weight_bytes(operator: Operator) -> float:
    """Return the bytes of constants that an operator reads, at most what it writes if it picks."""
    return min(float(operator.weight_bytes), _read_limit(operator))


def _read_limit(operator: Operator) -> float:
    picks = operator.kind.partition(" ")[0] in PICKING
    return float(operator.out_bytes) if picks else float("inf")


def operators_frame(measured: Sequence[MeasuredOperator]) -> pd.DataFrame:
    """Return a row an operator, with the columns `COLUMNS`."""
    rows = [
        {**each.operator.to_json(), "warm_ms": each.warm_ms, "cold_ms": each.cold_ms}
        for each in measured
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def operators_of(frame: pd.DataFrame) -> tuple[MeasuredOperator, ...]:
    """Return the operators of a frame that `operators_frame` made."""
    measured = []
    for row in frame.to_dict("records"):
        warm_ms, cold_ms = float(row.pop("warm_ms")), float(row.pop("cold_ms"))
        operator = Operator.from_json({str(name): value for name, value in row.items()})
        measured.append(MeasuredOperator(operator=operator, warm_ms=warm_ms, cold_ms=cold_ms))
    return tuple(measured)
