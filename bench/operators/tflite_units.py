"""Units of a TFLite graph: operators that XNNPACK runs as one."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from bench.backends.tflite_schema import schema
from bench.operators.tflite_graph import NO_TENSOR, TfliteGraph, indices

# Of constants, computed once when the interpreter is made ready.
FOLDED = frozenset({"DEQUANTIZE", "DENSIFY"})
# Become a limit of the operator before them.
CLAMPS = frozenset({"RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1"})
# These take over the padding before them, where their own is none.
PADDED = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D"})
CLAMPED = PADDED | {
    "ADD",
    "AVERAGE_POOL_2D",
    "DIV",
    "FULLY_CONNECTED",
    "MAX_POOL_2D",
    "MUL",
    "SUB",
}


@dataclass(frozen=True, kw_only=True)
class Unit:
    """Operators that run as one: constants computed before, padding, `main`, a limit after.

    Attributes:
        operators: in their order, the schema's `OperatorT`.
        main: the one that does the work.
    """

    operators: tuple[Any, ...]
    main: Any


@dataclass(slots=True, kw_only=True)
class _Chain:
    """A unit that may still grow."""

    operators: list[Any]
    main: Any


def units_of(graph: TfliteGraph) -> list[Unit]:
    """Return the units of a graph in the order in which they begin."""
    folded = _folded(graph)
    readers = Counter(indices(graph.graph.outputs))
    for operator in graph.operators:
        readers.update(indices(operator.inputs))
    chains: list[_Chain] = []
    ending: dict[int, _Chain] = {}  # by the tensor that the last operator of a chain writes
    for operator in graph.operators:
        if not folded.keys().isdisjoint(indices(operator.outputs)):
            continue
        first = next(iter(indices(operator.inputs)), NO_TENSOR)
        chain = ending.get(first)
        if chain is None or readers[first] > 1 or not _joins(graph, chain, operator):
            chain = _Chain(operators=[], main=operator)
            chains.append(chain)
        elif graph.kind(operator) not in CLAMPS:
            chain.main = operator
        chain.operators.append(operator)
        ending |= dict.fromkeys(indices(operator.outputs), chain)
    return [
        Unit(operators=(*_prologue(each.operators, folded), *each.operators), main=each.main)
        for each in chains
    ]


def _joins(graph: TfliteGraph, chain: _Chain, operator: Any) -> bool:
    """Whether an operator that reads what a chain writes runs as one with it."""
    kind, main, before = graph.kind(operator), chain.main, chain.operators[-1]
    if graph.kind(before) == "PAD":
        return kind in PADDED and operator.builtinOptions.padding == schema().Padding.VALID
    unlimited = getattr(main.builtinOptions, "fusedActivationFunction", None) == 0
    return kind in CLAMPS and before is main and graph.kind(main) in CLAMPED and unlimited


def _folded(graph: TfliteGraph) -> dict[int, Any]:
    """Return the operators that constants are computed by, by their outputs."""
    folded: dict[int, Any] = {}
    for operator in graph.operators:
        if graph.kind(operator) not in FOLDED:
            continue
        if all(each in graph.constants or each in folded for each in indices(operator.inputs)):
            folded |= dict.fromkeys(indices(operator.outputs), operator)
    return folded


def _prologue(chain: list[Any], folded: dict[int, Any]) -> list[Any]:
    """Return the operators that compute constants of a chain, each before its reader."""
    before: list[Any] = []
    for operator in chain:
        for index in indices(operator.inputs):
            if index in folded:
                before += [*_prologue([folded[index]], folded), folded[index]]
    return list({id(each): each for each in before}.values())
