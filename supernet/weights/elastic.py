"""Elastic slices: which part of each shared tensor a smaller block uses.

A smaller block takes the first channels of every tensor; `supernet.weights.channel_order`
determines their order. A smaller kernel is the centre of the larger one, times a learned matrix
that all channels share. Slicing is stateless: `slice_state` maps shared tensors to the tensors of a
block.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from operator import ne
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from bench.blocks.layers import NORM_EPS
from bench.blocks.spec import BlockSpec
from bench.blocks.torch_modules import Block, build_block
from bench.errors import InputError
from supernet.weights.channel_order import tensors_of
from supernet.weights.fast_convolutions import use_fast_convolutions


class SharedBlock(nn.Module):
    """Largest block of a unit, and the matrices that reduce its kernel to `smallest_kernel`.

    `transforms` holds under "5" the (25, 25) matrix from the centre of a 7x7 kernel to a 5x5 one,
    under "3" the (9, 9) matrix from the centre of that to a 3x3 one; all start as identities.
    """

    def __init__(self, spec: BlockSpec, smallest_kernel: int, norm_eps: float = NORM_EPS) -> None:
        super().__init__()
        self.spec = spec
        self.norm_eps = norm_eps
        self.block: Block = build_block(spec, norm_eps=norm_eps)
        use_fast_convolutions(self.block)
        sizes = range(spec.kernel - 2, smallest_kernel - 1, -2)
        self.transforms = nn.ParameterDict({str(k): nn.Parameter(_identity(k**2)) for k in sizes})

    def state(self, spec: BlockSpec) -> dict[str, Tensor]:
        """Return the state dict of the smaller block `spec`, made of the shared tensors."""
        return slice_state(self.block, dict(self.transforms.items()), spec)

    def forward(self, x: Tensor, spec: BlockSpec, *, frozen: bool = False) -> Tensor:
        """Run the smaller block `spec` with the shared weights, in this module's mode.

        A `frozen` block has no gradients and does not update running statistics, also in training
        mode, where it normalises by the statistics of the batch.
        """
        spec = _with_size_of(spec, self.spec)
        if frozen:
            with torch.no_grad():
                skeleton = _skeleton(spec, self.training, self.norm_eps, tracks=False)
                return skeleton.run(self.state(spec), x)
        if spec == self.spec:
            output: Tensor = self.block(x)
            return output
        return _skeleton(spec, self.training, self.norm_eps).run(self.state(spec), x)


def _identity(n: int) -> Tensor:
    """Return the identity matrix (n, n); torch's own `eye` imports its compiler on "meta": 3 s."""
    return torch.zeros(n, n).fill_diagonal_(1.0)


def slice_state(
    max_block: nn.Module, transforms: Mapping[str, Tensor], spec: BlockSpec
) -> dict[str, Tensor]:
    """Slice the state of block `spec` from `max_block`; names are as in `build_block(spec)`.

    Slices are views, so that gradients and updates of running statistics reach the shared
    tensors. `InputError` where `max_block` has no such layer, or fewer channels.
    """
    shared = dict(tensors_of(max_block))
    state: dict[str, Tensor] = {}
    for name, shape in state_shapes(spec):
        if name not in shared:
            raise InputError(f"the shared block has no {name}, which {spec.key} needs")
        state[name] = _cut(shared[name], shape, transforms, spec)
    return state


@lru_cache(maxsize=16384)
def state_shapes(spec: BlockSpec) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Return names and shapes of the state dict of `build_block(spec)`."""
    state = _skeleton(spec, False, NORM_EPS).block.state_dict()
    return tuple((name, tuple(tensor.shape)) for name, tensor in state.items())


class _Member(NamedTuple):
    """Location of one tensor of a module."""

    name: str
    holder: dict[str, Tensor | None]
    key: str


class _Skeleton(NamedTuple):
    """Block without storage, which runs with the state of another; and its tensors."""

    block: Block
    members: tuple[_Member, ...]

    def run(self, state: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """Do as `torch.func.functional_call`, whose overhead is a third of a narrow block."""
        previous = [holder[key] for _, holder, key in self.members]
        try:
            for name, holder, key in self.members:
                holder[key] = state[name]
            out: Tensor = self.block(x)
        finally:
            for (_, holder, key), tensor in zip(self.members, previous, strict=True):
                holder[key] = tensor
        return out


@lru_cache(maxsize=16384)
def _skeleton(spec: BlockSpec, training: bool, norm_eps: float, tracks: bool = True) -> _Skeleton:
    """Build a skeleton; in training mode it updates running statistics if it `tracks` them."""
    with torch.device("meta"):
        block = build_block(spec, norm_eps=norm_eps)
    use_fast_convolutions(block)
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            # Norms in evaluation mode use the running statistics in any case.
            module.track_running_stats = tracks
    return _Skeleton(block.train(training), tuple(_members(block)))


@lru_cache(maxsize=16384)
def _with_size_of(spec: BlockSpec, largest: BlockSpec) -> BlockSpec:
    """Return the block for inputs of the largest block's size: its layers are the same.

    So a skeleton is built once for all resolutions.
    """
    return replace(spec, in_size=largest.in_size)


def _cut(
    tensor: Tensor, shape: tuple[int, ...], transforms: Mapping[str, Tensor], spec: BlockSpec
) -> Tensor:
    if tuple(tensor.shape) == shape:
        return tensor
    channels = shape[:2]
    if any(needed > size for needed, size in zip(channels, tensor.shape, strict=False)):
        raise InputError(f"{spec.key} is wider than its shared block")
    if len(shape) == 4 and all(map(ne, channels, tensor.shape)):
        tensor = _Corner.apply(tensor, *channels)  # type: ignore[no-untyped-call]
    for dim, size in enumerate(channels):
        if tensor.shape[dim] != size:
            tensor = tensor.narrow(dim, 0, size)
    if len(shape) == 4 and tensor.shape[-1] != shape[-1]:
        tensor = _shrink_kernel(tensor, shape[-1], transforms, spec)
    return tensor


class _Corner(torch.autograd.Function):
    """`weight[:out, :inputs]`, with a gradient that is padded in a single step."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, out: int, inputs: int) -> Tensor:
        ctx.whole = weight.detach()
        return weight[:out, :inputs]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (grad,) = grads
        gradient = torch.zeros_like(ctx.whole)
        gradient[: grad.shape[0], : grad.shape[1]] = grad
        return gradient, None, None


def _shrink_kernel(
    weight: Tensor, kernel: int, transforms: Mapping[str, Tensor], spec: BlockSpec
) -> Tensor:
    for size in range(weight.shape[-1] - 2, kernel - 1, -2):
        if str(size) not in transforms:
            raise InputError(f"the shared block has no {size}x{size} kernel, {spec.key} needs it")
        centre = weight[:, :, 1:-1, 1:-1].flatten(2)
        weight = F.linear(centre, transforms[str(size)]).reshape(*weight.shape[:2], size, size)
    if weight.shape[-1] != kernel:
        raise InputError(f"kernel {kernel} of {spec.key} is larger than the shared block's")
    return weight


def _members(block: nn.Module) -> Iterator[_Member]:
    for path, module in block.named_modules():
        for holder in (module._parameters, module._buffers):
            for key, tensor in holder.items():
                if tensor is not None:
                    yield _Member(f"{path}.{key}", holder, key)
