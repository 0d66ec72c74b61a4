"""Augmentation of training images: crop, flip, colour jitter.

The values are those that OFA (Cai et al., 2020) trains ImageNet with. All that is drawn comes
from the seed that is given; no generator of a library's own is touched.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from supernet.data.decode import View

_TRIES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """Pairs are the ends of distributions; `brightness` and `saturation` go so far from 1.

    `scale` is the crop's share of the image's area, `ratio` its width over its height.
    """

    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.5
    brightness: float = 32 / 255
    saturation: float = 0.5

    def view(self, width: int, height: int, *, seed: tuple[int, ...], place: int) -> View:
        """Draw the view of the image at `place` of the batch with `seed`.

        The crop is "Inception's": an area and a shape are drawn until they fit into the image;
        where none of 10 does, it is the largest middle part of the shape nearest to the image's.
        """
        rng = _generator(seed, 0, place)
        flip = bool(rng.random() < self.flip)
        low, high = math.log(self.ratio[0]), math.log(self.ratio[1])
        for _ in range(_TRIES):
            area = rng.uniform(*self.scale) * width * height
            ratio = math.exp(rng.uniform(low, high))
            across, down = math.sqrt(area * ratio), math.sqrt(area / ratio)
            if across <= width and down <= height:
                left, top = rng.random() * (width - across), rng.random() * (height - down)
                return View(left, top, left + across, top + down, flip)
        return self._middle(width, height, flip=flip)

    def _middle(self, width: int, height: int, *, flip: bool) -> View:
        ratio = min(max(width / height, self.ratio[0]), self.ratio[1])
        across, down = min(width, height * ratio), min(height, width / ratio)
        left, top = (width - across) / 2, (height - down) / 2
        return View(left, top, left + across, top + down, flip)

    def jitter(self, images: Tensor, *, seed: tuple[int, ...], places: Tensor) -> Tensor:
        """Change brightness and saturation of images (n, c, r, r) in [0, 1], each by its own.

        `places` (n,) are the images' places in the batch with `seed`.
        """
        from kornia.enhance import (
            adjust_brightness_accumulative,
            adjust_saturation_with_gray_subtraction,
        )

        rng = _generator(seed, 1)
        drawn = torch.from_numpy(rng.uniform(-1, 1, (int(places.max()) + 1, 2))).float()[places]
        images = adjust_brightness_accumulative(images, 1 + self.brightness * drawn[:, 0])
        return adjust_saturation_with_gray_subtraction(images, 1 + self.saturation * drawn[:, 1])


def _generator(seed: tuple[int, ...], *use: int) -> np.random.Generator:
    """Generator for one use of a seed, independent of that for any other."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=use))
