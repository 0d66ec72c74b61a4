"""Blocks as torch modules, built from `layers_of`: they are trained, extracted, timed, exported.

A block is called through `forward` only and keeps no state between calls except batch-norm
statistics, which are buffers. So it can be created on the meta device and called through
`torch.func.functional_call` with other parameters of its shapes.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from bench.blocks.layers import NORM_EPS, Conv, Layer, Linear, Pool, SqueezeExcite, layers_of
from bench.blocks.model import Array, Model, Weights, check_chain
from bench.blocks.spec import BlockSpec
from bench.errors import InputError

BN_MOMENTUM = 0.1  # as in OFA's code


class ConvLayer(nn.Module):
    """Convolution `conv`, then `norm` unless folded or absent, then the activation."""

    def __init__(self, layer: Conv, *, folded: bool) -> None:
        super().__init__()
        self.act = layer.act
        self.conv = nn.Conv2d(
            layer.in_channels,
            layer.out_channels,
            layer.kernel,
            stride=layer.stride,
            padding=layer.kernel // 2,
            groups=layer.groups,
            bias=folded,
        )
        self.norm: nn.BatchNorm2d | None = None
        if layer.norm and not folded:
            self.norm = nn.BatchNorm2d(layer.out_channels, momentum=BN_MOMENTUM)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        if self.norm is not None:
            x = self.norm(x)
        return activate(x, self.act)


class SqueezeExciteLayer(nn.Module):
    """Squeeze-excite, whose `reduce` and `expand` are 1x1 convolutions with bias."""

    def __init__(self, layer: SqueezeExcite) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(layer.channels, layer.squeezed, 1)
        self.expand = nn.Conv2d(layer.squeezed, layer.channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate = F.relu(self.reduce(F.adaptive_avg_pool2d(x, 1)))
        return x * F.hardsigmoid(self.expand(gate))


class PoolLayer(nn.Module):
    """Pooling without weights; `how` as in `bench.blocks.layers.Pool`."""

    def __init__(self, layer: Pool) -> None:
        super().__init__()
        self.how = layer.how
        self.stride = layer.stride

    def forward(self, x: Tensor) -> Tensor:
        if self.how == "max":
            return F.max_pool2d(x, 3, self.stride, 1)
        if self.how == "avg":
            return F.avg_pool2d(x, 2, self.stride, 0, ceil_mode=True, count_include_pad=False)
        return F.adaptive_avg_pool2d(x, 1)


class LinearLayer(nn.Linear):
    """Fully connected layer: (batch, channels, 1, 1) to (batch, classes)."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.flatten(1))


class Block(nn.Module):
    """A block as `act(main(x) + shortcut(x))`; layers have their names from `layers_of`."""

    def __init__(self, spec: BlockSpec, *, folded: bool = False) -> None:
        super().__init__()
        layers = layers_of(spec)
        self.spec = spec
        self.act = layers.act
        self.main = _modules(layers.main, folded=folded)
        self.shortcut: nn.ModuleDict | None = None
        if layers.shortcut is not None:
            self.shortcut = _modules(layers.shortcut, folded=folded)

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for module in self.main.values():
            y = module(y)
        if self.shortcut is not None:
            for module in self.shortcut.values():
                x = module(x)
            y = y + x
        return activate(y, self.act)


def activate(x: Tensor, act: str) -> Tensor:
    """Apply one of `bench.blocks.shape.ACTS`."""
    match act:
        case "none":
            return x
        case "relu":
            return F.relu(x)
        case "relu6":
            return F.relu6(x)
        case "hswish":
            return F.hardswish(x)
    raise InputError(f"activation is {act!r}, expected none, relu, relu6 or hswish")


def build_block(spec: BlockSpec, *, folded: bool = False, norm_eps: float = NORM_EPS) -> Block:
    """Create a block's module; `folded` has biases in place of norms, as `Weights` have.

    `norm_eps` is what norms add to the variance.
    """
    block = Block(spec, folded=folded)
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = norm_eps
    return block


def build_network(
    blocks: Sequence[BlockSpec], *, folded: bool = False, norm_eps: float = NORM_EPS
) -> nn.Sequential:
    """Create a chain of blocks; `InputError` if they do not fit. A classifier gives logits."""
    check_chain(blocks)
    return nn.Sequential(*(build_block(spec, folded=folded, norm_eps=norm_eps) for spec in blocks))


