"""A TFLite graph's operators cut out, each as a model that has nothing else."""

import copy
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.models.model_file import ModelFile
from bench.operators.cut import CutModel, input_values
from bench.operators.graph import TensorFacts
from bench.operators.operator import Operator, shapes_text
from bench.operators.tflite_file import unit_file
from bench.operators.tflite_graph import CUSTOM, NO_TENSOR, TfliteGraph, indices, scales_of, text
from bench.operators.tflite_units import FOLDED, Unit, units_of
from bench.operators.tflite_work import macs_of


def cut_tflite(graph: TfliteGraph) -> CutModel:
    """Cut every unit out of a graph; see `units_of`."""
    distinct: dict[str, tuple[Operator, ModelFile]] = {}
    sequence: list[tuple[str, str]] = []
    uncut: Counter[str] = Counter()
    for unit in units_of(graph):
        if not _runs_alone(graph, unit):
            uncut[graph.kind(unit.main)] += 1
            continue
        operator = _operator(graph, unit)
        sequence.append((operator.digest, _result_name(graph, unit)))
        if operator.digest not in distinct:
            distinct[operator.digest] = operator, _file(graph, unit, operator)
    return CutModel.of(distinct, sequence, uncut)


def _runs_alone(graph: TfliteGraph, unit: Unit) -> bool:
    """Whether a unit has no subgraph, no custom operator, and only tensors of numbers."""
    for operator in unit.operators:
        options = (operator.builtinOptions, operator.builtinOptions2)
        fields = [name.lower() for each in options if each is not None for name in vars(each)]
        if graph.kind(operator).startswith(CUSTOM) or any("subgraph" in name for name in fields):
            return False
    return all(index in graph.tensors for index in _tensors(unit)) and all(
        _can_be_given(graph.tensors[index].dtype) for index in _read(graph, unit)
    )


def _can_be_given(dtype: str) -> bool:
    """Whether numpy has a type, and it is one of numbers or booleans."""
    return dtype == "bool" or (hasattr(np, dtype) and np.dtype(dtype).kind in "fiu")


def _tensors(unit: Unit) -> list[int]:
    """Return the tensors of a unit in the order in which its operators name them."""
    used = (
        index
        for each in unit.operators
        for side in (each.inputs, each.outputs, each.intermediates)
        for index in indices(side)
    )
    return [index for index in dict.fromkeys(used) if index != NO_TENSOR]


def _operator(graph: TfliteGraph, unit: Unit) -> Operator:
    inside = _written(unit)
    inputs = [index for index in _tensors(unit) if index not in inside]
    written = [graph.tensors[index] for index in _results(unit)]
    places = _places(unit)
    key = [
        "tflite",
        [_operator_key(graph, each, places) for each in unit.operators],
        [_tensor_key(graph, index) for index in places],
    ]
    shown = [_shown(graph, unit, index) for index in indices(unit.main.inputs)]
    others = "".join(f" with {kind}" for kind in _others(graph, unit))
    return Operator.of(
        key=key,
        kind=graph.kind(unit.main) + _precision(graph, unit),
        macs=macs_of(graph, unit.main),
        read=[graph.tensors[index] for index in inputs if index not in graph.constants],
        weights=[graph.tensors[index] for index in inputs if index in graph.constants],
        written=written,
        shapes=shapes_text(shown, written) + others,
    )


def _precision(graph: TfliteGraph, unit: Unit) -> str:
    """Return the type of a unit's quantised tensors: their kernels are others than float32's."""
    read = [index for index in indices(unit.main.inputs) if index in graph.quantised]
    for index in read:
        if index not in graph.constants:
            return f" {graph.tensors[index].dtype}"
    return f" {graph.tensors[read[0]].dtype} weights" if read else ""


def _others(graph: TfliteGraph, unit: Unit) -> list[str]:
    """Return the kinds of the operators that run as one with the main one."""
    kinds = [graph.kind(each) for each in unit.operators if each is not unit.main]
    return [kind for kind in kinds if kind not in FOLDED]


def _shown(graph: TfliteGraph, unit: Unit, index: int) -> TensorFacts | None:
    """Return what is shown of an input of the main operator: of padding, its input."""
    for each in unit.operators:
        if index in indices(each.outputs) and graph.kind(each) not in FOLDED:
            return graph.tensors.get(indices(each.inputs)[0])
    return graph.tensors.get(index)


