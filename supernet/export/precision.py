"""Precisions of each runtime's files, and how a float32 file is converted.

float16: weights of half the size. int8: weights and activations of a quarter, by post-training
quantisation: the range of every activation is taken from images, that of weights by channel.
"""

from bench.blocks.weight_bytes import PRECISIONS
from bench.errors import InputError
from bench.protocol.backend import Array

FP32, FP16, INT8 = PRECISIONS
CALIBRATION_IMAGES = 200
_CONVERTED = ("onnx", "tflite")


def check_precision(backend: str, precision: str) -> None:
    """Raise `InputError` where files of `backend` have no such precision."""
    known = PRECISIONS if backend in _CONVERTED else (FP32,)
    if precision not in known:
        raise InputError(
            f"precision is {precision!r}, a {backend} file is exported as {' or '.join(known)}"
            + ("" if backend in _CONVERTED else "; export to onnx or tflite for the others")
        )


def convert(content: bytes, backend: str, precision: str, images: Array | None = None) -> bytes:
    """Make the file of `precision` from the float32 file `content`.

    `images` (n, c, r, r) calibrate int8: they must be as the network takes them. Inputs and
    outputs stay float32. `MissingRuntimeError` where what converts is not installed.
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

        return int8_onnx(content, images)
    from supernet.export.quantise_tflite import int8_tflite

    return int8_tflite(content, images)


def _half(content: bytes, backend: str) -> bytes:
    if backend == "onnx":
        from supernet.export.quantise_onnx import fp16_onnx

        return fp16_onnx(content)
    from supernet.export.quantise_tflite import fp16_tflite

    return fp16_tflite(content)
