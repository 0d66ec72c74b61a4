"""1x1 convolutions as matrix products, on NVIDIA GPUs.

cuDNN prepares a plan for every new shape of a convolution, some 40 ms each on an H200, and elastic
training meets new widths and resolutions for hundreds of steps. With channels last, a 1x1
convolution with stride 1 is a product of two matrices without a copy, which cuBLAS runs at once
for any shape. They are most of the convolutions of all spaces.

The preparation was measured on an H200 (docs/results/gpus.md); the gain of this form was not, so
`experiments.elastic_steps` compares both.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


def is_product_for(x: Tensor) -> bool:
    """Return whether the convolution of `x` is run as a matrix product: on a GPU, channels last."""
    return x.is_cuda and x.is_contiguous(memory_format=torch.channels_last)


class PointwiseConv(nn.Conv2d):
    """Equivalent of `conv`, a 1x1 convolution with stride 1, with the same parameters."""

    def __init__(self, conv: nn.Conv2d) -> None:
        # Created on the meta device; the parameters are replaced by those of `conv`.
        super().__init__(
            conv.in_channels, conv.out_channels, 1, bias=conv.bias is not None, device="meta"
        )
        self.weight, self.bias = conv.weight, conv.bias

    def forward(self, input: Tensor) -> Tensor:
        if not is_product_for(input):
            return super().forward(input)
        pixels = input.permute(0, 2, 3, 1)
        return F.linear(pixels, self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


def is_pointwise(conv: nn.Conv2d) -> bool:
    """Return whether `PointwiseConv` can take the place of `conv`."""
    return (conv.kernel_size, conv.stride, conv.groups) == ((1, 1), (1, 1), 1)
