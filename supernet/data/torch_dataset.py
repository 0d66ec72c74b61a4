"""Use torch Datasets as data for training and evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from bench.digests import content_digest
from bench.errors import InputError
from supernet.data.batch_stream import Broken, Source
from supernet.data.class_names import ClassNames
from supernet.data.parts import ImageNeeds, Images
from supernet.data.torch_images import Scale
from supernet.data.torch_item import MapDataset
from supernet.data.torch_items import Items
from supernet.data.torch_part import Part

PREFIX = "torch:"
HELD_OUT = 0.1  # share of the training items for each part that is not given
FEWEST = 2  # items of an evaluation part: the error of an accuracy needs two


@dataclass(frozen=True, kw_only=True)
class TorchData:
    """Map-style torch Datasets whose items are (image, label).

    An image is a square tensor (channels, side, side) or NumPy array (side, side, channels), uint8
    or float (1.0 corresponds to 255), or a Pillow image of mode L or RGB. All images of a Dataset
    have one size and type, and are resized to the networks' resolutions. A label is a whole number
    from 0.

    A tenth of `train`, drawn by `seed`, is held out for each of `validation` and `test` that is not
    given. Give both where `train` augments its images, since held-out items are augmented too.
    Items are read once and kept `in_memory`, or read each time they are drawn; where `in_memory` is
    None, they are kept if they take at most 2 GiB as float32 and do not vary between two readings.
    `workers` processes read them, or with 0 this process. `class_names` are those of the labels 0,
    1,
    ..., and `name` identifies the data in messages and files.
    """

    train: MapDataset
    validation: MapDataset | None = None
    test: MapDataset | None = None
    name: str = "dataset"
    class_names: Sequence[str] = ()
    seed: int = 0
    workers: int = 0
    in_memory: bool | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name or not self.name.isprintable():
            raise InputError(f"the data's name is {self.name!r}, expected a text of one line")
        for field_name, number in (("seed", self.seed), ("workers", self.workers)):
            if not isinstance(number, int) or number < 0:
                raise InputError(f"{field_name} is {number!r}, expected a whole number from 0")
        names = self.class_names
        if isinstance(names, str) or not all(isinstance(class_name, str) for class_name in names):
            raise InputError(
                f"class_names is {names!r}, expected a sequence of texts, one for each label"
            )


@dataclass(frozen=True, kw_only=True)
class TorchParts:
    """The three parts of torch Datasets; see `supernet.data.parts.DataParts`.

    `name` is the data's name with a digest of the training and validation items.
    """

    name: str
    channels: int
    classes: int
    class_names: ClassNames
    scale: Scale
    train_source: Source
    validation: Images
    unread_test: Items
    size: int
    in_memory: bool | None

    @property
    def mean(self) -> tuple[float, ...]:
        return self.scale.mean

    @property
    def spread(self) -> tuple[float, ...]:
        return self.scale.spread

    @cached_property
    def test(self) -> Images:
        part = Part.inspect(self.unread_test, self.in_memory)
        return part.images(self.scale, self.size)

    def broken(self) -> tuple[Broken, ...]:
        """Return nothing: an unreadable item is an error of its Dataset."""
        return ()


def open_torch_data(data: TorchData, space: ImageNeeds) -> TorchParts:
    """Return the three parts of torch Datasets, for networks of `space`.

    Images are normalised by the mean and spread of the training images. The parts' name is the
    data's with a digest of the training and validation items, so that training is not resumed with
    other data. `InputError` says why the Datasets are not usable; where items are not kept in
    memory, errors of later items are raised when they are read.

    >>> import torch
    >>> from torch.utils.data import TensorDataset
    >>> from supernet.space.space import SearchSpace
    >>> images = torch.randint(0, 256, (100, 1, 32, 32), dtype=torch.uint8)
    >>> mine = TensorDataset(images, torch.arange(100) % 10)
    >>> parts = open_torch_data(TorchData(train=mine), SearchSpace.load("tiny"))
    >>> len(parts.train_source), len(parts.validation), len(parts.test)
    (80, 10, 10)
    """
    names = tuple(data.class_names)
    if names and len(names) != space.classes:
        raise InputError(
            f"{len(names)} class names were given, the space {space.name} has {space.classes} "
            "classes; give a name for each, or take another space"
        )
    first, second, third = _split(data, space)
    train_part, validation_part = (
        Part.inspect(first, data.in_memory),
        Part.inspect(second, data.in_memory),
    )
    scale, size = train_part.scale, max(space.resolutions)
    digest = content_digest(train_part.digest + validation_part.digest)
    name = f"{PREFIX}{data.name}:{digest[:16]}"
    return TorchParts(
        name=name,
        channels=space.in_channels,
        classes=space.classes,
        class_names=names,
        scale=scale,
        train_source=train_part.source(name, scale, names),
        validation=validation_part.images(scale, size),
        unread_test=third,
        size=size,
        in_memory=data.in_memory,
    )


def _split(data: TorchData, space: ImageNeeds) -> tuple[Items, Items, Items]:
    """Open the given Datasets, and hold out training items for missing ones."""
    open_items = partial(
        Items.open, channels=space.in_channels, classes=space.classes, workers=data.workers
    )
    items = open_items(data.train, "the training Dataset")
    given = {"validation": data.validation, "test": data.test}
    size = max(FEWEST, round(HELD_OUT * len(items)))
    if len(items) <= size * list(given.values()).count(None):
        raise InputError(
            f"the training Dataset has {len(items)} items, too few to hold {size} out for each of "
            "validation and test; give more, or Datasets for these"
        )
    order = np.random.default_rng(data.seed).permutation(len(items))
    parts: list[Items] = []
    for part_name, dataset in given.items():
        if dataset is None:
            parts.append(items.at(np.sort(order[:size])))
            order = order[size:]
        elif dataset is data.train:
            raise InputError(
                f"the {part_name} Dataset is the training Dataset: omit it, and some training "
                "items are held out for it"
            )
        else:
            parts.append(open_items(dataset, f"the {part_name} Dataset"))
            if len(parts[-1]) < FEWEST:
                raise InputError(f"the {part_name} Dataset has 1 item, expected {FEWEST} or more")
    return items.at(np.sort(order)), parts[0], parts[1]
