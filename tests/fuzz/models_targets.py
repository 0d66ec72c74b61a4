"""Model files of ONNX and TFLite, as far as loading goes."""

from bench.backends.onnx_backend import OnnxBackend
from bench.backends.tflite_backend import TfliteBackend
from bench.backends.tflite_buffer import check_whole
from bench.model import random_model
from bench.spec import BlockSpec, Target
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


TARGETS = (
    FuzzTarget(
        name="onnx_file",
        read=read_onnx,
        seeds=lambda: [OnnxBackend().serialise(MODEL)],
        largest=1 << 14,
    ),
    FuzzTarget(
        name="tflite_header",
        read=check_whole,
        seeds=lambda: [TfliteBackend().serialise(MODEL)],
        largest=1 << 14,
    ),
    FuzzTarget(
        name="tflite_file",
        read=read_tflite,
        seeds=lambda: [TfliteBackend().serialise(MODEL)],
        largest=1 << 14,
    ),
)
