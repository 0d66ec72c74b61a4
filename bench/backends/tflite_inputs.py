"""Inputs that a TFLite file declares, read from the file itself: no runtime is needed."""

from typing import Any

from bench.backends.tflite_schema import check_whole, schema
from bench.errors import FileError
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
    model = schema().Model.GetRootAs(content, 0)
    if model.SignatureDefsLength():
        signature = model.SignatureDefs(0)
        graph = model.Subgraphs(signature.SubgraphIndex())
        places = [signature.Inputs(i).TensorIndex() for i in range(signature.InputsLength())]
    else:
        graph = model.Subgraphs(0)
        places = [graph.Inputs(i) for i in range(graph.InputsLength())]
    return tuple(_input_spec(graph.Tensors(place)) for place in places)


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
