"""Conversion of a `Model` to a TFLite file, directly from its layers: a few ms a block.

In the file, images are NHWC. TFLite's `SAME` padding is larger at the end where torch pads both
sides equally; where the two differ, padding is a separate operator, which XNNPACK fuses with the
next one.
"""

import numpy as np

from bench.backends.tflite_buffer import Flatbuffer, Tensor, schema
from bench.blocks.layers import Conv, Layer, Linear, Pool, SqueezeExcite, layers_of
from bench.blocks.model import Array, Model, Weights
from bench.blocks.spec import BlockSpec
from bench.errors import InputError


def tflite_bytes(model: Model, batch: int = 1) -> bytes:
    """Return a TFLite file's content: input and feature maps are (batch, size, size, channels)."""
    weight_bytes = sum(array.nbytes for weights in model.weights for array in weights.values())
    channels, height, width = model.input_shape
    writer = _Writer(Flatbuffer(weight_bytes + (1 << 14)))
    graph_input = writer.file.tensor((batch, height, width, channels), "input")
    value = graph_input
    for place, (spec, weights) in enumerate(zip(model.blocks, model.weights, strict=True)):
        value = writer.block(spec, weights, f"b{place}", value)
    return writer.file.finish(graph_input, value)


class _Writer:
    """Adds blocks and layers to a `Flatbuffer`."""

    def __init__(self, file: Flatbuffer) -> None:
        self.file = file
        self._operators = 0

    def block(self, spec: BlockSpec, weights: Weights, prefix: str, block_input: Tensor) -> Tensor:
        layers = layers_of(spec)
        value = block_input
        for layer in layers.main:
            value = self._layer(layer, weights, prefix, value)
        if layers.shortcut is None:
            return value
        shortcut = block_input
        for layer in layers.shortcut:
            shortcut = self._layer(layer, weights, prefix, shortcut)
        return self._activated("ADD", [value, shortcut], value.shape, "AddOptions", layers.act)

    def _layer(self, layer: Layer, weights: Weights, prefix: str, value: Tensor) -> Tensor:
        match layer:
            case Conv():
                return self._conv(layer, weights, prefix, value)
            case SqueezeExcite():
                return self._squeeze_excite(layer, weights, prefix, value)
            case Pool():
                return self._pool(layer, value)
            case Linear():
                shape = (value.shape[0], layer.out_channels)
                terms = [
                    self.file.constant(weights[f"{layer.name}.{part}"], f"{prefix}.{part}")
                    for part in ("weight", "bias")
                ]
                return self._op("FULLY_CONNECTED", [value, *terms], shape, "FullyConnectedOptions")

    def _conv(self, conv: Conv, weights: Weights, prefix: str, value: Tensor) -> Tensor:
        weight, bias = weights[f"{conv.name}.weight"], weights[f"{conv.name}.bias"]
        depthwise = 1 < conv.groups == conv.in_channels == conv.out_channels
        if conv.groups > 1 and not depthwise:
            raise InputError(f"a TFLite file has no convolution of {conv.groups} groups")
        transposed: Array = (
            weight.transpose(1, 2, 3, 0) if depthwise else weight.transpose(0, 2, 3, 1)
        )
        value, padding = self._padded(value, conv.kernel, conv.stride, conv.out_size, 0.0)
        fields = {
            "Padding": padding,
            "StrideW": conv.stride,
            "StrideH": conv.stride,
            "DilationWFactor": 1,
            "DilationHFactor": 1,
        }
        op, options = "CONV_2D", "Conv2DOptions"
        if depthwise:
            op, options = "DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions"
            fields["DepthMultiplier"] = 1
        name = f"{prefix}.{conv.name}"
        inputs = [
            value,
            self.file.constant(transposed, f"{name}.weight"),
            self.file.constant(bias, f"{name}.bias"),
        ]
        shape = (value.shape[0], conv.out_size, conv.out_size, conv.out_channels)
        return self._activated(op, inputs, shape, options, conv.act, **fields)

    def _squeeze_excite(
        self, layer: SqueezeExcite, weights: Weights, prefix: str, value: Tensor
    ) -> Tensor:
        wide, narrow = layer.channels, layer.squeezed
        reduce = Conv(
            name=f"{layer.name}.reduce",
            in_size=1,
            in_channels=wide,
            out_channels=narrow,
            act="relu",
        )
        expand = Conv(
            name=f"{layer.name}.expand",
            in_size=1,
            in_channels=narrow,
            out_channels=wide,
            act="relu6",
        )
        # TFLite has no hard sigmoid operator: relu6(x + 3) / 6, with the 3 added to the bias.
        bias = f"{expand.name}.bias"
        shifted = {**weights, bias: weights[bias] + np.float32(3)}
        gate = self._mean(value)
        for conv in (reduce, expand):
            gate = self._conv(conv, shifted, prefix, gate)
        sixth = self.file.constant(_scalar(1 / 6), f"{prefix}.sixth")
        gate = self._op("MUL", [gate, sixth], gate.shape, "MulOptions")
        return self._op("MUL", [value, gate], value.shape, "MulOptions")

    def _pool(self, pool: Pool, value: Tensor) -> Tensor:
        if pool.how == "global":
            return self._mean(value)
        if pool.how == "max":
            op, window = "MAX_POOL_2D", 3
            lowest = float(np.finfo(np.float32).min)
            value, padding = self._padded(value, window, pool.stride, pool.out_size, lowest)
        else:
            # SAME is correct here: the window reaches over the end, and only existing values count.
            op, window, padding = "AVERAGE_POOL_2D", 2, schema().Padding.SAME
        shape = (value.shape[0], pool.out_size, pool.out_size, pool.channels)
        return self._op(
            op,
            [value],
            shape,
            "Pool2DOptions",
            Padding=padding,
            StrideW=pool.stride,
            StrideH=pool.stride,
            FilterWidth=window,
            FilterHeight=window,
        )

    def _mean(self, value: Tensor) -> Tensor:
        axes = self.file.constant(np.array([1, 2], dtype=np.int32), f"axes{self._operators}")
        shape = (value.shape[0], 1, 1, value.shape[3])
        return self._op("MEAN", [value, axes], shape, "ReducerOptions", KeepDims=True)

    def _padded(
        self, value: Tensor, kernel: int, stride: int, out_size: int, fill: float
    ) -> tuple[Tensor, int]:
        """Pad by `kernel // 2` as torch does: by `SAME` if that is equal, else by an operator."""
        batch, size, _, channels = value.shape
        before = kernel // 2
        total = max((out_size - 1) * stride + kernel - size, 0)
        if total // 2 == before:
            return value, schema().Padding.SAME
        after = max(total - before, 0)
        pads = np.array([[0, 0], [before, after], [before, after], [0, 0]], dtype=np.int32)
        inputs = [value, self.file.constant(pads, f"pads{self._operators}")]
        side = before + size + after
        shape = (batch, side, side, channels)
        if fill == 0:
            return self._op("PAD", inputs, shape, "PadOptions"), schema().Padding.VALID
        inputs.append(self.file.constant(_scalar(fill), f"fill{self._operators}"))
        return self._op("PADV2", inputs, shape, "PadV2Options"), schema().Padding.VALID

    def _activated(
        self,
        op: str,
        inputs: list[Tensor],
        shape: tuple[int, ...],
        options: str,
        act: str,
        **fields: int | bool,
    ) -> Tensor:
        kinds = schema().ActivationFunctionType
        fused = {"relu": kinds.RELU, "relu6": kinds.RELU6}.get(act, kinds.NONE)
        value = self._op(op, inputs, shape, options, FusedActivationFunction=fused, **fields)
        if act != "hswish":
            return value
        return self._op("HARD_SWISH", [value], shape, "HardSwishOptions")

    def _op(
        self,
        op: str,
        inputs: list[Tensor],
        shape: tuple[int, ...],
        options: str,
        **fields: int | bool,
    ) -> Tensor:
        output = self.file.tensor(shape, f"{op.lower()}{self._operators}")
        self._operators += 1
        self.file.operator(op, inputs, output, options, **fields)
        return output


def _scalar(value: float) -> Array:
    return np.full(1, value, dtype=np.float32)
