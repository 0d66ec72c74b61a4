"""Images that int8 is calibrated on, and what is said of those that show no ranges."""

import logging

import numpy as np
import pytest
import torch
from torch import nn

from bench.protocol.backend import Array
from supernet.export.calibration_check import warn_of_calibration


def network(bias: float = 0.0) -> nn.Sequential:
    """A block that keeps its values, and a ReLU after adding a bias."""
    keep, shift = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1)
    with torch.no_grad():
        for convolution, value in ((keep, 0.0), (shift, bias)):
            convolution.weight.fill_(1.0)
            assert convolution.bias is not None
            convolution.bias.fill_(value)
    return nn.Sequential(keep, nn.Sequential(shift, nn.ReLU()))


def noise(n: int = 60) -> Array:
    return np.random.default_rng(0).uniform(-1, 1, (n, 1, 4, 4)).astype(np.float32)


def warned(caplog: pytest.LogCaptureFixture, images: Array, bias: float = 0.0) -> str:
    with caplog.at_level(logging.WARNING):
        warn_of_calibration(network(bias), images, "noise")
    return "\n".join(record.getMessage() for record in caplog.records)


def test_images_with_ranges_are_used_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    assert warned(caplog, noise()) == ""


def test_a_block_whose_outputs_are_one_value_is_named(caplog: pytest.LogCaptureFixture) -> None:
    # Below -1 the ReLU gives 0 for every image.
    assert warned(caplog, noise(), bias=-2.0) == (
        "int8 is calibrated on 60 images of noise, but the outputs of block 2 are one value on all "
        "of them: calibrate on images like those in use (--data), or on more (--calibration)"
    )


def test_equal_images_are_named(caplog: pytest.LogCaptureFixture) -> None:
    assert "but all of them are the same:" in warned(caplog, np.repeat(noise(1), 5, axis=0))


def test_one_value_everywhere_is_named_with_the_blocks(caplog: pytest.LogCaptureFixture) -> None:
    text = warned(caplog, np.zeros((3, 1, 4, 4), np.float32))

    assert "all their values are equal; the outputs of block 1 and 1 more are one value" in text


@pytest.mark.parametrize(("middle", "words"), [(1, "94% of their values are saturated"), (2, "")])
def test_saturated_images_are_named(
    caplog: pytest.LogCaptureFixture, middle: int, words: str
) -> None:
    # Each image has 16 values: 0 and 1 but for the middle ones; 15 / 16 is 94 %, 14 / 16 is 88 %.
    images = np.zeros((2, 1, 16), np.float32)
    images[:, :, 8:] = 1.0
    images[:, :, :middle] = np.array([[[0.3]], [[0.6]]])

    text = warned(caplog, images.reshape(2, 1, 4, 4))

    assert words in text
    assert bool(text) == bool(words)
