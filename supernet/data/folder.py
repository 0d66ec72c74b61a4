"""List a folder of images in ImageNet's layout: ROOT/train/CLASS/* and ROOT/val/CLASS/*.

Classes are the folders' names, sorted. Some training images are held out for validation, chosen by
a hash of their names, so that adding images does not move the others between parts.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.errors import FileError, InputError
from supernet.data.batch_stream import Broken, printable
from supernet.data.decode import SUFFIXES

LAYOUT = "ROOT/train/CLASS/*.jpg and ROOT/val/CLASS/*.jpg"
HELD_OUT, MOST_HELD_OUT = 0.1, 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFiles:
    """Images of one part: paths below `root` (CLASS/FILE), labels int64 (n,), in a fixed order.

    The order is that of a hash, so that the first images come from all classes. `broken` are
    entries with the name of an image that are not files.
    """

    root: Path
    classes: tuple[str, ...]
    names: tuple[str, ...]
    labels: NDArray[np.int64]
    broken: tuple[Broken, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    def path(self, image: int) -> Path:
        """Return the path of the image with this index."""
        return self.root / self.names[image]

    def opener(self, image: int) -> Callable[[], BinaryIO] | None:
        """Return how to open the image with this index; None where it is a file."""
        del image
        return None

    def take(self, chosen: NDArray[np.int64]) -> Self:
        """Return the images with the indices `chosen`, in that order."""
        names = tuple(self.names[index] for index in chosen)
        return replace(self, names=names, labels=self.labels[chosen])

    def epoch_order(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw the order of the images in an epoch, (n,): any order is equally likely."""
        return rng.permutation(len(self))


_Files = TypeVar("_Files", bound=ImageFiles)


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderFiles:
    """Three parts of a folder: validation is held out from its training images."""

    train: ImageFiles
    validation: ImageFiles
    test: ImageFiles


def list_folder(root: Path, seed: int) -> FolderFiles:
    """List the images of a folder without opening one; `seed` decides which are held out.

    `InputError` names the deviation from the layout: a missing or empty part or class.
    """
    for part in ("train", "val"):
        if not (root / part).is_dir():
            raise InputError(f"{printable(root)} has no folder {part}/; expected {LAYOUT}")
    train = shuffled(_list_part(root / "train"), seed)
    test = shuffled(_list_part(root / "val"), seed)
    for name in sorted(set(train.classes) ^ set(test.classes)):
        has, lacks = ("train", "val") if name in train.classes else ("val", "train")
        raise InputError(
            f"{printable(root / has / name)} is a class that {lacks}/ lacks; "
            "both need the same classes"
        )
    return hold_out(train, test, seed)


def hold_out(train: ImageFiles, test: ImageFiles, seed: int) -> FolderFiles:
    """Return the parts, with some training images as validation images, chosen by `seed`."""
    held_out = _held_out(train, seed)
    if not held_out.any():
        raise InputError(
            f"{printable(train.root)} has {len(train)} images, too few to hold any out for "
            f"validation; add images (about {HELD_OUT:.0%} are held out)"
        )
    return FolderFiles(
        train=train.take(np.flatnonzero(~held_out)),
        validation=replace(train.take(np.flatnonzero(held_out)), broken=()),
        test=test,
    )


def _list_part(root: Path) -> ImageFiles:
    names: list[str] = []
    labels: list[int] = []
    broken: list[Broken] = []
    try:
        classes = sorted(entry.name for entry in _visible(root) if entry.is_dir())
        for label, name in enumerate(classes):
            before = len(names)
            for entry in _visible(root / name):
                if os.path.splitext(entry.name)[1].lower() not in SUFFIXES:
                    continue
                if entry.is_file():
                    names.append(f"{name}/{entry.name}")
                    labels.append(label)
                else:  # opening a pipe would block
                    broken.append(Broken(root / name / entry.name, "it is not a regular file"))
            if len(names) == before:
                raise InputError(
                    f"the class folder {printable(root / name)} has no images; add some "
                    f"({', '.join(sorted(SUFFIXES))}), or remove the class"
                )
    except OSError as error:
        raise FileError(f"cannot list {printable(root)}: {error.strerror or error}") from error
    if not classes:
        raise InputError(f"{printable(root)} has no class folders; expected {LAYOUT}")
    return ImageFiles(
        root=root,
        classes=tuple(classes),
        names=tuple(names),
        labels=np.array(labels, np.int64),
        broken=tuple(sorted(broken)),
    )


def _visible(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from (entry for entry in entries if not entry.name.startswith("."))


def shuffled(files: _Files, seed: int) -> _Files:
    """Sort by a hash of name and seed, then by name."""
    hashes = _hashes(files, seed).tolist()
    order = sorted(range(len(files)), key=lambda index: (hashes[index], files.names[index]))
    return files.take(np.array(order, np.int64))


def _held_out(files: ImageFiles, seed: int) -> NDArray[np.bool_]:
    """Return which images are for validation: those with low hashes, but not a whole class."""
    held_out = _hashes(files, seed) < HELD_OUT * 2**64
    held_out[np.flatnonzero(held_out)[MOST_HELD_OUT:]] = False  # the order is that of the hashes
    remaining = np.bincount(files.labels[~held_out], minlength=len(files.classes))
    for label in np.flatnonzero(remaining == 0):
        held_out[np.flatnonzero(files.labels == label)[-1]] = False
    return held_out


def _hashes(files: ImageFiles, seed: int) -> NDArray[np.uint64]:
    start = f"{seed}:".encode()
    digests = (hashlib.sha256(start + os.fsencode(name)).digest()[:8] for name in files.names)
    return np.frombuffer(b"".join(digests), ">u8").astype(np.uint64)
