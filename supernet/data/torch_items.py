"""Items of a torch `Dataset`, read in batches, each checked against the first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from bench.errors import InputError
from supernet.data.torch_item import Item, MapDataset, described, length_of, read_item

_Job = tuple[int, tuple[int, ...] | None]  # an item's place, and its seed where it varies


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What all items of a Dataset have in common.

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
    """Images as the Dataset gives them, uint8 or float32 (n, c, side, side); labels int64 (n,)."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """The items of `dataset` at `places` (n,); `what` names the Dataset in messages.

    They are read by so many `workers` (processes, as those of `torch.utils.data.DataLoader`); by
    none, in this process. Items that do not vary need not be `seeded`, which takes longer.
    """

    dataset: MapDataset
    places: NDArray[np.int64]
    what: str
    kind: Kind
    workers: int = 0
    seeded: bool = True

    @classmethod
    def open(
        cls, dataset: MapDataset, what: str, *, channels: int, classes: int, workers: int = 0
    ) -> "Items":
        """Look at the length and the first item; `InputError` where they are not usable."""
        length = length_of(dataset, what)
        image, _ = read_item(dataset, 0, (0,), what, classes)
        found, _, side = image.shape
        if found != channels:
            raise InputError(
                f"item 0 of {what} has {found} channels, the space takes {channels}; convert the "
                "images, or take a space with these"
            )
        kind = Kind(channels=channels, classes=classes, side=side, dtype=image.dtype)
        return cls(dataset=dataset, places=np.arange(length), what=what, kind=kind, workers=workers)

    def __len__(self) -> int:
        return len(self.places)

    def at(self, chosen: NDArray[np.int64]) -> "Items":
        """Return the items at `chosen` places of these."""
        return replace(self, places=self.places[chosen])

    def read(
        self, groups: Sequence[NDArray[np.int64]], seeds: Sequence[tuple[int, ...]]
    ) -> Iterator[Raw]:
        """Read each group of items (indices into these), random parts seeded by the group's seed.

        `InputError` where an item is not of the kind that the first one is.
        """
        jobs: list[list[_Job]] = [
            [
                (place, (*seed, place) if self.seeded else None)
                for place in self.places[group].tolist()
            ]
            for group, seed in zip(groups, seeds, strict=True)
        ]
        loader = DataLoader(
            _Checked(self.dataset, self.what, self.kind),
            batch_sampler=jobs,  # places with their seeds
            num_workers=self.workers,
            collate_fn=_together,
            generator=torch.Generator(),  # else each reading would draw from torch's own
        )
        for found in loader:
            if isinstance(found, str):
                raise InputError(found)
            yield found


def to_bytes(images: Tensor) -> Tensor:
    """Float32 images where 255 is white; of float images, 1 is taken as white."""
    return images.float() if images.dtype == torch.uint8 else images.mul(255)


class _Checked(Dataset["Item | str"]):
    """Items of a user's Dataset as tensors, or what is wrong with them.

    Worker processes would give an exception's whole traceback for its message.
    """

    def __init__(self, dataset: MapDataset, what: str, kind: Kind) -> None:
        self.dataset, self.what, self.kind = dataset, what, kind

    def __getitem__(self, job: _Job) -> Item | str:
        place, seed = job
        try:
            image, label = read_item(self.dataset, place, seed, self.what, self.kind.classes)
        except InputError as error:
            return str(error)
        kind = self.kind
        if image.dtype != kind.dtype or image.shape != (kind.channels, kind.side, kind.side):
            return (
                f"item {place} of {self.what} is {described(image.dtype, image.shape)}, the first "
                f"one {kind}; give all images one size and type, by a transform"
            )
        return image, label


def _together(items: Sequence[Item | str]) -> Raw | str:
    for item in items:
        if isinstance(item, str):
            return item
    good = [item for item in items if not isinstance(item, str)]
    images = torch.stack([image for image, _ in good])
    return Raw(images=images, labels=torch.tensor([label for _, label in good]))
