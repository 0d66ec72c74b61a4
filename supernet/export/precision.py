"""Convert float32 model files to the precisions that each runtime supports.

float16 halves the weights. int8 quarters weights and activations by post-training quantisation:
ranges of activations are calibrated on images, those of weights are by channel.
"""

from collections.abc import Sequence

from bench.backends.registry import get_backend
from bench.blocks.weight_bytes import PRECISIONS
from bench.errors import InputError
from bench.extras import check_extra
from bench.protocol.backend import Array

FP32, FP16, INT8 = PRECISIONS
CALIBRATION_IMAGES = 200
_CONVERTED = ("onnx", "tflite")


def check_precision(backend: str, precision: str) -> None:
    """Raise `InputError` where files of `backend` do not support the precision."""
    supported = PRECISIONS if backend in _CONVERTED else (FP32,)
    if precision not in supported:
        raise InputError(
            f"precision is {precision!r}, a {backend} file is exported as {' or '.join(supported)}"
            + ("" if backend in _CONVERTED else "; export to onnx or tflite for the others")
        )


def check_converter(backend: str, precision: str) -> None:
    """Raise an error if files of the precision cannot be made here, before anything is computed."""
    check_precision(backend, precision)
    get_backend(backend).version()
    if backend == "tflite" and precision != FP32:
        check_extra("ai_edge_quantizer", "float16 and int8 TFLite files need")


def convert(
    content: bytes,
    backend: str,
    precision: str,
    images: Array | None = None,
    *,
    float_outputs: Sequence[str] = (),
) -> bytes:
    """Convert the float32 file `content` to `precision`.

    `images` (n, c, r, r), prepared as the network's input, calibrate int8. Inputs and outputs stay
    float32, and in int8 also operators with one of `float_outputs`. Raises `MissingRuntimeError`
    where the converter is not installed.
    """
    check_precision(backend, precision)
    if precision == FP32:
        return content
    if precision == FP16:
        return _half(content, backend)
    if images is None or not len(images):
        raise InputError("int8 is calibrated on images, got none: give them by --data")
    if backend == "onnx":
        from supernet.export.quantise_onnx import int8_onnx

        return int8_onnx(content, images, float_outputs)
    from supernet.export.quantise_tflite import int8_tflite

    return int8_tflite(content, images, float_outputs)


def output_names(content: bytes, backend: str) -> tuple[str, ...]:
    """Return the names of the outputs of all operators of a file."""
    if backend == "onnx":
        import onnx

        graph = onnx.load_from_string(content).graph
        # The last one, the graph's output, has the name that the node has inside a network.
        return tuple(node.name for node in graph.node)
    from bench.backends.tflite_schema import operator_outputs

    return operator_outputs(content)


def _half(content: bytes, backend: str) -> bytes:
    if backend == "onnx":
        from supernet.export.quantise_onnx import fp16_onnx

        return fp16_onnx(content)
    from supernet.export.quantise_tflite import fp16_tflite

    return fp16_tflite(content)