def _operator_key(graph: TfliteGraph, operator: Any, places: dict[int, int]) -> Any:
    version = graph.model.operatorCodes[operator.opcodeIndex].version
    options = [_plain(operator.builtinOptions), _plain(operator.builtinOptions2)]
    used = [
        [places.get(index, NO_TENSOR) for index in indices(side)]
        for side in (operator.inputs, operator.outputs)
    ]
    return [graph.kind(operator), version, options, used]


def _tensor_key(graph: TfliteGraph, index: int) -> Any:
    """What of a tensor an operator's latency depends on; scales count by their number."""
    facts, tensor = graph.tensors[index], graph.graph.tensors[index]
    values = None if facts.values is None else facts.values.ravel().tolist()
    fixed = "constant" if index in graph.constants else "variable" if tensor.isVariable else ""
    sparse = tensor.sparsity is not None
    return [facts.dtype, list(facts.shape), len(scales_of(tensor)), fixed, sparse, values]


def _plain(options: Any) -> Any:
    """Return an options table as JSON values."""
    if options is None:
        return None
    fields = {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in vars(options).items()
    }
    return [type(options).__name__, sorted((name, repr(value)) for name, value in fields.items())]


def _written(unit: Unit) -> set[int]:
    return {index for each in unit.operators for index in indices(each.outputs)}


def _results(unit: Unit) -> list[int]:
    """Return the tensors that a unit leaves for others."""
    return indices(unit.operators[-1].outputs)


def _result_name(graph: TfliteGraph, unit: Unit) -> str:
    """Return the name of the first tensor that a unit leaves, which names it in converters."""
    return text(graph.graph.tensors[_results(unit)[0]].name)


def _places(unit: Unit) -> dict[int, int]:
    """Return the tensors of a unit with their indices in its own file."""
    return {index: place for place, index in enumerate(_tensors(unit))}


def _read(graph: TfliteGraph, unit: Unit) -> list[int]:
    """Return the tensors that a unit is given at run time."""
    inside = _written(unit)
    read = (index for each in unit.operators for index in indices(each.inputs))
    return [
        index
        for index in dict.fromkeys(read)
        if index != NO_TENSOR
        and index not in inside
        and index not in graph.constants
        and not graph.graph.tensors[index].isVariable
    ]


def _file(graph: TfliteGraph, unit: Unit, operator: Operator) -> ModelFile:
    """Return the model of a unit: constants inside, all other inputs given at run time."""
    places, read = _places(unit), _read(graph, unit)
    data = unit_file(
        [_moved_tensor(graph, index, place) for index, place in places.items()],
        [_moved_operator(graph, each, places) for each in unit.operators],
        [places[index] for index in read],
        [places[index] for index in _results(unit)],
    )
    return ModelFile(
        path=Path(f"{operator.digest}.tflite"),
        name=f"{operator.kind} {operator.shapes}",
        data=data,
        given_digest=operator.digest,
        values=input_values([(_name(places[index]), graph.tensors[index]) for index in read]),
        optimise=False,
    )


def _name(place: int) -> str:
    return f"t{place}"


def _moved_tensor(graph: TfliteGraph, index: int, place: int) -> tuple[Any, bytes]:
    """Return a `TensorT` with the shape of the run, and its content if it is constant."""
    tensor = copy.copy(graph.graph.tensors[index])
    tensor.name, tensor.shape = _name(place), list(graph.tensors[index].shape)
    tensor.shapeSignature, tensor.buffer = None, 0
    return tensor, graph.constants.get(index, b"")


def _moved_operator(
    graph: TfliteGraph, operator: Any, places: Mapping[int, int]
) -> tuple[Any, Any]:
    """Return an operator with its tensors numbered as in its own file, and its code."""
    moved = copy.copy(operator)
    moved.inputs, moved.outputs, moved.intermediates = (
        None if side is None else [places.get(index, NO_TENSOR) for index in indices(side)]
        for side in (operator.inputs, operator.outputs, operator.intermediates)
    )
    return moved, graph.model.operatorCodes[operator.opcodeIndex]
