"""Tensors of a TFLite graph in float32 or int8: what differs between the two precisions."""

from typing import Protocol

import numpy as np

from bench.backends.tflite_buffer import Flatbuffer, Tensor
from bench.blocks.model import Array
from bench.blocks.quantisation import INT8_LOWEST, RANGES, ChannelWeights, Quantisation, Range


class Values(Protocol):
    """Adds computed and constant tensors of one precision to a file."""

    def computed(self, shape: tuple[int, ...], name: str, act: str) -> Tensor:
        """Add an operator's output after the activation `act`."""
        ...

    def like(self, shape: tuple[int, ...], name: str, source: Tensor) -> Tensor:
        """Add the output of an operator that only moves or picks values of `source`."""
        ...

    def constant(self, value: Array, name: str) -> Tensor:
        """Add a small constant, such as a factor."""
        ...

    def fill(self, value: float, name: str, source: Tensor) -> Tensor:
        """Add the value that pads `source`, limited to what its type can hold."""
        ...

    def weights(
        self, weight: Array, bias: Array, axis: int, name: str, source: Tensor
    ) -> list[Tensor]:
        """Add a layer's weights, whose output channels are `axis`, and its bias."""
        ...


class FloatValues:
    """Tensors of float32; `half_weights` are stored as float16, biases are not."""

    def __init__(self, file: Flatbuffer, *, half_weights: bool = False) -> None:
        self._file = file
        self._half_weights = half_weights

    def computed(self, shape: tuple[int, ...], name: str, act: str) -> Tensor:
        return self._file.tensor(shape, name)

    def like(self, shape: tuple[int, ...], name: str, source: Tensor) -> Tensor:
        return self._file.tensor(shape, name)

    def constant(self, value: Array, name: str) -> Tensor:
        return self._file.constant(value, name)

    def fill(self, value: float, name: str, source: Tensor) -> Tensor:
        return self._file.constant(np.full(1, value, dtype=np.float32), name)

    def weights(
        self, weight: Array, bias: Array, axis: int, name: str, source: Tensor
    ) -> list[Tensor]:
        return [self._weight(weight, f"{name}.weight"), self._file.constant(bias, f"{name}.bias")]

    def _weight(self, weight: Array, name: str) -> Tensor:
        if not self._half_weights:
            return self._file.constant(weight, name)
        stored = self._file.constant(weight.astype(np.float16), f"{name}.half")
        converted = self._file.tensor(weight.shape, name)
        # Of constants: runtimes compute it once, when they load the file.
        self._file.operator("DEQUANTIZE", [stored], converted, "DequantizeOptions")
        return converted


class Int8Values:
    """Tensors of int8 with plausible scales, weights by channel, biases of int32."""

    def __init__(self, file: Flatbuffer) -> None:
        self._file = file

    def computed(self, shape: tuple[int, ...], name: str, act: str) -> Tensor:
        return self._file.tensor(shape, name, quantised(RANGES[act]))

    def like(self, shape: tuple[int, ...], name: str, source: Tensor) -> Tensor:
        return self._file.tensor(shape, name, source.quantisation)

    def constant(self, value: Array, name: str) -> Tensor:
        quantisation = quantised((float(value.min()), float(value.max())))
        integers = quantisation.integers(value).astype(np.int8)
        return self._file.constant(integers, name, quantisation)

    def fill(self, value: float, name: str, source: Tensor) -> Tensor:
        assert source.quantisation is not None
        integers = source.quantisation.integers(np.full(1, value, dtype=np.float32))
        return self._file.constant(integers.astype(np.int8), name, source.quantisation)

    def weights(
        self, weight: Array, bias: Array, axis: int, name: str, source: Tensor
    ) -> list[Tensor]:
        assert source.quantisation is not None
        channels = ChannelWeights.of(weight, axis)
        integers, scales = channels.bias(bias, source.quantisation.scale)
        return [
            self._file.channel_constant(channels.integers, f"{name}.weight", channels.scales, axis),
            self._file.channel_constant(integers, f"{name}.bias", scales, 0),
        ]


def quantised(values: Range) -> Quantisation:
    """Return the int8 quantisation of a range of values."""
    return Quantisation.of_range(values, INT8_LOWEST)