def fold(module: nn.Module, spec: BlockSpec) -> Weights:
    """Return float32 inference weights of a block made by `build_block(spec)`, norms folded in."""
    block = cast(Block, module)
    weights: dict[str, Array] = {}
    for layer, layer_module in _pairs(block, spec):
        match layer_module:
            case ConvLayer():
                weight, bias = _folded_conv(layer_module)
                weights |= _named(layer.name, weight, bias)
            case SqueezeExciteLayer():
                for part in ("reduce", "expand"):
                    conv = getattr(layer_module, part)
                    weights |= _named(f"{layer.name}.{part}", conv.weight, conv.bias)
            case LinearLayer():
                weights |= _named(layer.name, layer_module.weight, layer_module.bias)
            case _:
                pass
    return weights


def model_of(network: nn.Module, blocks: Sequence[BlockSpec]) -> Model:
    """Return the `Model` of a network made by `build_network(blocks)`, with its present weights."""
    modules = list(network.children())
    if len(modules) != len(blocks):
        raise InputError(f"a network of {len(modules)} modules came with {len(blocks)} blocks")
    weights = (fold(module, spec) for module, spec in zip(modules, blocks, strict=True))
    return Model(tuple(blocks), tuple(weights))


def network_of(model: Model) -> nn.Sequential:
    """Return a folded torch network with the weights of `model`, without gradients."""
    with torch.device("meta"):
        network = build_network(model.blocks, folded=True)
    state: dict[str, Tensor] = {}
    for place, (spec, weights) in enumerate(zip(model.blocks, model.weights, strict=True)):
        for name, value in _state_of(spec, weights):
            state[f"{place}.{name}"] = value
    network.load_state_dict(state, assign=True)
    return network.eval().requires_grad_(False)


def _modules(layers: Iterable[Layer], *, folded: bool) -> nn.ModuleDict:
    return nn.ModuleDict({layer.name: _module(layer, folded=folded) for layer in layers})


def _module(layer: Layer, *, folded: bool) -> nn.Module:
    match layer:
        case Conv():
            return ConvLayer(layer, folded=folded)
        case SqueezeExcite():
            return SqueezeExciteLayer(layer)
        case Pool():
            return PoolLayer(layer)
        case Linear():
            return LinearLayer(layer.in_channels, layer.out_channels)


def _pairs(block: Block, spec: BlockSpec) -> Iterator[tuple[Layer, nn.Module]]:
    layers = layers_of(spec)
    for layer in layers.main:
        yield layer, block.main[layer.name]
    if layers.shortcut and block.shortcut is not None:
        for layer in layers.shortcut:
            yield layer, block.shortcut[layer.name]


def _folded_conv(module: ConvLayer) -> tuple[Tensor, Tensor]:
    # In float64: a running variance near 0 would lose digits in float32.
    weight = module.conv.weight.detach().double()
    bias = weight.new_zeros(weight.shape[0])
    if module.conv.bias is not None:
        bias = module.conv.bias.detach().double()
    norm = module.norm
    if norm is None:
        return weight, bias
    mean, var = cast(Tensor, norm.running_mean).double(), cast(Tensor, norm.running_var).double()
    scale = norm.weight.detach().double() / torch.sqrt(var + norm.eps)
    shift = norm.bias.detach().double() + (bias - mean) * scale
    return weight * scale[:, None, None, None], shift


def _named(name: str, weight: Tensor, bias: Tensor) -> dict[str, Array]:
    return {f"{name}.weight": _array(weight), f"{name}.bias": _array(bias)}


def _array(tensor: Tensor) -> Array:
    # A copy: further training must not change the model.
    return np.array(tensor.detach().cpu().numpy(), dtype=np.float32, order="C")


def _state_of(spec: BlockSpec, weights: Weights) -> Iterator[tuple[str, Tensor]]:
    layers = layers_of(spec)
    for branch, members in (("main", layers.main), ("shortcut", layers.shortcut or ())):
        for layer in members:
            prefix = f"{layer.name}."
            for name, value in weights.items():
                if name.startswith(prefix):
                    rest = name.removeprefix(layer.name)
                    inner = ".conv" if isinstance(layer, Conv) else ""
                    yield f"{branch}.{layer.name}{inner}{rest}", torch.from_numpy(value.copy())
