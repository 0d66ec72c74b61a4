"""Batches for training from a folder of images, augmented at each draw."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from bench.errors import InputError
from supernet.data.augment import Augmentation
from supernet.data.batch_stream import Batch, BatchRequest, Broken
from supernet.data.class_names import ClassNames, of_folders
from supernet.data.decode import DecodeRequest
from supernet.data.folder_images import FolderImages, normalise_
from supernet.data.reader import ImageReader, Pixels

_GAP = 1.0  # see `decode.Asked`
_PIECE = 4  # of images; at 224 pixels a third of the time that whole batches of 64 take


@dataclass(frozen=True)
class FolderSource:
    """A `Source` over training images on disk, which differ each time they are drawn."""

    reader: ImageReader
    name: str
    augmentation: Augmentation = field(default_factory=Augmentation)

    @property
    def channels(self) -> int:
        return self.reader.channels

    @property
    def classes(self) -> int:
        return len(self.reader.files.classes)

    @property
    def class_names(self) -> ClassNames:
        return of_folders(self.reader.files.classes)

    @property
    def repeats(self) -> bool:
        return False

    def __len__(self) -> int:
        return len(self.reader.files)

    def stream(self, wanted: Sequence[BatchRequest]) -> Iterator[Batch]:
        """Give the batches in order, two read ahead; an image that cannot be read is left out.

        `InputError` where nothing of a batch can be read, or where `ImageReader.read` says so.
        """
        files, view = self.reader.files, self.augmentation.view

        def ask(number: int, place: int) -> DecodeRequest:
            one = wanted[number]
            return DecodeRequest(
                path=files.path(int(one.images[place])),
                channels=self.channels,
                resolution=one.resolution,
                choose=partial(view, seed=one.seed, place=place),
                gap=_GAP,
            )

        groups = [one.images for one in wanted]
        for one, pixels in zip(wanted, self.reader.read(groups, ask), strict=True):
            if not len(pixels.places):
                raise InputError(
                    f"no image of a batch of {len(one.images)} of {self.name} can be read, one is "
                    f"{self.reader.broken()[-1]}; mend or remove them"
                )
            index = torch.from_numpy(one.images)[pixels.places]
            yield Batch(
                images=self._prepared(pixels, one.seed),
                labels=torch.from_numpy(files.labels)[index],
                index=index,
            )

    def _prepared(self, pixels: Pixels, seed: tuple[int, ...]) -> Tensor:
        """Jitter and normalise, a few images at a time: these stay in the processor's cache."""
        shape = pixels.images.shape
        prepared = torch.empty(shape).contiguous(memory_format=torch.channels_last)
        for start in range(0, len(prepared), _PIECE):
            piece = slice(start, start + _PIECE)
            images = pixels.images[piece].contiguous().float().div_(255)
            images = self.augmentation.jitter(images, seed=seed, places=pixels.places[piece])
            prepared[piece] = normalise_(images)
        return prepared

    def calibration(self, n: int, resolution: int) -> Tensor:
        """Give the first `n` images that can be read: middle squares, not augmented."""
        return FolderImages(self.reader, resolution).first(n).images

    def broken(self) -> tuple[Broken, ...]:
        """Give the training images met so far that could not be read, sorted by path."""
        return self.reader.broken()
