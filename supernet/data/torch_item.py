"""Read and check one item of a torch `Dataset`, with seeded randomness."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset

from bench.errors import InputError

MapDataset = Dataset[Any]
"""A Dataset with `__len__` and `__getitem__`, whose items are (image, label)."""

Item = tuple[Tensor, int]
"""An image uint8 or float32 (c, side, side) and its label."""

_MODES = {"L": 1, "RGB": 3}  # channels by mode of Pillow images
_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def length_of(dataset: MapDataset, title: str) -> int:
    """Return the number of items; `InputError` where it is unknown or 0."""
    if isinstance(dataset, IterableDataset) or not (
        hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")
    ):
        raise InputError(
            f"{title} is a {type(dataset).__name__}, expected a torch Dataset with __len__ and "
            "__getitem__ (map-style), whose items are (image, label)"
        )
    try:
        length = len(dataset)
    except (TypeError, NotImplementedError) as error:
        raise InputError(f"{title} does not say its length ({error}); give it a __len__") from error
    if length < 1:
        raise InputError(f"{title} is empty; expected at least one item (image, label)")
    return length


def read_item(
    dataset: MapDataset, index: int, seed: tuple[int, ...] | None, title: str, classes: int
) -> Item:
    """Read and check an item; `title` names the Dataset in messages.

    Raises `InputError` where it is not a pair of a square image and a whole number below `classes`.
    """
    origin = f"item {index} of {title}"
    with _seeded(seed):
        try:
            item = dataset[index]
        except IndexError as error:
            raise InputError(
                f"{origin} does not exist ({error}), although its length is "
                f"{length_of(dataset, title)}"
            ) from error
    if not isinstance(item, tuple | list) or len(item) != 2:
        raise InputError(f"{origin} is a {type(item).__name__}, expected a pair (image, label)")
    return _image(item[0], origin), _label(item[1], origin, classes)


def _image(value: Any, origin: str) -> Tensor:
    """Return the image as uint8 or float32 (c, side, side); `InputError` where it is not one."""
    if isinstance(value, np.ndarray):
        image = _from_numpy(value, origin)
    else:
        image = value if isinstance(value, Tensor) else _from_pillow(value, origin)
    if image.ndim != 3:
        raise InputError(f"{origin} has an image of shape {tuple(image.shape)}, expected (c, h, w)")
    if image.dtype != torch.uint8 and not image.dtype.is_floating_point:
        raise InputError(f"{origin} has an image of {image.dtype}, expected uint8 or float32")
    _, height, width = image.shape
    if height != width or not height:
        raise InputError(
            f"{origin} has {height} x {width} pixels, expected a square; resize and crop images "
            "by a transform"
        )
    image = image.detach().cpu()
    if image.dtype == torch.uint8:
        return image
    if not torch.isfinite(image).all():
        raise InputError(f"{origin} has an image with values that are NaN or infinite; repair it")
    return image.float()


def _from_numpy(value: NDArray[Any], origin: str) -> Tensor:
    """Return an array (h, w, c) or (h, w) as an image (c, h, w)."""
    if value.ndim not in {2, 3} or value.dtype.kind not in "uif":
        raise InputError(
            f"{origin} has an array of {value.dtype} and shape {value.shape}, expected (h, w, c) "
            "or (h, w), uint8 or float32"
        )
    pixels = value.reshape(*value.shape[:2], -1)
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def _from_pillow(value: Any, origin: str) -> Tensor:
    mode = getattr(value, "mode", None)
    if not hasattr(value, "getbands"):
        raise InputError(
            f"{origin} has a {type(value).__name__} for its image, expected a tensor (c, h, w) or "
            "an array (h, w, c), uint8 or float32, or a Pillow image"
        )
    if mode not in _MODES:
        raise InputError(
            f"{origin} is a Pillow image of mode {mode}, expected {' or '.join(_MODES)}: convert it"
        )
    pixels = np.array(value)
    return torch.from_numpy(pixels.reshape(*pixels.shape[:2], _MODES[mode])).permute(2, 0, 1)


def _label(value: Any, origin: str, classes: int) -> int:
    if isinstance(value, Tensor) and value.ndim == 0 and value.dtype in _INTEGERS:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise InputError(f"{origin} has the label {_one_line(value)}, expected a whole number")
    label = int(value)
    if not 0 <= label < classes:
        raise InputError(
            f"{origin} has the label {label}, expected 0 to {classes - 1}: the space has {classes} "
            "classes"
        )
    return label


@contextmanager
def _seeded(seed: tuple[int, ...] | None) -> Iterator[None]:
    """Temporarily seed the global generators of Python, NumPy and torch, which transforms use.

    An item then depends only on the seed, not on the order of reading or the process.
    """
    if seed is None:
        yield
        return
    python, torchs = random.getstate(), torch.default_generator.get_state()
    numpys = np.random.get_state()
    first, second, third = map(int, np.random.SeedSequence(seed).generate_state(3))
    random.seed(first)
    np.random.seed(second)
    torch.default_generator.manual_seed(third)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpys)
        torch.default_generator.set_state(torchs)


def described(dtype: torch.dtype, shape: Sequence[int]) -> str:
    """Return a type and a shape as text."""
    return f"{str(dtype).removeprefix('torch.')} of {' x '.join(map(str, shape))}"


def _one_line(value: Any) -> str:
    shown = " ".join(repr(value).split())
    return shown if len(shown) <= 40 else f"{shown[:40]}..."
