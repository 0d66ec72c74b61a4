"""A graph's operators cut out, each as a model of one node."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bench.models.model_file import ModelFile
from bench.operators.graph import ExecutedGraph, TensorFacts
from bench.operators.operator import VIEWS, Operator, kind_of, macs_of, shapes_text
from bench.operators.precision import quantised_kind

_SUBGRAPHS = (5, 10)  # onnx.AttributeProto.GRAPH and GRAPHS


@dataclass(frozen=True, kw_only=True)
class CutModel:
    """A model as a multiset of operators.

    Attributes:
        operators: each distinct operator with the model of one node that runs it.
        sequence: digests of the graph's operators in order of execution.
        names: of the same operators in the graph.
        uncut: kinds of operators that cannot run by themselves, with how often they occur:
            control flow, and operators on sequences.
    """

    operators: tuple[tuple[Operator, ModelFile], ...]
    sequence: tuple[str, ...]
    names: tuple[str, ...]
    uncut: dict[str, int]

    @classmethod
    def of(
        cls,
        distinct: Mapping[str, tuple[Operator, ModelFile]],
        sequence: Sequence[tuple[str, str]],
        uncut: Mapping[str, int],
    ) -> Self:
        """Return a cut model; `sequence` has digest and name of each operator."""
        return cls(
            operators=tuple(distinct.values()),
            sequence=tuple(digest for digest, _ in sequence),
            names=tuple(name for _, name in sequence),
            uncut=dict(uncut),
        )

    @property
    def counts(self) -> dict[str, int]:
        """How often the graph has each operator, by digest."""
        return dict(Counter(self.sequence))


def cut(graph: ExecutedGraph) -> CutModel:
    """Cut every operator out of a graph; views, which cost nothing, are left out."""
    distinct: dict[str, tuple[Operator, ModelFile]] = {}
    sequence: list[tuple[str, str]] = []
    uncut: Counter[str] = Counter()
    for node in graph.nodes:
        if kind_of(node) in VIEWS:
            continue
        inputs, outputs = _tensors(graph, node.input), _tensors(graph, node.output)
        if inputs is None or outputs is None or _has_subgraph(node):
            uncut[kind_of(node)] += 1
            continue
        operator = _operator(graph, node, inputs, outputs)
        sequence.append((operator.digest, node.name))
        if operator.digest not in distinct:
            distinct[operator.digest] = operator, _file(graph, node, operator)
    return CutModel.of(distinct, sequence, uncut)


def _tensors(graph: ExecutedGraph, names: Sequence[str]) -> list[TensorFacts | None] | None:
    """Return the facts of tensors, None for one left out; None where one is not known."""
    if any(name and name not in graph.tensors for name in names):
        return None
    return [graph.tensors[name] if name else None for name in names]


def _has_subgraph(node: Any) -> bool:
    return any(attribute.type in _SUBGRAPHS for attribute in node.attribute)


def _operator(
    graph: ExecutedGraph,
    node: Any,
    inputs: Sequence[TensorFacts | None],
    outputs: Sequence[TensorFacts | None],
) -> Operator:
    kind = kind_of(node)
    constant = [name in graph.constants for name in node.input]
    attributes = sorted(each.SerializeToString(deterministic=True).hex() for each in node.attribute)
    places = [list(node.input).index(name) for name in node.input]  # a tensor given twice
    key = [kind, attributes, places, constant]
    key += [[_key(tensor) for tensor in inputs], [_shape(tensor) for tensor in outputs]]
    weights = [tensor for tensor, fixed in zip(inputs, constant, strict=True) if tensor and fixed]
    read = [tensor for tensor, fixed in zip(inputs, constant, strict=True) if tensor and not fixed]
    written = [tensor for tensor in outputs if tensor]
    return Operator.of(
        key=key,
        kind=quantised_kind(kind, _types(inputs), _types(outputs)),
        macs=macs_of(kind, inputs, outputs),
        read=read,
        weights=weights,
        written=written,
        shapes=shapes_text(inputs, outputs),
    )


def _types(tensors: Sequence[TensorFacts | None]) -> list[tuple[str, int]]:
    """Return element type and number of dimensions of each tensor."""
    return [(each.dtype, len(each.shape)) for each in tensors if each]


def _key(tensor: TensorFacts | None) -> Any:
    """What of an input an operator's latency depends on."""
    if tensor is None:
        return None
    values = None if tensor.values is None else tensor.values.ravel().tolist()
    return [tensor.dtype, list(tensor.shape), values]


def _shape(tensor: TensorFacts | None) -> Any:
    return None if tensor is None else [tensor.dtype, list(tensor.shape)]


def _file(graph: ExecutedGraph, node: Any, operator: Operator) -> ModelFile:
    """Return the model of one node: constants inside, all other inputs given at run time."""
    import onnx
    from onnx import helper

    given = [name for name in dict.fromkeys(node.input) if name and name not in graph.constants]
    fixed = [name for name in dict.fromkeys(node.input) if name in graph.constants]
    model = onnx.ModelProto()
    model.ir_version = graph.model.ir_version
    model.opset_import.extend(graph.model.opset_import)
    model.graph.name = "operator"
    model.graph.node.append(node)
    model.graph.initializer.extend(graph.constants[name] for name in fixed)
    for name in given:
        tensor = graph.tensors[name]
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(tensor.dtype))
        model.graph.input.append(helper.make_tensor_value_info(name, kind, tensor.shape))
    model.graph.output.extend(
        helper.make_empty_tensor_value_info(name) for name in node.output if name
    )
    return ModelFile(
        path=Path(f"{operator.digest}.onnx"),
        name=f"{operator.kind} {operator.shapes}",
        data=model.SerializeToString(),
        given_digest=operator.digest,
        values=input_values([(name, graph.tensors[name]) for name in given]),
        optimise=False,
    )


def input_values(tensors: Sequence[tuple[str, TensorFacts]]) -> dict[str, NDArray[Any]]:
    """Draw inputs by name: small integer ones as in the run, others by their type."""
    from bench.models.tensors import InputTensor, random_values

    drawn = random_values(
        [InputTensor(name=name, dtype=facts.dtype, shape=facts.shape) for name, facts in tensors],
        np.random.default_rng(0),
    )
    kept = {name: facts.values for name, facts in tensors if facts.values is not None}
    return {**drawn, **kept}
