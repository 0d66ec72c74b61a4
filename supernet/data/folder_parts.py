"""Folder of images as a data set; images are opened on demand."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.errors import InputError
from supernet.data.batch_stream import Broken, printable
from supernet.data.class_names import ClassNames
from supernet.data.folder import list_folder
from supernet.data.folder_images import MEANS, SPREADS, FolderImages
from supernet.data.folder_source import FolderSource
from supernet.data.loader import default_workers
from supernet.data.reader import ImageReader
from supernet.data.shards import has_shards, list_shards


@dataclass(frozen=True, kw_only=True)
class FolderParts:
    """The three parts of a folder; see `supernet.data.parts.DataParts`."""

    name: str
    train_source: FolderSource
    validation: FolderImages
    test: FolderImages

    @property
    def channels(self) -> int:
        return self.train_source.channels

    @property
    def classes(self) -> int:
        return self.train_source.classes

    @property
    def class_names(self) -> ClassNames:
        return self.train_source.class_names

    @property
    def mean(self) -> tuple[float, ...]:
        return MEANS[self.channels]

    @property
    def spread(self) -> tuple[float, ...]:
        return SPREADS[self.channels]

    def broken(self) -> tuple[Broken, ...]:
        """Return the images of any part that could not be read so far, sorted by path."""
        readers = (self.train_source.reader, self.validation.reader, self.test.reader)
        return tuple(sorted(image for reader in readers for image in reader.broken()))


def open_folder(
    root: Path, seed: int = 0, *, channels: int = 3, size: int = 224, workers: int | None = None
) -> FolderParts:
    """List a folder of images, in ImageNet's layout or in shards, without opening images yet.

    `channels`: 3, or 1 for grey. `size`: pixels a side of evaluation images. `workers`: threads
    that decode (by default one per core). Raises `InputError` for another layout.
    """
    if channels not in MEANS:
        raise InputError(
            f"a space of {channels} input channels takes no image files; expected 1 or 3"
        )
    if not root.is_dir():
        raise InputError(f"{printable(root)} is not a folder; give a folder of images by --data")
    files = list_shards(root, seed) if has_shards(root) else list_folder(root, seed)
    make = partial(ImageReader, channels=channels, workers=workers or default_workers())
    return FolderParts(
        name=str(root),
        train_source=FolderSource(make(files.train, fewest=1), printable(root)),
        validation=FolderImages(make(files.validation), size),
        test=FolderImages(make(files.test), size),
    )
