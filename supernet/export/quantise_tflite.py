"""Convert TFLite files to float16 and int8 with Google's AI Edge Quantizer.

Inputs and outputs stay float32 in every precision; an int8 file begins with a QUANTIZE and ends
with a DEQUANTIZE operator.
"""

import os
import re
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from bench.backends.tflite_backend import start_xnnpack
from bench.extras import missing_extra
from bench.protocol.backend import Array
from supernet.export.log_silencing import quiet

_SIGNATURE = "serving_default"
_FILE_IDENTIFIER = b"TFL3"


def fp16_tflite(content: bytes) -> bytes:
    """Store weights as float16; XNNPACK computes in float32 unless fp16 is forced."""
    package = _package()
    quantizer, kinds = package.quantizer, package.qtyping
    with quiet():
        recipe_quantizer = quantizer.Quantizer(bytearray(content))
        recipe_quantizer.update_quantization_recipe(
            regex=".*",
            operation_name=kinds.TFLOperationName.ALL_SUPPORTED,
            op_config=kinds.OpQuantizationConfig(
                weight_tensor_config=kinds.TensorQuantizationConfig(
                    num_bits=16, dtype=kinds.TensorDataType.FLOAT
                ),
                compute_precision=kinds.ComputePrecision.FLOAT,
                explicit_dequantize=True,
            ),
            algorithm_key=quantizer.AlgorithmName.FLOAT_CASTING,
        )
        return bytes(recipe_quantizer.quantize(enable_progress_report=False).quantized_model)


def int8_tflite(content: bytes, images: Array, float_outputs: Sequence[str] = ()) -> bytes:
    """Quantise statically: int8 weights by channel, int8 activations.

    Operators with one of `float_outputs` stay float32.

    Ranges of activations are the smallest and the largest value over all `images` (n, c, r, r), one
    at a time. (The quantizer's default, a moving average, clips values that few images reach: for a
    network trained on digits the signal-to-noise ratio was 12 dB with it, and is 26 dB without.)
    """
    package = _package()
    quantizer, kinds = package.quantizer, package.qtyping
    samples = [{"input": np.ascontiguousarray(image.transpose(1, 2, 0)[None])} for image in images]
    signed = _signed(content)
    with quiet():
        recipe_quantizer = quantizer.Quantizer(bytearray(signed))
        recipe_quantizer.add_static_config(
            regex=".*",
            operation_name=kinds.TFLOperationName.ALL_SUPPORTED,
            activation_num_bits=8,
            weight_num_bits=8,
        )
        for end in (kinds.TFLOperationName.INPUT, kinds.TFLOperationName.OUTPUT):
            recipe_quantizer.update_quantization_recipe(
                regex=".*",
                operation_name=end,
                algorithm_key=quantizer.AlgorithmName.NO_QUANTIZE,
            )
        for name in float_outputs:
            recipe_quantizer.update_quantization_recipe(
                regex=f"^{re.escape(name)};?$",
                operation_name=kinds.TFLOperationName.ALL_SUPPORTED,
                algorithm_key=quantizer.AlgorithmName.NO_QUANTIZE,
            )
        ranges = _ranges(package, signed, recipe_quantizer.get_quantization_recipe(), samples)
        return bytes(
            recipe_quantizer.quantize(ranges, enable_progress_report=False).quantized_model
        )


def _ranges(
    package: Any, content: bytes, recipe: Any, samples: list[dict[str, Array]]
) -> dict[str, Any]:
    """Return the smallest and the largest value of every tensor that `recipe` quantises."""
    manager = package.recipe_manager.RecipeManager()
    manager.load_quantization_recipe(recipe)
    calibrator = package.calibrator.Calibrator(
        memoryview(content),
        num_threads=os.cpu_count() or 1,
        qsv_update_func=package.qsv_utils.min_max_update,
    )
    start_xnnpack()
    calibrator.calibrate({_SIGNATURE: samples}, manager)
    ranges: dict[str, Any] = calibrator.get_model_qsvs()
    return ranges


def _signed(content: bytes) -> bytes:
    """Add a signature to the file: names of input and output, which calibration needs."""
    import flatbuffers

    from bench.backends.tflite_schema import schema

    kinds = schema()
    model = kinds.ModelT.InitFromPackedBuf(bytearray(content), 0)
    graph = model.subgraphs[0]
    signature = kinds.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = _SIGNATURE, 0
    signature.inputs = [_named(kinds, "input", int(graph.inputs[0]))]
    signature.outputs = [_named(kinds, "output", int(graph.outputs[0]))]
    model.signatureDefs = [signature]
    builder = flatbuffers.Builder(len(content) + (1 << 14))
    builder.Finish(model.Pack(builder), _FILE_IDENTIFIER)
    return bytes(builder.Output())


def _named(kinds: Any, name: str, tensor: int) -> Any:
    entry = kinds.TensorMapT()
    entry.name, entry.tensorIndex = name, tensor
    return entry


def _package() -> SimpleNamespace:
    """Import the modules of the quantizer."""
    try:
        from ai_edge_quantizer import calibrator, qtyping, quantizer, recipe_manager
        from ai_edge_quantizer.utils import qsv_utils
    except ImportError as error:
        # It needs ai-edge-litert: tflite-runtime is not enough.
        raise missing_extra("ai_edge_quantizer", "float16 and int8 TFLite files need") from error
    return SimpleNamespace(
        calibrator=calibrator,
        qsv_utils=qsv_utils,
        qtyping=qtyping,
        quantizer=quantizer,
        recipe_manager=recipe_manager,
    )
