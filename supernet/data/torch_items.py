"""Read items of a torch `Dataset` in batches, and check each against the first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from bench.errors import InputError
from supernet.data.torch_item import Item, MapDataset, described, length_of, read_item

_Job = tuple[int, tuple[int, ...] | None]  # an item's index, and its seed where it varies


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Properties that all items of a Dataset share.

    Images uint8 or float32 (channels, side, side), labels from 0 to `classes` - 1.
    """

    channels: int
    classes: int
    side: int
    dtype: torch.dtype

    def __str__(self) -> str:
        return described(self.dtype, (self.channels, self.side, self.side))


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """Images as the Dataset gives them, uint8 or float32 (n, c, side, side), and labels (n,)."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """The items of `dataset` at `indices` (n,); `title` names the Dataset in messages.

    `workers` processes of `torch.utils.data.DataLoader` read them, or with 0 this process. Items
    that do not vary need not be `seeded`, which takes longer.
    """

    dataset: MapDataset
    indices: NDArray[np.int64]
    title: str
    kind: Kind
    workers: int = 0
    seeded: bool = True

    @classmethod
    def open(
        cls,
        dataset: MapDataset,
        title: str,
        *,
        channels: int,
        classes: int,
        workers: int = 0,
    ) -> "Items":
        """Check the length and the first item; `InputError` where they are not usable."""
        length = length_of(dataset, title)
        image, _ = read_item(dataset, 0, (0,), title, classes)
        actual, _, side = image.shape
        if actual != channels:
            raise InputError(
                f"item 0 of {title} has {actual} channels, the space takes {channels}; convert the "
                "images, or take a space with these"
            )
        kind = Kind(channels=channels, classes=classes, side=side, dtype=image.dtype)
        return cls(
            dataset=dataset,
            indices=np.arange(length),
            title=title,
            kind=kind,
            workers=workers,
        )

    def __len__(self) -> int:
        return len(self.indices)

    def at(self, chosen: NDArray[np.int64]) -> "Items":
        """Return the items at the positions `chosen` of these."""
        return replace(self, indices=self.indices[chosen])

    def read(
        self, groups: Sequence[NDArray[np.int64]], seeds: Sequence[tuple[int, ...]]
    ) -> Iterator[Raw]:
        """Read each group of items (indices into these) with the seed of the group.

        Raises `InputError` where an item differs in kind from the first.
        """
        jobs: list[list[_Job]] = [
            [
                (index, (*seed, index) if self.seeded else None)
                for index in self.indices[group].tolist()
            ]
            for group, seed in zip(groups, seeds, strict=True)
        ]
        loader = DataLoader(
            _CheckedItems(self.dataset, self.title, self.kind),
            batch_sampler=jobs,  # indices with their seeds
            num_workers=self.workers,
            collate_fn=_collate,
            generator=torch.Generator(),  # do not use torch's global generator
        )
        for batch in loader:
            if isinstance(batch, str):
                raise InputError(batch)
            yield batch


def to_bytes(images: Tensor) -> Tensor:
    """Return float32 images where 255 is white; in float images, 1 is white."""
    return images.float() if images.dtype == torch.uint8 else images.mul(255)


class _CheckedItems(Dataset["Item | str"]):
    """Items of a Dataset as tensors, or the text of their error.

    The message of an exception from a worker process would contain its whole traceback.
    """

    def __init__(self, dataset: MapDataset, title: str, kind: Kind) -> None:
        self.dataset, self.title, self.kind = dataset, title, kind

    def __getitem__(self, job: _Job) -> Item | str:
        index, seed = job
        try:
            image, label = read_item(self.dataset, index, seed, self.title, self.kind.classes)
        except InputError as error:
            return str(error)
        kind = self.kind
        if image.dtype != kind.dtype or image.shape != (kind.channels, kind.side, kind.side):
            return (
                f"item {index} of {self.title} is {described(image.dtype, image.shape)}, the first "
                f"is {kind}; give all images one size and type, by a transform"
            )
        return image, label


def _collate(items: Sequence[Item | str]) -> Raw | str:
    for item in items:
        if isinstance(item, str):
            return item
    valid = [item for item in items if not isinstance(item, str)]
    images = torch.stack([image for image, _ in valid])
    return Raw(images=images, labels=torch.tensor([label for _, label in valid]))
