"""RandAugment (Cubuk et al., 2020): random operations of one magnitude on training images.

What is drawn comes from the given generators, one for each image; the operations are kornia's
functions of given parameters.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

LARGEST_MAGNITUDE = 10.0
_Operation = Callable[[Tensor, Tensor], Tensor]
"""Changes images (n, c, r, r) in [0, 1]; strengths (n,) are from -1 to 1, 0 changes nothing."""

_DEGREES = 30.0
_SHEAR = 0.3
_TRANSLATION = 0.45  # of the side
_FACTOR = 0.9  # colour, contrast, brightness and sharpness change by this much around 1
_FEWER_BITS = 4.0  # of 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RandAugment:
    """Applies `operations` random operations to each image, at `magnitude` from 0 to 10.

    At 10 an image is turned by up to 30 degrees, sheared by 0.3, moved by 0.45 of its side, its
    colours change by a factor of 0.1 or 1.9, and half of the bits of its bytes are dropped. Pixels
    from outside get `fill` (c,), in [0, 1].
    """

    magnitude: float
    operations: int
    fill: Tensor

    def __call__(self, images: Tensor, generators: Sequence[np.random.Generator]) -> Tensor:
        """Return images (n, c, r, r) in [0, 1], channels last, changed by one generator each."""
        available = _operations(self.fill)
        chosen = np.array(
            [rng.integers(len(available), size=self.operations) for rng in generators]
        )
        signs = [rng.choice([-1.0, 1.0], size=self.operations) for rng in generators]
        strengths = torch.from_numpy(np.array(signs)).float() * self.magnitude / LARGEST_MAGNITUDE
        for number in range(self.operations):
            for operation in np.unique(chosen[:, number]):
                rows = torch.from_numpy(np.flatnonzero(chosen[:, number] == operation))
                changed = available[operation](images[rows], strengths[rows, number])
                images[rows] = changed.clamp_(0, 1)
        return images


def _operations(fill: Tensor) -> list[_Operation]:
    """Return the 14 operations of the paper."""
    from kornia import enhance

    def factor(change: _Operation) -> _Operation:
        return lambda images, strengths: change(images, 1 + _FACTOR * strengths)

    def moved(matrices: Callable[[Tensor, int], Tensor]) -> _Operation:
        return lambda images, strengths: _warped(
            images, matrices(strengths, images.shape[-1]), fill
        )

    return [
        lambda images, strengths: images,
        lambda images, strengths: _stretched(images),
        lambda images, strengths: enhance.equalize(images),
        lambda images, strengths: enhance.solarize(images, 1 - strengths.abs()),
        lambda images, strengths: enhance.posterize(
            images, (8 - _FEWER_BITS * strengths.abs()).round().int()
        ),
        factor(enhance.adjust_saturation_with_gray_subtraction),
        factor(enhance.adjust_contrast_with_mean_subtraction),
        factor(enhance.adjust_brightness_accumulative),
        factor(_sharpened),
        moved(_rotations),
        moved(lambda strengths, side: _sheared(strengths, along=0)),
        moved(lambda strengths, side: _sheared(strengths, along=1)),
        moved(lambda strengths, side: _moved(strengths, side, along=0)),
        moved(lambda strengths, side: _moved(strengths, side, along=1)),
    ]


def _stretched(images: Tensor) -> Tensor:
    """Stretch each channel's values to 0 to 1; constant channels stay as they are."""
    from kornia.enhance import normalize_min_max

    low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    return torch.where(high - low < 1 / 255, images, normalize_min_max(images))


def _sharpened(images: Tensor, factors: Tensor) -> Tensor:
    """Blend images with their smoothed versions; a factor of 1 changes nothing."""
    from kornia.enhance import sharpness

    return torch.as_tensor(sharpness(images, factors))


def _warped(images: Tensor, matrices: Tensor, fill: Tensor) -> Tensor:
    """Transform images around their centres by matrices (n, 2, 3), in pixels."""
    from kornia.geometry.transform import warp_affine

    side = images.shape[-1]
    centre = torch.full((2,), (side - 1) / 2)
    linear, shift = matrices[:, :, :2], matrices[:, :, 2]
    around = centre + shift - (linear @ centre)
    colour = fill[:, None, None]
    # Zeros come from outside: with the fill at zero, these pixels get its colour.
    turned = warp_affine(
        images - colour, torch.cat([linear, around[:, :, None]], 2), (side, side), mode="bilinear"
    )
    return torch.as_tensor(turned) + colour


def _rotations(strengths: Tensor, side: int) -> Tensor:
    del side
    angles = torch.deg2rad(_DEGREES * strengths)
    matrices = _unit(len(strengths))
    matrices[:, 0, 0] = matrices[:, 1, 1] = angles.cos()
    matrices[:, 0, 1], matrices[:, 1, 0] = angles.sin(), -angles.sin()
    return matrices


def _sheared(strengths: Tensor, *, along: int) -> Tensor:
    matrices = _unit(len(strengths))
    matrices[:, along, 1 - along] = _SHEAR * strengths
    return matrices


def _moved(strengths: Tensor, side: int, *, along: int) -> Tensor:
    matrices = _unit(len(strengths))
    matrices[:, along, 2] = _TRANSLATION * side * strengths
    return matrices


def _unit(n: int) -> Tensor:
    return torch.eye(2, 3).repeat(n, 1, 1)
