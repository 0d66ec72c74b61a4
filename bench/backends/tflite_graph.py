"""Conversion of a `Model` to a TFLite file, directly from its layers: a few ms a block.

In the file, images are NHWC. An int8 file of a whole network takes and gives float32, as exported
files do; one of blocks inside a network takes and gives int8, as there.
"""

from bench.backends.tflite_buffer import Flatbuffer, Tensor
from bench.backends.tflite_operators import Operators, scalar
from bench.backends.tflite_values import FloatValues, Int8Values, quantised
from bench.blocks.graph_form import PLAIN, GraphForm
from bench.blocks.layers import Conv, Layer, Linear, Pool, SqueezeExcite, layers_of
from bench.blocks.model import Array, Model, Weights
from bench.blocks.quantisation import RANGES
from bench.blocks.spec import BlockSpec
from bench.errors import InputError

# The columns of a split 7x7 kernel, each set with the distance between its columns: all sets have
# the same centre, so that each part, padded by half of its width, has the inputs of the whole.
SPLIT_COLUMNS = (((0, 3, 6), 3), ((1, 5), 4), ((2, 4), 2))


def tflite_bytes(
    model: Model, batch: int = 1, *, precision: str = "fp32", form: GraphForm = PLAIN
) -> bytes:
    """Return a TFLite file's content: input and feature maps are (batch, size, size, channels)."""
    weight_bytes = sum(array.nbytes for weights in model.weights for array in weights.values())
    file = Flatbuffer(weight_bytes + (1 << 14))
    channels, height, width = model.input_shape
    shape = (batch, height, width, channels)
    int8 = precision == "int8"
    if int8 and form.weights == "float16":
        raise InputError("the form weights=float16 is for fp32 and fp16, and this file is int8")
    is_image = not int8 or model.blocks[0].kind == "stem"
    graph_input = file.tensor(shape, "input", None if is_image else quantised(RANGES["none"]))
    writer = _Writer(file, form)
    value = graph_input
    for place, (spec, weights) in enumerate(zip(model.blocks, model.weights, strict=True)):
        if int8 and not (spec.kind == "stem" and form.stem == "float"):
            value = writer.quantised(value)
        value = writer.block(spec, weights, f"b{place}", value)
    if value.quantisation is not None and model.blocks[-1].kind == "classifier":
        value = writer.dequantised(value)
    elif int8:
        value = writer.quantised(value)
    return file.finish(graph_input, value)


