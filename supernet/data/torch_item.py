"""One item of a torch `Dataset`, checked, with seeded randomness."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset

from bench.errors import InputError

MapDataset = Dataset[Any]
"""A Dataset with `__len__` and `__getitem__`, whose items are (image, label)."""

Item = tuple[Tensor, int]
"""An image uint8 or float32 (c, side, side) and its label."""

_MODES = {"L": 1, "RGB": 3}  # of Pillow's images, with their channels
_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def length_of(dataset: MapDataset, what: str) -> int:
    """Return how many items there are; `InputError` where that is not known, or none."""
    if isinstance(dataset, IterableDataset) or not (
        hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")
    ):
        raise InputError(
            f"{what} is a {type(dataset).__name__}, expected a torch Dataset with __len__ and "
            "__getitem__ (map-style), whose items are (image, label)"
        )
    try:
        length = len(dataset)
    except (TypeError, NotImplementedError) as error:
        raise InputError(f"{what} does not say its length ({error}); give it a __len__") from error
    if length < 1:
        raise InputError(f"{what} is empty; expected at least one item (image, label)")
    return length


def read_item(
    dataset: MapDataset, place: int, seed: tuple[int, ...] | None, what: str, classes: int
) -> Item:
    """Read an item and check it by itself; `what` names the Dataset in messages.

    `InputError` where it is no pair of a square image and of a whole number below `classes`.
    """
    where = f"item {place} of {what}"
    with _seeded(seed):
        try:
            item = dataset[place]
        except IndexError as error:
            raise InputError(
                f"{where} does not exist ({error}), though its length is {length_of(dataset, what)}"
            ) from error
    if not isinstance(item, tuple | list) or len(item) != 2:
        raise InputError(f"{where} is a {type(item).__name__}, expected a pair (image, label)")
    return _image(item[0], where), _label(item[1], where, classes)


def _image(given: Any, where: str) -> Tensor:
    """Return the image as uint8 or float32 (c, side, side); `InputError` where it is none."""
    image: Tensor = given if isinstance(given, Tensor) else _of_pillow(given, where)
    if image.ndim != 3:
        raise InputError(f"{where} has an image of shape {tuple(image.shape)}, expected (c, h, w)")
    if image.dtype != torch.uint8 and not image.dtype.is_floating_point:
        raise InputError(f"{where} has an image of {image.dtype}, expected uint8 or float32")
    _, height, width = image.shape
    if height != width or not height:
        raise InputError(
            f"{where} has {height} x {width} pixels, expected a square; resize and crop the images "
            "by a transform"
        )
    image = image.detach().cpu()
    if image.dtype == torch.uint8:
        return image
    if not torch.isfinite(image).all():
        raise InputError(f"{where} has an image with values that are NaN or infinite; repair it")
    return image.float()


def _of_pillow(given: Any, where: str) -> Tensor:
    mode = getattr(given, "mode", None)
    if not hasattr(given, "getbands"):
        raise InputError(
            f"{where} has a {type(given).__name__} for its image, expected a tensor (c, h, w), "
            "uint8 or float32, or a Pillow image"
        )
    if mode not in _MODES:
        raise InputError(
            f"{where} is a Pillow image of mode {mode}, expected {' or '.join(_MODES)}: convert it"
        )
    pixels = np.array(given)
    return torch.from_numpy(pixels.reshape(*pixels.shape[:2], _MODES[mode])).permute(2, 0, 1)


def _label(given: Any, where: str, classes: int) -> int:
    if isinstance(given, Tensor) and given.ndim == 0 and given.dtype in _INTEGERS:
        given = int(given)
    if isinstance(given, bool) or not isinstance(given, int | np.integer):
        raise InputError(f"{where} has the label {_one_line(given)}, expected a whole number")
    label = int(given)
    if not 0 <= label < classes:
        raise InputError(
            f"{where} has the label {label}, expected 0 to {classes - 1}: the space has {classes} "
            "classes"
        )
    return label


@contextmanager
def _seeded(seed: tuple[int, ...] | None) -> Iterator[None]:
    """Seed Python's, NumPy's and torch's own generators, which transforms draw from, for a while.

    So an item depends on the seed alone, not on who reads it after what.
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
    """Return a type and a shape in words."""
    return f"{str(dtype).removeprefix('torch.')} of {' x '.join(map(str, shape))}"


def _one_line(value: Any) -> str:
    shown = " ".join(repr(value).split())
    return shown if len(shown) <= 40 else f"{shown[:40]}..."
