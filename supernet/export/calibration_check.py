"""Check of the images that int8 is calibrated on: do they show the ranges of values in use?"""

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bench.protocol.backend import Array

if TYPE_CHECKING:
    from torch import nn

logger = logging.getLogger(__name__)
MOST_SATURATED = 0.9  # share of an image set's values at both ends; a dark background is normal
SMALLEST_RANGE = 1e-6  # relative to the largest value: less is one value, with rounding
AT_ONCE = 50  # images per batch in torch


def warn_of_calibration(network: "nn.Sequential", images: Array, data: str) -> None:
    """Warn in one line where images (n, c, r, r) give no ranges for int8, and say what to do.

    `data` names the images' data set.
    """
    reasons = [*_of_images(images), *_of_activations(network, images)]
    if reasons:
        logger.warning(
            "int8 is calibrated on %d images of %s, but %s: calibrate on images like those in use "
            "(--data), or on more (--calibration)",
            len(images),
            data,
            "; ".join(reasons),
        )


def _of_images(images: Array) -> Iterator[str]:
    """Yield what is wrong with the images themselves."""
    lowest, highest = float(images.min()), float(images.max())
    if lowest == highest:
        yield "all their values are equal"
        return
    if len(images) > 1 and np.all(images == images[0]):
        yield "all of them are the same"
    saturated = float(np.mean((images == lowest) | (images == highest)))
    if saturated > MOST_SATURATED:
        yield f"{saturated:.0%} of their values are saturated, at the lowest or the highest"


def _of_activations(network: "nn.Sequential", images: Array) -> Iterator[str]:
    """Yield the first block whose outputs are one value on all images."""
    collapsed = _collapsed(network, images)
    if collapsed:
        others = f" and {len(collapsed) - 1} more" if len(collapsed) > 1 else ""
        yield f"the outputs of block {collapsed[0]}{others} are one value on all of them"


def _collapsed(network: "nn.Sequential", images: Array) -> list[int]:
    """Return the numbers, from 1, of blocks whose outputs have no range over the images."""
    import torch

    count = len(network)
    lowest, highest = np.full(count, np.inf), np.full(count, -np.inf)
    was_training = network.training
    network.eval()
    with torch.inference_mode():
        for batch in torch.split(torch.from_numpy(images), AT_ONCE):
            value = batch
            for place, block in enumerate(network):
                value = block(value)
                lowest[place] = min(lowest[place], float(value.min()))
                highest[place] = max(highest[place], float(value.max()))
    network.train(was_training)
    scale = np.maximum(np.abs(lowest), np.abs(highest))
    return [int(place) + 1 for place in np.flatnonzero(highest - lowest <= SMALLEST_RANGE * scale)]
