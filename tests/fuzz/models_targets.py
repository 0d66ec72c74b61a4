"""Fuzz targets of model files: loading of ONNX and TFLite."""

import struct
from pathlib import Path

import onnx

from bench.backends.onnx_backend import OnnxBackend
from bench.backends.tflite_backend import TfliteBackend
from bench.backends.tflite_inputs import tflite_inputs
from bench.backends.tflite_schema import check_whole, schema
from bench.blocks.model import random_model
from bench.blocks.spec import BlockSpec
from bench.models.model_file import ModelFile
from bench.operators.tflite_cut import cut_tflite
from bench.operators.tflite_graph import tflite_graph
from bench.protocol.target import Target
from tests.fuzz.target import FuzzTarget

MODEL = random_model(
    [
        BlockSpec.parse("stem-8x3-m0-o8-k3-s2-hswish-se0-r0"),
        BlockSpec.parse("mbconv-4x8-m16-o8-k3-s1-relu-se8-r1"),
    ]
)
ONNX = Target(device="here", backend="onnx", backend_version="1")
TFLITE = Target(device="here", backend="tflite", backend_version="1")


def read_onnx(data: bytes) -> None:
    """A model for onnxruntime, loaded with one thread."""
    OnnxBackend().load_file(data, ONNX)


def read_tflite(data: bytes) -> None:
    """A model for LiteRT, loaded with one thread."""
    TfliteBackend().load_file(data, TFLITE)


def read_tflite_operators(data: bytes) -> None:
    """A model whose operators are cut out."""
    cut_tflite(tflite_graph(ModelFile(path=Path("m.tflite"), name="m.tflite", data=data)))


def _unfixed_shapes() -> list[bytes]:
    """Models whose input or output has a side that is a name, absent, 0 or larger than memory."""
    result = []
    for value in ("input", "output"):
        for side in ("n", None, 0, 1 << 40):
            model = onnx.load_from_string(OnnxBackend().serialise(MODEL))
            shape = getattr(model.graph, value)[0].type.tensor_type.shape.dim[3]
            shape.Clear()
            if isinstance(side, str):
                shape.dim_param = side
            elif side is not None:
                shape.dim_value = side
            result.append(model.SerializeToString())
    return result


def _damaged_tflite() -> list[bytes]:
    """A model without its graphs, one with a tensor of 2^40 values, one with a name of no text."""
    content = TfliteBackend().serialise(MODEL)
    table = int.from_bytes(content[:4], "little")
    fields = table - int.from_bytes(content[table : table + 4], "little", signed=True)
    empty = content[:fields] + struct.pack("<H", 6) + content[fields + 2 :]
    shape = struct.pack("<5i", 4, 1, 8, 8, 3)
    large = struct.pack("<5i", 4, 1 << 20, 1 << 10, 1 << 10, 1)
    name = schema().Model.GetRootAs(content, 0).Subgraphs(0).Tensors(0).Name()
    renamed = content.replace(name, b"\xff" * len(name))
    return [empty, content.replace(shape, large), renamed]


TARGETS = (
    FuzzTarget(
        name="onnx_file",
        read=read_onnx,
        seeds=lambda: [OnnxBackend().serialise(MODEL)],
        regressions=_unfixed_shapes,
        largest=1 << 14,
    ),
    FuzzTarget(
        name="tflite_header",
        read=check_whole,
        seeds=lambda: [TfliteBackend().serialise(MODEL)],
        regressions=_damaged_tflite,
        largest=1 << 14,
    ),
    FuzzTarget(
        name="tflite_inputs",
        read=tflite_inputs,
        seeds=lambda: [TfliteBackend().serialise(MODEL)],
        regressions=_damaged_tflite,
        largest=1 << 14,
    ),
    FuzzTarget(
        name="tflite_file",
        read=read_tflite,
        seeds=lambda: [TfliteBackend().serialise(MODEL)],
        regressions=_damaged_tflite,
        largest=1 << 14,
    ),
    FuzzTarget(
        name="tflite_operators",
        read=read_tflite_operators,
        seeds=lambda: [TfliteBackend().serialise(MODEL)],
        regressions=_damaged_tflite,
        largest=1 << 14,
    ),
)
