"""Sort a block's hidden channels by importance: smaller blocks use the first ones."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from bench.blocks.layers import Conv, SqueezeExcite, layers_of
from bench.blocks.spec import BlockSpec


def sort_channels(block: nn.Module, spec: BlockSpec, kept_mid: Sequence[int] = ()) -> None:
    """Sort the hidden channels of `build_block(spec)` by importance, in place.

    Importance is the L1 norm of the following convolution's weight for the channel (OFA's rule).
    Channels stay within the groups that the widths `kept_mid` delimit, so that small blocks already
    trained at these widths keep their channels. The function of the block does not change.
    """
    _sort_hidden(block, spec, kept_mid)
    for layer in layers_of(spec).main:
        if isinstance(layer, SqueezeExcite):
            _sort_squeezed(block, f"main.{layer.name}")


def tensors_of(block: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor of a module's state with its name, without copies."""
    yield from block.named_parameters()
    yield from block.named_buffers()


def _sort_hidden(block: nn.Module, spec: BlockSpec, kept_widths: Sequence[int]) -> None:
    """Sort the channels between two dense convolutions, including a depthwise one and SE."""
    convs = [layer for layer in layers_of(spec).main if isinstance(layer, Conv)]
    consumers = [i for i, conv in enumerate(convs) if i and conv.groups == 1]
    # From last to first: the order of a layer's outputs is determined before that of its inputs.
    for last in reversed(consumers):
        first = max(i for i in range(last) if convs[i].groups == 1 or i == 0)
        if convs[first].groups > 1:
            continue  # without expansion the hidden channels are the block's input
        weight = block.get_parameter(f"main.{convs[last].name}.conv.weight")
        order = _order(weight, kept_widths)
        _permute(weight, 1, order)
        for conv in convs[first:last]:
            _permute_prefix(block, f"main.{conv.name}.", order)
        for layer in layers_of(spec).main:
            if isinstance(layer, SqueezeExcite):
                prefix = f"main.{layer.name}."
                _permute(block.get_parameter(f"{prefix}reduce.weight"), 1, order)
                _permute_prefix(block, f"{prefix}expand.", order)


def _sort_squeezed(block: nn.Module, name: str) -> None:
    weight = block.get_parameter(f"{name}.expand.weight")
    order = _order(weight, ())
    _permute(weight, 1, order)
    _permute_prefix(block, f"{name}.reduce.", order)


def _order(consumer: Tensor, kept_widths: Sequence[int]) -> Tensor:
    """Order channels by the consumer's L1 norm, descending, within the groups."""
    importance = consumer.detach().abs().sum(dim=(0, 2, 3))
    inner = sorted({width for width in kept_widths if width < len(importance)})
    parts = [
        torch.argsort(importance[left:right], descending=True, stable=True) + left
        for left, right in pairwise([0, *inner, len(importance)])
    ]
    return torch.cat(parts)


def _permute_prefix(block: nn.Module, prefix: str, order: Tensor) -> None:
    """Permute all tensors of a layer along its output channels."""
    for name, tensor in tensors_of(block):
        if name.startswith(prefix) and tensor.ndim:
            _permute(tensor, 0, order)


def _permute(tensor: Tensor, dim: int, order: Tensor) -> None:
    with torch.no_grad():
        tensor.copy_(tensor.index_select(dim, order))
