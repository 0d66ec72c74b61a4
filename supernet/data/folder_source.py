"""Batches for training from a folder of images or from shards, augmented at each draw."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.errors import InputError
from supernet.data.augment import Augmentation
from supernet.data.batch_stream import Batch, BatchRequest, Broken
from supernet.data.class_names import ClassNames, of_folders
from supernet.data.decode import DecodeRequest
from supernet.data.folder_images import FolderImages, normalise_
from supernet.data.reader import ImageReader, Pixels

_GAP = 1.0  # see `decode.DecodeRequest`
_PIECE = 4  # images; at 224 pixels it takes a third of the time of whole batches of 64


@dataclass(frozen=True)
class FolderSource:
    """`Source` of training images on disk, augmented at each draw."""

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

    def stream(self, requests: Sequence[BatchRequest]) -> Iterator[Batch]:
        """Yield the batches in order, prefetching two; unreadable images are skipped.

        Raises `InputError` where no image of a batch can be read, and as `ImageReader.read` does.
        """
        files, view = self.reader.files, self.augmentation.view

        def decode_request(number: int, position: int) -> DecodeRequest:
            request = requests[number]
            return DecodeRequest(
                path=files.path(int(request.images[position])),
                open=files.opener(int(request.images[position])),
                channels=self.channels,
                resolution=request.resolution,
                choose=partial(view, seed=request.seed, index=position),
                gap=_GAP,
            )

        groups = [request.images for request in requests]
        for request, pixels in zip(requests, self.reader.read(groups, decode_request), strict=True):
            if not len(pixels.indices):
                raise InputError(
                    f"no image of a batch of {len(request.images)} of {self.name} can be read, as "
                    f"{self.reader.broken()[-1]}; repair or remove them"
                )
            index = torch.from_numpy(request.images)[pixels.indices]
            yield Batch(
                images=self._prepared(pixels, request.seed),
                labels=torch.from_numpy(files.labels)[index],
                index=index,
            )

    def _prepared(self, pixels: Pixels, seed: tuple[int, ...]) -> Tensor:
        """Jitter and normalise a few images at a time, which stay in the processor's cache."""
        shape = pixels.images.shape
        prepared = torch.empty(shape).contiguous(memory_format=torch.channels_last)
        for start in range(0, len(prepared), _PIECE):
            piece = slice(start, start + _PIECE)
            images = pixels.images[piece].contiguous().float().div_(255)
            images = self.augmentation.jitter(images, seed=seed, indices=pixels.indices[piece])
            prepared[piece] = normalise_(images)
        return prepared

    def epoch_order(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw the order of the images in an epoch, as they are stored best to read."""
        return self.reader.files.epoch_order(rng)

    def calibration(self, n: int, resolution: int) -> Tensor:
        """Return the first `n` readable images: centre squares without augmentation."""
        return FolderImages(self.reader, resolution).first(n).images

    def broken(self) -> tuple[Broken, ...]:
        """Return the training images that could not be read so far, sorted by path."""
        return self.reader.broken()
