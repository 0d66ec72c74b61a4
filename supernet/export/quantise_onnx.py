"""ONNX files of float16 and int8, made by onnxruntime's own converters."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.devices.cpu.host_facts import cpu_info
from bench.errors import MissingRuntimeError
from bench.files import read_bytes
from bench.protocol.backend import Array
from supernet.export.log_silencing import quiet

_INSTALL = "pip install onnxruntime onnx"


def fp16_onnx(content: bytes) -> bytes:
    """Make every weight and operator float16; inputs and outputs stay float32, cast within."""
    try:
        import onnx
        from onnxruntime.transformers.float16 import convert_float_to_float16
    except ImportError as error:
        raise _missing(error) from error
    with quiet():
        made = convert_float_to_float16(onnx.load_from_string(content), keep_io_types=True)
    return bytes(made.SerializeToString())


def int8_onnx(content: bytes, images: Array) -> bytes:
    """Quantise statically: pairs of QuantizeLinear and DequantizeLinear about every operator.

    Weights int8 by channel, activations uint8 between the least and the largest value that
    `images` (n, c, r, r) gave, taken one at a time as a file of batch 1 takes them. onnxruntime
    joins the pairs to integer operators when it loads the file; hard sigmoid has none and
    stays float32. Weights have 7 bits where this processor's products saturate at 8, see
    `products_saturate`. onnxruntime's pre-processing is left out: norms are folded and shapes are
    known already, and it took 2 s to change neither accuracy nor speed.
    """
    try:
        import onnx
        from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    except ImportError as error:
        raise _missing(error) from error
    with tempfile.TemporaryDirectory(prefix="ofabench-") as folder:
        out = Path(folder) / "int8.onnx"
        with quiet():
            quantize_static(
                onnx.load_from_string(content),
                str(out),
                _reader(images),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                reduce_range=products_saturate(cpu_info()),
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibration_providers=["CPUExecutionProvider"],
            )
        return read_bytes(out)


def products_saturate(cpu: Mapping[str, str]) -> bool:
    """Whether onnxruntime's products of 8-bit numbers saturate, by `cpu_info` of the processor.

    They do on x86-64 without VNNI: pairs of products are summed in 16 bits (onnxruntime's docs,
    "Quantize ONNX models", When and why do I need to try U8U8). There a full-range file of `tiny`
    had 5 dB of signal to noise, with weights of 7 bits as much as elsewhere.
    """
    flags = cpu.get("flags", "").split()  # of Linux on x86-64; Arm has "Features" instead
    return bool(flags) and not any("vnni" in flag for flag in flags)


def _reader(images: Array) -> Any:
    """Give `images` one by one, in the way that onnxruntime's calibration asks."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left: Iterator[Array] = iter(images)

        def get_next(self) -> dict[str, Array] | None:
            image = next(self._left, None)
            return None if image is None else {"input": image[None]}

    return Reader()


def _missing(error: ImportError) -> MissingRuntimeError:
    return MissingRuntimeError(f"converting ONNX needs {error.name or 'onnxruntime'}: {_INSTALL}")
