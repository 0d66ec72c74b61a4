"""Physical features of a block: work by kind of operation, bytes moved, launches, padding.

All are non-negative and grow with the block, so that a non-negative combination of them is a
roofline-like cost that extrapolates sensibly. Only this module turns blocks into numbers.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bench.blocks.layers import Conv, Layer, Linear, SqueezeExcite, layers_of
from bench.blocks.shape import ACTS
from bench.blocks.spec import BlockSpec

# Millions (of multiply-accumulates, elements, bytes), but for `launches`, a count.
PHYSICAL = (
    "launches",
    "macs_pointwise",
    "macs_spatial",
    "macs_depthwise_3",
    "macs_depthwise_5",
    "macs_depthwise_7",
    "macs_se",
    "macs_linear",
    "padded_8_macs",  # 1x1 work with output channels rounded up to 8 lanes, over the real work
    "padded_16_macs",
    "elements_depthwise",
    "elements_relu",
    "elements_hswish",
    "elements_se",
    "elements_residual",
    "elements_pool",
    "bytes_in",
    "bytes_out",
    "bytes_inner",
    "bytes_weights",
)
# Differences between blocks of one kind that are no cost in themselves: for trees and kernels.
SHAPE = (
    "in_size",
    "out_size",
    "in_channels",
    "mid_channels",
    "out_channels",
    "kernel",
    "stride",
    "act",
    "se",
    "residual",
)
ALL = PHYSICAL + SHAPE


def feature_matrix(specs: Sequence[BlockSpec], columns: Sequence[str] = ALL) -> NDArray[np.float64]:
    """Return the features of blocks, (n, len(columns))."""
    matrix = np.array([_row(spec) for spec in specs], dtype=np.float64).reshape(-1, len(ALL))
    return matrix[:, [ALL.index(name) for name in columns]]


def block_sums(
    networks: Sequence[Sequence[BlockSpec]],
    specs: Sequence[BlockSpec],
    amounts: Sequence[NDArray[np.float64]] | None = None,
) -> NDArray[np.float64]:
    """Return (networks, specs): how often each network has each block.

    With `amounts`, by network an array for its blocks, these are summed up instead.
    """
    place = {spec: column for column, spec in enumerate(specs)}
    sums = np.zeros((len(networks), len(specs)))
    for row, network in enumerate(networks):
        columns = [place[block] for block in network]
        np.add.at(sums[row], columns, 1.0 if amounts is None else amounts[row])
    return sums


def work_units(work: NDArray[np.float64], usual_ms: float) -> NDArray[np.float64]:
    """Return the amount of each kind of work, (k,), that stands for 1 ms of a usual network.

    `work` (n, k) is that of networks of about `usual_ms`. In these units all kinds are about
    equally large, and have a norm of about `usual_ms` together.
    """
    usual = work.mean(axis=0)
    units: NDArray[np.float64] = np.where(usual > 0, usual, 1.0) / usual_ms * np.sqrt(work.shape[1])
    return units


@lru_cache(maxsize=65536)
def _row(spec: BlockSpec) -> tuple[float, ...]:
    sums = dict.fromkeys(PHYSICAL, 0.0)
    layers = layers_of(spec)
    for layer in layers.all:
        _add_layer(sums, layer)
    # The last layer's output leaves the block, the others' stay inside it.
    sums["bytes_in"] = spec.in_bytes / 1e6
    sums["bytes_out"] = spec.out_bytes / 1e6
    sums["bytes_inner"] = max(sums["bytes_inner"] - sums["bytes_out"], 0.0)
    if layers.shortcut is not None:
        sums["elements_residual"] += spec.out_size**2 * spec.out_channels / 1e6
        sums["launches"] += 1
    if layers.act != "none":
        sums["elements_relu"] += spec.out_size**2 * spec.out_channels / 1e6
    shape = [ACTS.index(spec.act) if name == "act" else getattr(spec, name) for name in SHAPE]
    return (*sums.values(), *(float(value) for value in shape))


def _add_layer(sums: dict[str, float], layer: Layer) -> None:
    if isinstance(layer, Conv):
        _add_conv(sums, layer)
    elif isinstance(layer, SqueezeExcite):
        sums["launches"] += 4
        sums["macs_se"] += layer.macs / 1e6
        sums["elements_se"] += layer.in_size**2 * layer.channels / 1e6
    elif isinstance(layer, Linear):
        sums["launches"] += 1
        sums["macs_linear"] += layer.macs / 1e6
    else:
        sums["launches"] += 1
        sums["elements_pool"] += layer.in_size**2 * layer.channels / 1e6
    sums["bytes_weights"] += 4 * layer.params / 1e6


def _add_conv(sums: dict[str, float], conv: Conv) -> None:
    elements = conv.out_size**2 * conv.out_channels / 1e6
    macs = conv.macs / 1e6
    sums["launches"] += 1
    sums["bytes_inner"] += 4 * elements
    if conv.groups > 1:
        kernel = min(max(conv.kernel, 3), 7)
        sums[f"macs_depthwise_{kernel}"] += macs
        sums["elements_depthwise"] += elements
    elif conv.kernel == 1:
        sums["macs_pointwise"] += macs
        for lanes in (8, 16):
            padded = -(-conv.out_channels // lanes) * lanes
            sums[f"padded_{lanes}_macs"] += macs * (padded / conv.out_channels - 1)
    else:
        sums["macs_spatial"] += macs
    if conv.act == "hswish":
        sums["elements_hswish"] += elements
    elif conv.act != "none":
        sums["elements_relu"] += elements
