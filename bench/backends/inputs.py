"""Checks and inputs that every backend needs before a model runs."""

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from bench.errors import FileError, InputError
from bench.protocol.backend import Array
from bench.protocol.target import Target

T = TypeVar("T")
MOST_VALUES = 1 << 26  # of an input or output, 256 MB; 446 images of 224 x 224 pixels


def check_precision(target: Target, known: tuple[str, ...] = ("fp32",)) -> None:
    """Raise `InputError` for a precision that the backend does not support."""
    if target.precision not in known:
        expected = " or ".join(known)
        raise InputError(
            f"backend {target.backend} has no precision {target.precision!r}, expected {expected}"
        )


def random_images(shape: tuple[int, ...], seed: int) -> Array:
    """Return standard normal images of `shape`, drawn from `seed`, equal for every backend."""
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def check_images(images: Array, shape: tuple[int, ...]) -> Array:
    """Return `images` as contiguous float32; `InputError` unless they have the model's shape."""
    if tuple(images.shape) != tuple(shape):
        raise InputError(f"images have shape {tuple(images.shape)}, the model takes {tuple(shape)}")
    return np.ascontiguousarray(images, dtype=np.float32)


def only_pair(inputs: Sequence[T], outputs: Sequence[T]) -> tuple[T, T]:
    """Return the single input and output of a model file; `FileError` for any other number."""
    if len(inputs) != 1 or len(outputs) != 1:
        raise FileError(
            f"model file has {len(inputs)} inputs and {len(outputs)} outputs, expected one of each"
        )
    return inputs[0], outputs[0]


def check_fixed(shape: Sequence[int | str | None], verb: str) -> None:
    """Raise `FileError` for a shape with variable sides or with too many values.

    `does` is "takes" or "gives", for an input or an output of the model file.
    """
    sides = [side for side in shape if isinstance(side, int) and side > 0]
    if len(sides) < len(shape) or math.prod(sides) > MOST_VALUES:
        raise FileError(
            f"model file {verb} a tensor of shape {list(shape)}, expected fixed sides of at "
            f"most {MOST_VALUES} values in all: export it again with fixed sizes"
        )


def check_file_input(shape: Sequence[int | str | None], is_float32: bool, target: Target) -> None:
    """Raise `FileError` unless a model file takes images, `InputError` for another batch size."""
    if len(shape) != 4 or not is_float32:
        raise FileError(
            f"model file takes a tensor of shape {list(shape)}, expected float32 images "
            "(batch, channels, height, width)"
        )
    check_fixed(shape, "takes")
    if shape[0] != target.batch:
        raise InputError(
            f"model file is for batch {shape[0]}, the target has batch {target.batch}: "
            "export it again with that batch"
        )
