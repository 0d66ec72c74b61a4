"""Faster training of depthwise convolutions with large kernels on small maps, on a CPU.

oneDNN's weight gradient of such a convolution takes 20 times its forward pass. On a small map it is
a matrix product: correlate every input pixel with every output pixel, channel by channel, and sum
the pairs that a tap of the kernel connects. On one core with batch 128: 160 channels of 4x4 pixels,
kernel 7: 2.3 ms instead of 10.0 ms; 64 channels of 8x8: 5.6 ms instead of 8.2 ms.
"""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

_LEAST_IMAGES, _LEAST_IMAGES_CHANNELS_LAST = 4, 32


def is_faster_for(x: Tensor, kernel: int) -> bool:
    """Return whether `_Depthwise` is faster by measurement: kernel 5 up to 4x4 pixels, 7 up to 8x8.

    This applies to oneDNN's kernels, on a CPU in float32. They are faster with channels last, so
    more images are required there.
    """
    is_onednn = x.device.type == "cpu" and x.dtype == torch.float32
    if not is_onednn or x.shape[-1] > 2 * kernel - 6 or torch.is_autocast_enabled("cpu"):
        return False
    return len(x) >= (_LEAST_IMAGES if x.is_contiguous() else _LEAST_IMAGES_CHANNELS_LAST)


class FastDepthwise(nn.Conv2d):
    """Equivalent of `conv`, a depthwise convolution without bias, with the same `weight`.

    In training, the gradient is computed differently where that is faster.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        # Created on the meta device; the weight is replaced by that of `conv`.
        super().__init__(
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size[0],
            conv.stride[0],
            conv.kernel_size[0] // 2,
            groups=conv.groups,
            bias=False,
            device="meta",
        )
        self.weight = conv.weight

    def forward(self, input: Tensor) -> Tensor:
        if self.training and is_faster_for(input, self.kernel_size[0]):
            out: Tensor = _Depthwise.apply(  # type: ignore[no-untyped-call]
                input, self.weight, self.stride[0]
            )
            return out
        return super().forward(input)


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return F.conv2d(x, weight, None, stride, weight.shape[-1] // 2, 1, len(weight))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        (grad,) = grads
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, _ = ctx.needs_input_grad
        x_gradient = _input_gradient(grad, x, weight, ctx.stride) if needs_x else None
        return (
            x_gradient,
            _weight_gradient(grad, x, weight, ctx.stride) if needs_weight else None,
            None,
        )


def _input_gradient(grad: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    pad = weight.shape[-1] // 2
    x_gradient: Tensor
    x_gradient, _, _ = torch.ops.aten.convolution_backward(
        grad,
        x,
        weight,
        None,
        [stride, stride],
        [pad, pad],
        [1, 1],
        False,
        [0, 0],
        len(weight),
        [True, False, False],
    )
    return x_gradient


def _weight_gradient(grad: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    channels, kernel = len(weight), weight.shape[-1]
    pixels = x.permute(1, 2, 3, 0).reshape(channels, -1, len(x))
    outputs = grad.permute(1, 0, 2, 3).reshape(channels, len(x), -1)
    pairs = torch.bmm(pixels, outputs).reshape(channels, -1)
    return (pairs @ _taps(kernel, stride, x.shape[-1]).to(pairs)).reshape(weight.shape)


@lru_cache(maxsize=64)
def _taps(kernel: int, stride: int, size: int) -> Tensor:
    """Return 1 where a tap connects an input and an output pixel: (in * out pixels, taps)."""
    ins, outs = torch.arange(size), torch.arange((size - 1) // stride + 1)
    tap = ins[:, None] - stride * outs[None, :] + kernel // 2  # along one axis
    one_axis = (
        F.one_hot(tap.clamp(0, kernel - 1), kernel) * ((tap >= 0) & (tap < kernel))[..., None]
    )
    joined = torch.einsum("ioa,jpb->ijopab", one_axis, one_axis)
    return joined.reshape(size**2 * len(outs) ** 2, kernel**2).float()
