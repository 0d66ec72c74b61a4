"""What every backend checks and makes before a model is called."""

import numpy as np

from bench.backends.base import Array
from bench.errors import InputError
from bench.spec import Target


def check_precision(target: Target, known: tuple[str, ...] = ("fp32",)) -> None:
    """Raise `InputError` for a precision that the backend does not compute in."""
    if target.precision not in known:
        expected = " or ".join(known)
        raise InputError(
            f"backend {target.backend} has no precision {target.precision!r}, expected {expected}"
        )


def random_images(shape: tuple[int, ...], seed: int) -> Array:
    """Standard normal images of `shape` from `seed`, the same on every backend."""
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def check_images(images: Array, shape: tuple[int, ...]) -> Array:
    """`images` as contiguous float32; `InputError` where they have not the model's shape."""
    if tuple(images.shape) != tuple(shape):
        raise InputError(f"images have shape {tuple(images.shape)}, the model takes {tuple(shape)}")
    return np.ascontiguousarray(images, dtype=np.float32)


def check_file_shape(shape: tuple[int, ...], target: Target) -> None:
    """Raise `InputError` where a model file was made for another batch than the target's."""
    if len(shape) != 4 or shape[0] != target.batch:
        raise InputError(
            f"the model file takes images of shape {tuple(shape)}, the target has batch "
            f"{target.batch}: export it again with that batch"
        )
