"""Convert ONNX files to float16 and int8 with onnxruntime's converters."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.devices.cpu.host_facts import cpu_info
from bench.errors import MissingRuntimeError
from bench.files import read_bytes
from bench.protocol.backend import Array
from supernet.export.log_silencing import quiet

_INSTALL = "pip install onnxruntime onnx"


def fp16_onnx(content: bytes) -> bytes:
    """Convert all weights and operators to float16; inputs and outputs stay float32."""
    try:
        import onnx
        from onnxruntime.transformers.float16 import convert_float_to_float16
    except ImportError as error:
        raise _missing(error) from error
    with quiet():
        model = convert_float_to_float16(onnx.load_from_string(content), keep_io_types=True)
    return bytes(model.SerializeToString())


def int8_onnx(content: bytes, images: Array, float_nodes: Sequence[str] = ()) -> bytes:
    """Quantise statically: pairs of QuantizeLinear and DequantizeLinear about every operator.

    Weights are int8 by channel, activations uint8 between the smallest and the largest value on
    `images` (n, c, r, r), one at a time. onnxruntime fuses the pairs into integer operators when it
    loads the file, except about `float_nodes`; hard sigmoid has none and stays float32. Weights
    have 7 bits where products of this processor saturate with 8, see `products_saturate`.
    onnxruntime's pre-processing is skipped: norms are already folded and shapes known, and it took
    2 s without any effect.
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
                nodes_to_exclude=list(float_nodes),
                reduce_range=products_saturate(cpu_info()),
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibration_providers=["CPUExecutionProvider"],
            )
        return read_bytes(out)


def products_saturate(cpu: Mapping[str, str]) -> bool:
    """Return whether onnxruntime's 8-bit products saturate, by `cpu_info` of the processor.

    They do on x86-64 without VNNI: pairs of products are summed in 16 bits (onnxruntime's docs,
    "Quantize ONNX models", When and why do I need to try U8U8). There a file of `tiny` with 8-bit
    weights had a signal-to-noise ratio of 5 dB, with 7-bit weights as much as on other processors.
    """
    flags = cpu.get("flags", "").split()  # of Linux on x86-64; Arm has "Features" instead
    return bool(flags) and not any("vnni" in flag for flag in flags)


def _reader(images: Array) -> Any:
    """Return a reader of single images for onnxruntime's calibration."""
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
