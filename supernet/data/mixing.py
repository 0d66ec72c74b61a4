"""Mixup, cutmix and random erasing of batches, with soft labels."""

import math

import numpy as np
from torch import Tensor
from torch.nn import functional

_ERASED_AREA = (0.02, 1 / 3)  # share of the image, as in Zhong et al. (2020)
_ERASED_RATIO = 0.3  # height over width from this to its inverse
_TRIES = 10


def mixup(images: Tensor, order: Tensor, share: float) -> Tensor:
    """Return `share` of each image (n, c, r, r) plus the rest of that at `order` (n,)."""
    return share * images + (1 - share) * images[order]


def cutmix(
    images: Tensor, order: Tensor, share: float, rng: np.random.Generator
) -> tuple[Tensor, float]:
    """Paste a box of the images at `order` (n,) into each; the box leaves about `share` of it.

    Returns the images and the share that is exactly left, since a box ends at the image's edge.
    """
    height, width = images.shape[-2:]
    centre_y, centre_x = rng.uniform(0, height), rng.uniform(0, width)
    half = math.sqrt(1 - share) / 2
    top, bottom = (round(min(max(centre_y + s * half * height, 0), height)) for s in (-1, 1))
    left, right = (round(min(max(centre_x + s * half * width, 0), width)) for s in (-1, 1))
    mixed = images.clone()
    mixed[..., top:bottom, left:right] = images[order][..., top:bottom, left:right]
    return mixed, 1 - (bottom - top) * (right - left) / (height * width)


def soft_labels_of(labels: Tensor, order: Tensor, share: float, classes: int) -> Tensor:
    """Return the shares of the classes (n, classes) in images mixed with those at `order`."""
    own = functional.one_hot(labels, classes).float()
    return share * own + (1 - share) * own[order]


def erase_(image: Tensor, rng: np.random.Generator) -> None:
    """Set a random box of a normalised image (c, r, r) to 0, the mean colour, in place.

    The box has 2 % to a third of the area; where no box fits in ten attempts, nothing is erased.
    """
    height, width = image.shape[-2:]
    for _ in range(_TRIES):
        area = rng.uniform(*_ERASED_AREA) * height * width
        ratio = math.exp(rng.uniform(math.log(_ERASED_RATIO), -math.log(_ERASED_RATIO)))
        box_height, box_width = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < box_height <= height and 0 < box_width <= width:
            top = int(rng.integers(height - box_height + 1))
            left = int(rng.integers(width - box_width + 1))
            image[:, top : top + box_height, left : left + box_width] = 0
            return
