"""Peak memory of a TFLite graph's activations, from its tensors' lifetimes.

Knows nothing of blocks: a tensor lives from the operator that makes it to the last that reads it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

from bench.backends.tflite_schema import schema

IN_PLACE = ("HARD_SWISH", "MUL", "ADD", "PAD", "PADV2")  # their output takes their input's place


@dataclass(frozen=True)
class Operator:
    name: str
    inputs: tuple[int, ...]  # computed tensors, not constants
    output: int


def peak_values(content: bytes, *, in_place: tuple[str, ...] = IN_PLACE) -> int:
    """Most values alive at once while the operators of a file run in order."""
    model = schema().Model.GetRootAs(content, 0)
    graph = model.Subgraphs(0)
    operators = list(_operators(model, graph))
    place: dict[int, int] = {}  # tensor to the tensor in whose place it is
    born: dict[int, int] = {graph.Inputs(0): 0}
    last: dict[int, int] = {}
    for step, operator in enumerate(operators):
        for tensor in operator.inputs:
            last[place.get(tensor, tensor)] = step
        if operator.name in in_place:
            first = operator.inputs[0]
            place[operator.output] = place.get(first, first)
        else:
            born[operator.output] = step
        last[place.get(operator.output, operator.output)] = step
    sizes: dict[int, int] = {
        tensor: prod(graph.Tensors(tensor).ShapeAsNumpy().tolist()) for tensor in born
    }
    return max(
        sum(sizes[tensor] for tensor in born if born[tensor] <= step <= last[tensor])
        for step in range(len(operators))
    )


def _operators(model: Any, graph: Any) -> Iterator[Operator]:
    names = {code: name for name, code in vars(schema().BuiltinOperator).items()}
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        computed = [
            tensor
            for tensor in operator.InputsAsNumpy().tolist()
            if model.Buffers(graph.Tensors(tensor).Buffer()).DataLength() == 0
        ]
        name = names[model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()]
        yield Operator(name=name, inputs=tuple(computed), output=operator.Outputs(0))
