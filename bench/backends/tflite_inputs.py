"""Inputs that a TFLite file declares, read from the file itself: no runtime is needed."""

import struct
from typing import Any

from bench.backends.tflite_schema import check_whole, schema
from bench.errors import FileError
from bench.files import VALUE_DAMAGE
from bench.models.tensors import Dimension, InputSpec

# Texts, resources and values of less than a byte cannot be given.
_DTYPES = (
    *("float16", "float32", "float64", "bool"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
)


def tflite_inputs(content: bytes) -> tuple[InputSpec, ...]:
    """Return the inputs of a TFLite file in the order of its first signature, else of its graph.

    Their names are those of the tensors. `FileError` for a file that is not TFLite, or an input of
    a type that cannot be given.
    """
    check_whole(content)
    try:
        return tuple(map(_input_spec, _input_tensors(schema().Model.GetRootAs(content, 0))))
    except (struct.error, *VALUE_DAMAGE) as error:
        raise FileError(f"TFLite file is truncated or damaged: {error}") from error


def _input_tensors(model: Any) -> list[Any]:
    """Return the input tensors of a file's first signature, else of its first graph."""
    if model.SignatureDefsLength():
        signature = model.SignatureDefs(0)
        number = signature.SubgraphIndex()
        places = [signature.Inputs(i).TensorIndex() for i in range(signature.InputsLength())]
    else:
        graph, number = model.Subgraphs(0), 0
        places = [graph.Inputs(i) for i in range(graph.InputsLength())]
    if number >= model.SubgraphsLength():
        raise ValueError(f"a signature is of graph {number} of {model.SubgraphsLength()}")
    graph = model.Subgraphs(number)
    if any(not 0 <= place < graph.TensorsLength() for place in places):
        raise ValueError(f"an input is none of the graph's {graph.TensorsLength()} tensors")
    return [graph.Tensors(place) for place in places]


def _input_spec(tensor: Any) -> InputSpec:
    name = (tensor.Name() or b"").decode("utf-8", "replace")
    dtypes = {_number(dtype): dtype for dtype in _DTYPES}
    if tensor.Type() not in dtypes:
        raise FileError(
            f"the input {name} is of the schema's type {tensor.Type()}, expected numbers or "
            "booleans: such a model cannot be measured"
        )
    sides = tensor.ShapeSignatureAsNumpy() if tensor.ShapeSignatureLength() else None
    if sides is None:
        sides = tensor.ShapeAsNumpy() if tensor.ShapeLength() else ()
    shape: tuple[Dimension, ...] = tuple(int(side) if side >= 0 else None for side in sides)
    return InputSpec(name=name, dtype=dtypes[tensor.Type()], shape=shape)


def _number(dtype: str) -> int | None:
    """Return the schema's number of a type; None where an older schema lacks it."""
    number: int | None = getattr(schema().TensorType, dtype.upper(), None)
    return number
