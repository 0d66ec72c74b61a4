"""Nodes of an int8 ONNX graph: pairs of QuantizeLinear and DequantizeLinear about operators.

The pairs stand where onnxruntime's quantizer sets them, so that onnxruntime fuses the same integer
operators when it loads the file: about every operator that has an integer kernel, with uint8
activations; h-swish and hard sigmoid compute in float32 between two pairs.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from bench.backends.onnx_nodes import INPUT, OUTPUT, Nodes
from bench.blocks.model import Array
from bench.blocks.quantisation import RANGES, UINT8_LOWEST, ChannelWeights, Quantisation

# Sums of products with 8-bit weights saturate on processors without VNNI; see the docs of
# onnxruntime, "Quantize ONNX models". The number of bits does not change a latency.
SEVEN_BITS = 63
_INTEGER = {"Conv", "Gemm", "Add", "Mul", "GlobalAveragePool", "MaxPool", "AveragePool"}
_FLOAT_ACTS = {"HardSwish": "hswish", "HardSigmoid": "hsigmoid"}
_TYPES = {"int8": TensorProto.INT8, "int32": TensorProto.INT32, "uint8": TensorProto.UINT8}


class QuantisedNodes(Nodes):
    """Nodes whose values are stored as uint8, except while `is_quantised` is false."""

    def __init__(self, *, takes_images: bool) -> None:
        super().__init__()
        self.is_quantised = True
        self._pairs: dict[str, str] = {}  # a value, and the float32 output of its pair
        self._acts: dict[str, str] = {}  # of a value, by which its range is chosen
        if not takes_images:
            self._pairs[INPUT] = self._dequantised(INPUT, INPUT)

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        if not self.is_quantised:
            return self.append(op, *inputs, **attributes)
        if op in _INTEGER:
            output = self.append(op, *map(self._quantised, inputs), **attributes)
            if op == "MaxPool":  # an integer kernel picks values, so it needs the same range
                self._acts[output] = self._acts.get(inputs[0], "none")
            self._quantised(output)
            return output
        output = self.append(op, *map(self._as_float, inputs), **attributes)
        self._acts[output] = _FLOAT_ACTS.get(op) or self._acts.get(inputs[0], "none")
        if op == "Flatten" and inputs[0] in self._pairs:
            self._quantised(output)
        return output

    def weighted(
        self, op: str, value: str, weight: Array, bias: Array, name: str, **attributes: Any
    ) -> str:
        if not self.is_quantised:
            return super().weighted(op, value, weight, bias, name, **attributes)
        channels = ChannelWeights.of(weight, 0, SEVEN_BITS)
        integers, scales = channels.bias(bias, self.quantisation_of(value).scale)
        terms = (
            self._dequantised_constant(f"{name}.weight", channels.integers, channels.scales),
            self._dequantised_constant(f"{name}.bias", integers, scales),
        )
        output = self.append(op, self._quantised(value), *terms, **attributes)
        self._quantised(output)
        return output

    def activation(self, act: str, value: str) -> str:
        if not self.is_quantised or act not in ("relu", "relu6"):
            return super().activation(act, value)
        # Integers from 0 on do what these activations do: their range begins at the zero point.
        self._acts[value] = act
        return value

    def finish(self, value: str, *, gives_float: bool) -> None:
        self._quantised(value)
        if not gives_float:
            self.nodes.pop()  # the DequantizeLinear of `value`
        self.nodes[-1].output[0] = OUTPUT
        for name in self._pairs:
            quantisation = self.quantisation_of(name)
            self.constant(f"{name}_scale", quantisation.scale)
            self._integers(f"{name}_zero_point", np.array(quantisation.zero_point, np.uint8))

    def _quantised(self, value: str) -> str:
        """Return the float32 output of the pair after `value`, which is added at its first use."""
        if value not in self._pairs:
            integers = self.append("QuantizeLinear", value, f"{value}_scale", f"{value}_zero_point")
            self._pairs[value] = self._dequantised(integers, value)
        return self._pairs[value]

    def _dequantised(self, integers: str, value: str) -> str:
        return self.append("DequantizeLinear", integers, f"{value}_scale", f"{value}_zero_point")

    def _as_float(self, value: str) -> str:
        return self._pairs.get(value, value)

    def quantisation_of(self, value: str) -> Quantisation:
        """Return how the integers of a value stand for numbers."""
        return Quantisation.of_range(RANGES[self._acts.get(value, "none")], UINT8_LOWEST)

    def _dequantised_constant(self, name: str, integers: NDArray[Any], scales: Array) -> str:
        self._integers(f"{name}_quantized", integers)
        self.constant(f"{name}_scale", scales)
        self._integers(f"{name}_zero_point", np.zeros(len(scales), integers.dtype))
        inputs = (f"{name}_quantized", f"{name}_scale", f"{name}_zero_point")
        return self.append("DequantizeLinear", *inputs, axis=0)

    def _integers(self, name: str, value: NDArray[Any]) -> None:
        raw = value.tobytes()  # onnx stores bytes and int32 little-endian
        tensor = helper.make_tensor(name, _TYPES[value.dtype.name], value.shape, raw, raw=True)
        self.weights.append(tensor)
