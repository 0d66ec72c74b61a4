"""Batches of a folder's images, and the count of unreadable ones."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.errors import InputError
from supernet.data.batch_stream import Broken, shown
from supernet.data.decode import DecodeRequest, try_decode
from supernet.data.folder import ImageFiles
from supernet.data.loader import in_order

MANY = 5  # broken images from which on more is wrong than these images


@dataclass(frozen=True, slots=True)
class Pixels:
    """Bytes uint8 (k, c, r, r), channels last, of the images at `places` (k,) of what was asked."""

    images: Tensor
    places: Tensor


class ImageReader:
    """Reads images of `files`; what cannot be read is left out, and told by `broken`.

    A class of which as many as `fewest` images, and no others, were met is an error when all of
    them are broken.
    """

    def __init__(
        self, files: ImageFiles, *, channels: int, workers: int, fewest: int = MANY
    ) -> None:
        self.files, self.channels, self.workers = files, channels, workers
        self._fewest = fewest
        self._sizes = np.bincount(files.labels, minlength=len(files.classes))
        self._broken: dict[int, Broken] = {}
        self._by_class: Counter[int] = Counter()

    def read(
        self, groups: Sequence[NDArray[np.int64]], ask: Callable[[int, int], DecodeRequest]
    ) -> Iterator[Pixels]:
        """Give the pixels of each group of images, where `ask(group, place)` says how one is read.

        Groups of which nothing could be read are empty. `InputError` where more than half of a
        group is broken, from 5 images on, or all images of a class are.
        """
        asked = (
            [ask(number, place) for place in range(len(group))]
            for number, group in enumerate(groups)
        )
        with closing(in_order(try_decode, asked, workers=self.workers)) as results:
            for group, done in zip(groups, results, strict=True):
                yield self._sorted_out(group, done)

    def broken(self) -> tuple[Broken, ...]:
        """Give what could not be read so far, sorted by path."""
        return tuple(sorted([*self.files.broken, *self._broken.values()]))

    def _sorted_out(
        self, group: NDArray[np.int64], done: Sequence[NDArray[np.uint8] | str]
    ) -> Pixels:
        places, squares, lost = [], [], []
        for place, found in enumerate(done):
            if isinstance(found, str):
                lost.append(self._note(int(group[place]), found))
            else:
                places.append(place)
                squares.append(found)
        if len(lost) >= MANY and 2 * len(lost) > len(group):
            raise InputError(
                f"{len(lost)} of {len(group)} images of {shown(self.files.root)} cannot be read, "
                f"the first {lost[0]}; mend or remove them"
            )
        if not squares:
            return Pixels(torch.zeros((0, self.channels, 1, 1), dtype=torch.uint8), torch.arange(0))
        # Rows of pixels of channels: in torch's words, channels last.
        images = torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2)
        return Pixels(images, torch.tensor(places))

    def _note(self, image: int, why: str) -> Broken:
        broken = Broken(self.files.path(image), why)
        if image in self._broken:
            return broken
        label = int(self.files.labels[image])
        self._broken[image] = broken
        self._by_class[label] += 1
        if self._by_class[label] == self._sizes[label] >= self._fewest:
            folder = self.files.root / self.files.classes[label]
            raise InputError(
                f"none of the {self._sizes[label]} images asked of {shown(folder)} can be read, "
                f"the last {broken}; mend or remove this class"
            )
        return broken
