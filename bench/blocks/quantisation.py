"""Quantisation of int8 blocks: how real numbers are stored as 8-bit integers.

A real number is `scale * (integer - zero_point)`. Blocks that are only timed take plausible ranges
of values, since the values of scales do not change a latency; files to ship are calibrated on
images by `supernet.export`. As those files, blocks have int8 weights by channel, and a bias whose
scale is that of the input times that of the weights: runtimes fuse no other.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.blocks.model import Array

Range = tuple[float, float]
INT8_LOWEST, UINT8_LOWEST = -128, 0

# Smallest and largest value of a layer's output by its activation; weights of
# `bench.blocks.model.random_model` keep values near 1.
RANGES: dict[str, Range] = {
    "none": (-8.0, 8.0),
    "relu": (0.0, 8.0),
    "relu6": (0.0, 6.0),
    "hswish": (-0.375, 8.0),
    "hsigmoid": (0.0, 1.0),
    "product": (-2.25, 48.0),  # x * relu6(x + 3), before it is divided by 6 to h-swish
}


@dataclass(frozen=True, slots=True)
class Quantisation:
    """Scale and zero point of a tensor, for the integers from `lowest` to `lowest + 255`."""

    scale: float
    zero_point: int
    lowest: int

    @classmethod
    def of_range(cls, values: Range, lowest: int) -> "Quantisation":
        """Return the quantisation that covers a range of values, which includes 0."""
        low, high = min(values[0], 0.0), max(values[1], 0.0)
        scale = (high - low) / 255 or 1.0
        return cls(scale, lowest + round(-low / scale), lowest)

    def integers(self, values: Array) -> NDArray[np.int64]:
        """Return the nearest integers; values outside of the range take its ends."""
        nearest = np.rint(np.asarray(values, np.float64) / self.scale) + self.zero_point
        clipped: NDArray[np.float64] = np.clip(nearest, self.lowest, self.lowest + 255)
        return clipped.astype(np.int64)

    def values(self, integers: NDArray[np.integer]) -> Array:
        """Return the real numbers, float32, of integers."""
        return ((integers.astype(np.float32) - self.zero_point) * self.scale).astype(np.float32)


@dataclass(frozen=True, slots=True)
class ChannelWeights:
    """Weights as int8 by channel: symmetric integers, and a scale for each entry of `axis`."""

    integers: NDArray[np.int8]
    scales: Array
    axis: int

    @classmethod
    def of(cls, weights: Array, axis: int, largest: int = 127) -> "ChannelWeights":
        """Quantise weights to integers from -`largest` to `largest`."""
        others = tuple(place for place in range(weights.ndim) if place != axis)
        scales = np.abs(weights).max(axis=others, keepdims=True) / largest
        scales = np.where(scales > 0, scales, 1.0).astype(np.float32)
        integers = np.clip(np.rint(weights / scales), -largest, largest).astype(np.int8)
        return cls(integers, scales.reshape(-1), axis)

    def bias(self, bias: Array, input_scale: float) -> tuple[NDArray[np.int32], Array]:
        """Return a bias as int32 and its scales: the input's times the weights'."""
        scales = (self.scales * np.float32(input_scale)).astype(np.float32)
        return np.rint(bias / scales).astype(np.int32), scales