class _Writer(Operators):
    """Adds blocks and layers to a file, in the precision of their input."""

    def __init__(self, file: Flatbuffer, form: GraphForm) -> None:
        super().__init__(file)
        self._form = form
        self.values = FloatValues(file, half_weights=form.weights == "float16")
        self._is_non_negative = False  # the block's input, after a ReLU

    def quantised(self, value: Tensor) -> Tensor:
        """Convert to int8, unless it is that already; layers that follow are int8."""
        self.values = Int8Values(self.file)
        if value.quantisation is not None:
            return value
        output = self.values.computed(value.shape, f"quantize{self.count}", "none")
        return self.append("QUANTIZE", [value], output, "QuantizeOptions")

    def dequantised(self, value: Tensor) -> Tensor:
        """Convert to float32."""
        self.values = FloatValues(self.file)
        output = self.values.computed(value.shape, f"dequantize{self.count}", "none")
        return self.append("DEQUANTIZE", [value], output, "DequantizeOptions")

    def block(self, spec: BlockSpec, weights: Weights, prefix: str, block_input: Tensor) -> Tensor:
        layers = layers_of(spec)
        value = block_input
        for layer in layers.main:
            value = self._layer(layer, weights, prefix, value)
        last = layers.main[-1]
        act = layers.act if layers.shortcut is not None else getattr(last, "act", "none")
        self._is_non_negative = act in ("relu", "relu6")
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
                if layer.how == "global":
                    return self.mean(value)
                return self.pool(layer, value, is_non_negative=self._is_non_negative)
            case Linear():
                shape = (value.shape[0], layer.out_channels)
                weight, bias = (weights[f"{layer.name}.{part}"] for part in ("weight", "bias"))
                terms = self.values.weights(weight, bias, 0, prefix, value)
                return self.op("FULLY_CONNECTED", [value, *terms], shape, "FullyConnectedOptions")

    def _conv(self, conv: Conv, weights: Weights, prefix: str, value: Tensor) -> Tensor:
        depthwise = 1 < conv.groups == conv.in_channels == conv.out_channels
        if conv.groups > 1 and not depthwise:
            raise InputError(f"a TFLite file has no convolution of {conv.groups} groups")
        weight, bias = weights[f"{conv.name}.weight"], weights[f"{conv.name}.bias"]
        name = f"{prefix}.{conv.name}"
        if not depthwise:
            return self._plain_conv(conv, weight.transpose(0, 2, 3, 1), bias, name, value)
        kernel: Array = weight.transpose(1, 2, 3, 0)
        if self._form.depthwise7 == "split" and conv.kernel == 7:
            return self._split_depthwise(conv, kernel, bias, name, value)
        value, padding = self.padded(value, conv.kernel, conv.stride, conv.out_size, 0.0)
        inputs = [value, *self.values.weights(kernel, bias, 3, name, value)]
        shape = (value.shape[0], conv.out_size, conv.out_size, conv.out_channels)
        fields = depthwise_fields(padding, conv.stride)
        return self._activated(
            "DEPTHWISE_CONV_2D", inputs, shape, "DepthwiseConv2DOptions", conv.act, fields
        )

    def _plain_conv(
        self, conv: Conv, kernel: Array, bias: Array, name: str, value: Tensor
    ) -> Tensor:
        value, padding = self.padded(value, conv.kernel, conv.stride, conv.out_size, 0.0)
        inputs = [value, *self.values.weights(kernel, bias, 0, name, value)]
        shape = (value.shape[0], conv.out_size, conv.out_size, conv.out_channels)
        fields = conv_fields(padding, conv.stride)
        return self._activated("CONV_2D", inputs, shape, "Conv2DOptions", conv.act, fields)

    def _split_depthwise(
        self, conv: Conv, kernel: Array, bias: Array, name: str, value: Tensor
    ) -> Tensor:
        """Add a 7x7 depthwise convolution as a sum of narrower ones."""
        total: Tensor | None = None
        shape = (value.shape[0], conv.out_size, conv.out_size, conv.out_channels)
        for columns, dilation in SPLIT_COLUMNS:
            act = conv.act if columns == SPLIT_COLUMNS[-1][0] else "none"
            part_bias = bias if total is None else bias * 0
            part_name = f"{name}.columns{columns[0]}"
            window = (conv.kernel, columns[-1] - columns[0] + 1)
            padded, padding = self.padded(value, window, conv.stride, conv.out_size, 0.0)
            inputs = [
                padded,
                *self.values.weights(kernel[:, :, columns, :], part_bias, 3, part_name, value),
            ]
            part = self.op(
                "DEPTHWISE_CONV_2D",
                inputs,
                shape,
                "DepthwiseConv2DOptions",
                fields=depthwise_fields(padding, conv.stride, dilation),
            )
            if total is None:
                total = part
            else:
                total = self._activated("ADD", [total, part], shape, "AddOptions", act)
        assert total is not None
        return total

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
        shifted = {**weights, bias: weights[bias] + 3}
        gate = self.mean(value)
        for conv in (reduce, expand):
            gate = self._conv(conv, shifted, prefix, gate)
        sixth = self.values.constant(scalar(1 / 6), f"{prefix}.sixth")
        gate = self.op("MUL", [gate, sixth], gate.shape, "MulOptions", act="hsigmoid")
        return self.op("MUL", [value, gate], value.shape, "MulOptions")

    def _activated(  # noqa: PLR0913, PLR0917 - an operator as the schema has it
        self,
        op: str,
        inputs: list[Tensor],
        shape: tuple[int, ...],
        options: str,
        act: str,
        fields: dict[str, int | bool] | None = None,
    ) -> Tensor:
        """Add an operator with its activation: fused, or after it for h-swish."""
        if act != "hswish":
            return self.op(op, inputs, shape, options, act=act, fused=True, fields=fields)
        value = self.op(op, inputs, shape, options, fused=True, fields=fields)
        if self._form.hswish == "operator":
            return self.op("HARD_SWISH", [value], shape, "HardSwishOptions", act=act)
        three = self.values.constant(scalar(3.0), f"three{self.count}")
        gate = self.op("ADD", [value, three], shape, "AddOptions", act="relu6", fused=True)
        product = self.op("MUL", [value, gate], shape, "MulOptions", act="product")
        sixth = self.values.constant(scalar(1 / 6), f"sixth{self.count}")
        return self.op("MUL", [product, sixth], shape, "MulOptions", act=act)


def conv_fields(padding: int, stride: int) -> dict[str, int | bool]:
    """Return the options of a convolution without dilation."""
    return {
        "Padding": padding,
        "StrideW": stride,
        "StrideH": stride,
        "DilationWFactor": 1,
        "DilationHFactor": 1,
    }


def depthwise_fields(padding: int, stride: int, columns_apart: int = 1) -> dict[str, int | bool]:
    """Return the options of a depthwise convolution whose columns are dilated."""
    fields = conv_fields(padding, stride)
    return {**fields, "DilationWFactor": columns_apart, "DepthMultiplier": 1}
