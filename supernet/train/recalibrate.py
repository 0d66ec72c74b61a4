"""Batch-norm recalibration of an extracted network, and its accuracy.

The activations of a sub-network differ from those of the shared running statistics, so it gets its
own statistics: mean and variance averaged over batches of images (OFA: 2,000 images).
"""

from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.errors import InputError
from supernet.data.dataset import Dataset, resize
from supernet.space.space import ArchConfig
from supernet.weights.model import SuperNet

_Module = TypeVar("_Module", bound=nn.Module)

CALIBRATION_IMAGES = 2000
BATCH = 200


@torch.no_grad()
def recalibrate(network: nn.Module, images: Tensor, batch: int = BATCH) -> None:
    """Set the running statistics of `network` to those of `images` (n, c, h, w).

    Complete batches have equal weight, and are moved to the network's device. The network is left
    in evaluation mode. Raises `InputError` where there is no complete batch.
    """
    if len(images) < batch:
        raise InputError(f"recalibration takes at least {batch} images, got {len(images)}")
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # plain average over batches
    device = next(network.parameters()).device
    network.train()
    for start in range(0, len(images) - batch + 1, batch):
        network(_channels_last(images[start : start + batch].to(device)))
    network.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def extract_calibrated(
    supernet: SuperNet, arch: ArchConfig, images: Tensor, batch: int = BATCH
) -> nn.Sequential:
    """Extract `arch` and recalibrate it on `images`, which may have another size."""
    network = channels_last(supernet.extract(arch))
    recalibrate(network, resize(images[:CALIBRATION_IMAGES], arch.resolution), batch)
    return network


@torch.no_grad()
def correct_answers(
    network: nn.Module, dataset: Dataset, resolution: int, batch: int = 500
) -> NDArray[np.float64]:
    """Return 1 for each image of `dataset` that `network` classifies correctly, else 0; (n,)."""
    network.eval()
    correct = [
        network(_channels_last(resize(images, resolution))).argmax(dim=1) == labels
        for images, labels in dataset.in_order(batch)
    ]
    return torch.cat(correct).double().numpy()


def channels_last(network: _Module) -> _Module:
    """Convert weights to channels-last memory order, which trains narrow networks twice as fast."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def _channels_last(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last)
