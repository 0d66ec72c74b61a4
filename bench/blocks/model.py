"""`Model`: a chain of blocks with their weights, which backends load and time.

A block is a chain of length one, so that blocks and networks are handled the same way.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bench.blocks.layers import Conv, Layer, Linear, SqueezeExcite, layers_of
from bench.blocks.spec import BlockSpec
from bench.errors import InputError

Array = NDArray[np.float32]
Weights = Mapping[str, Array]
"""One block's inference weights by name: `<layer>.weight` and `<layer>.bias`, norms folded in.

A convolution's weight is (out, in / groups, k, k), a linear layer's (out, in); squeeze-excite has
`<layer>.reduce.*` and `<layer>.expand.*`, as 1x1 convolutions. Every bias is present.
"""


@dataclass(frozen=True)
class Model:
    """Blocks in order of execution, each with its weights; or a model file without blocks.

    `file` is the digest by which `bench.backends.model_files.ModelFilesBackend` knows the file.
    """

    blocks: tuple[BlockSpec, ...]
    weights: tuple[Weights, ...]
    file: str = ""

    def __post_init__(self) -> None:
        if not self.file:
            check_chain(self.blocks)
        if len(self.weights) != len(self.blocks):
            raise InputError(f"{len(self.blocks)} blocks came with {len(self.weights)} weights")

    @cached_property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height, width of one image."""
        first = self.blocks[0]
        return (first.in_channels, first.in_size, first.in_size)

    @cached_property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the output: (classes,) after a classifier, else (channels, height, width)."""
        last = self.blocks[-1]
        if last.kind == "classifier":
            return (last.out_channels,)
        return (last.out_channels, last.out_size, last.out_size)


def check_chain(blocks: Sequence[BlockSpec]) -> None:
    """Raise `InputError` if a block does not fit the output of the one before it."""
    if not blocks:
        raise InputError("a model needs at least one block, got none")
    for before, after in pairwise(blocks):
        if (before.out_size, before.out_channels) != (after.in_size, after.in_channels):
            raise InputError(f"blocks do not fit together: {before.key} and then {after.key}")


def random_model(blocks: Sequence[BlockSpec], seed: int = 0) -> Model:
    """Create a model whose weights depend only on its blocks, their places and `seed`.

    The weights are scaled so that activations stay near 1: no denormals, which are slow, and little
    rounding.
    """
    return Model(
        tuple(blocks),
        tuple(_random_weights(block, place, seed) for place, block in enumerate(blocks)),
    )


def weight_shapes(spec: BlockSpec) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a block's `Weights`, by name."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in layers_of(spec).all:
        for name, shape in _weights_of(layer):
            shapes[f"{name}.weight"] = shape
            shapes[f"{name}.bias"] = shape[:1]
    return shapes


def _weights_of(layer: Layer) -> list[tuple[str, tuple[int, ...]]]:
    match layer:
        case Conv():
            return [(layer.name, layer.weight_shape)]
        case SqueezeExcite():
            reduce = (layer.squeezed, layer.channels, 1, 1)
            expand = (layer.channels, layer.squeezed, 1, 1)
            return [(f"{layer.name}.reduce", reduce), (f"{layer.name}.expand", expand)]
        case Linear():
            return [(layer.name, (layer.out_channels, layer.in_channels))]
        case _:
            return []


def _random_weights(spec: BlockSpec, place: int, seed: int) -> dict[str, Array]:
    rng = np.random.default_rng([zlib.crc32(spec.key.encode()), place, seed])
    gains = _gains(spec)
    weights: dict[str, Array] = {}
    for name, shape in weight_shapes(spec).items():
        scale = np.float32(0.05)
        if len(shape) > 1:
            fan_in = int(np.prod(shape[1:], dtype=np.int64))
            scale = np.float32(np.sqrt(gains[name.removesuffix(".weight")] / fan_in))
        weights[name] = rng.standard_normal(shape, dtype=np.float32) * scale
    return weights


def _gains(spec: BlockSpec) -> dict[str, float]:
    """Return the variance of weights times fan-in: 2 before an activation that halves it, else 1.

    What is added to an identity gets a quarter. Otherwise activations of a deep network grow to
    thousands, where squeeze-excite turns rounding into errors of a thousandth.
    """
    layers = layers_of(spec)
    gains: dict[str, float] = {}
    for layer in layers.all:
        halved = isinstance(layer, Conv) and layer.act != "none"
        gains[layer.name] = 2.0 if halved else 1.0
        if isinstance(layer, SqueezeExcite):
            gains |= {f"{layer.name}.reduce": 2.0, f"{layer.name}.expand": 1.0}
    if layers.shortcut == () and layers.act == "none":
        gains[layers.main[-1].name] /= 4
    return gains
