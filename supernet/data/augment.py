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
    """Ranges of random augmentation; `brightness` and `saturation` vary by this much around 1.

    `scale` is the crop's share of the image's area, `ratio` its width over its height.
    """

    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.5
    brightness: float = 32 / 255
    saturation: float = 0.5

    def view(self, width: int, height: int, *, seed: tuple[int, ...], index: int) -> View:
        """Draw the view of image `index` of the batch with `seed`.

        The crop follows Inception: an area and an aspect ratio are drawn until they fit into the
        image; after 10 attempts, it is the largest centre crop with the nearest allowed ratio.
        """
        rng = random_generator(seed, 0, index)
        flip = bool(rng.random() < self.flip)
        low, high = math.log(self.ratio[0]), math.log(self.ratio[1])
        for _ in range(_TRIES):
            area = rng.uniform(*self.scale) * width * height
            ratio = math.exp(rng.uniform(low, high))
            crop_width, crop_height = math.sqrt(area * ratio), math.sqrt(area / ratio)
            if crop_width <= width and crop_height <= height:
                left, top = (
                    rng.random() * (width - crop_width),
                    rng.random() * (height - crop_height),
                )
                return View(left, top, left + crop_width, top + crop_height, flip)
        return self._centre_crop(width, height, flip=flip)

    def _centre_crop(self, width: int, height: int, *, flip: bool) -> View:
        ratio = min(max(width / height, self.ratio[0]), self.ratio[1])
        crop_width, crop_height = min(width, height * ratio), min(height, width / ratio)
        left, top = (width - crop_width) / 2, (height - crop_height) / 2
        return View(left, top, left + crop_width, top + crop_height, flip)

    def jitter(self, images: Tensor, *, seed: tuple[int, ...], indices: Tensor) -> Tensor:
        """Change brightness and saturation of images (n, c, r, r) in [0, 1] independently.

        `indices` (n,) are the images' indices in the batch with `seed`.
        """
        from kornia.enhance import (
            adjust_brightness_accumulative,
            adjust_saturation_with_gray_subtraction,
        )

        rng = random_generator(seed, 1)
        drawn = torch.from_numpy(rng.uniform(-1, 1, (int(indices.max()) + 1, 2))).float()[indices]
        images = adjust_brightness_accumulative(images, 1 + self.brightness * drawn[:, 0])
        return adjust_saturation_with_gray_subtraction(images, 1 + self.saturation * drawn[:, 1])


def random_generator(seed: tuple[int, ...], *use: int) -> np.random.Generator:
    """Return the generator for one use of a seed, independent of all other uses."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=use))
