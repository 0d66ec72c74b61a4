"""Images in WebDataset shards: tar files in which KEY.jpg and KEY.cls are a sample.

Only headers and labels are read at first; images are read from their places in the tar files, in
any order, so that a training resumes and is shared among ranks as with a folder. Which members make
a sample is decided by the package webdataset.
"""

import os
import re
import tarfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from bench.errors import FileError, InputError, first_line
from bench.extras import check_extra
from supernet.data.batch_stream import printable
from supernet.data.class_names import one_line
from supernet.data.decode import SUFFIXES
from supernet.data.folder import FolderFiles, ImageFiles, hold_out, shuffled
from supernet.data.loader import default_workers, in_order

LAYOUT = "train-*.tar and val-*.tar, or train/*.tar and val/*.tar"
CLASSES = "classes.txt"
_BLOCK = tarfile.BLOCKSIZE
_AT_ONCE = 16  # shards that an epoch reads side by side
_SPREAD = 256  # images by which the order within a shard is mixed
_KEPT_OPEN = 64  # tar files


class _Descriptor:
    """An open file, closed with its last reference: a thread may still read an evicted one."""

    def __init__(self, path: Path) -> None:
        self.number = os.open(path, os.O_RDONLY)

    def __del__(self) -> None:
        if hasattr(self, "number"):
            os.close(self.number)


class _OpenShards:
    """Keeps the shards open that were read last: opening is slow on network disks."""

    def __init__(self) -> None:
        self._files: OrderedDict[Path, _Descriptor] = OrderedDict()
        self._lock = Lock()

    def member(self, path: Path, offset: int, size: int) -> BinaryIO:
        """Return a member of a shard as a file in memory; `OSError` where it cannot be read."""
        with self._lock:
            file = self._files.pop(path, None) or _Descriptor(path)
            self._files[path] = file
            if len(self._files) > _KEPT_OPEN:
                self._files.popitem(last=False)
        return BytesIO(os.pread(file.number, size, offset))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardFiles(ImageFiles):
    """Images of one part in `shards`; `names` are SHARD/KEY.jpg, for messages.

    Of each image, (n,): `shard` is the index of its tar file, `offset` and `size` its place there
    in bytes.
    """

    shards: tuple[Path, ...]
    shard: NDArray[np.int64]
    offset: NDArray[np.int64]
    size: NDArray[np.int64]
    opened: _OpenShards = field(default_factory=_OpenShards, compare=False)

    def opener(self, image: int) -> Callable[[], BinaryIO]:
        """Return how to open the image with this index."""
        place = int(self.offset[image]), int(self.size[image])
        return partial(self.opened.member, self.shards[self.shard[image]], *place)

    def take(self, chosen: NDArray[np.int64]) -> Self:
        """Return the images with the indices `chosen`, in that order."""
        return replace(
            self,
            names=tuple(self.names[index] for index in chosen),
            labels=self.labels[chosen],
            shard=self.shard[chosen],
            offset=self.offset[chosen],
            size=self.size[chosen],
        )

    def epoch_order(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw an order that reads 16 shards at once, each nearly from its start to its end.

        The shards are drawn in any order; within a shard an image moves by at most 256 places. So
        images that should not be neighbours must not be neighbours in the shards.
        """
        stored = np.lexsort((self.offset, self.shard))
        counts = np.bincount(self.shard, minlength=len(self.shards))
        place = np.empty(len(self), np.int64)  # of each image within its shard
        place[stored] = np.arange(len(self)) - np.repeat(np.cumsum(counts) - counts, counts)
        turn = rng.permutation(len(self.shards))[self.shard] // _AT_ONCE
        progress = (place + rng.uniform(0, _SPREAD, len(self))) / counts[self.shard]
        return np.lexsort((progress, turn))


def has_shards(root: Path) -> bool:
    """Return whether a folder holds tar files, itself or in its folder train/."""
    return any(any(folder.glob("*.tar")) for folder in (root, root / "train"))


def list_shards(root: Path, seed: int) -> FolderFiles:
    """List the images of all shards of a folder; `seed` decides which are held out for validation.

    Raises `InputError` where shards, samples or classes are missing or unclear, `FileError` where a
    shard cannot be read or ends early, `MissingRuntimeError` without the package webdataset.
    """
    check_extra("webdataset", "WebDataset shards need")
    names = _class_names(root)
    shards = [_shards_of(root, part) for part in ("train", "val")]
    train, test = (_list_part(root, each, names) for each in shards)
    if names is None:
        count = 1 + max(int(part.labels.max()) for part in (train, test))
        names = tuple(map(str, range(count)))
    train, test = (replace(part, classes=names) for part in (train, test))
    for part in (train, test):
        missing = np.flatnonzero(np.bincount(part.labels, minlength=len(names)) == 0)
        if part is train and len(missing):
            raise InputError(
                f"no image in the training shards of {printable(root)} is of class {missing[0]} "
                f"({names[missing[0]]}); add some, or number the classes from 0 without gaps"
            )
    return hold_out(shuffled(train, seed), shuffled(test, seed), seed)


def _list_part(root: Path, shards: tuple[Path, ...], names: tuple[str, ...] | None) -> ShardFiles:
    samples: list[Sample] = []
    for group in in_order(read_shard, ([shard] for shard in shards), workers=default_workers()):
        samples += group[0]
    labels = np.array([sample.label for sample in samples], np.int64)
    if names is not None and labels.max() >= len(names):
        raise InputError(
            f"{samples[int(labels.argmax())].name} in {printable(root)} is of class "
            f"{labels.max()}, but {CLASSES} names {len(names)} classes; name all"
        )
    number = {shard.name: index for index, shard in enumerate(shards)}
    return ShardFiles(
        root=shards[0].parent,
        classes=names or (),
        names=tuple(sample.name for sample in samples),
        labels=labels,
        shards=shards,
        shard=np.array([number[sample.name.split("/")[0]] for sample in samples], np.int64),
        offset=np.array([sample.offset for sample in samples], np.int64),
        size=np.array([sample.size for sample in samples], np.int64),
    )


def _shards_of(root: Path, part: str) -> tuple[Path, ...]:
    """Return the tar files of a part, sorted: those of its folder, or those named after it."""
    own = sorted((root / part).glob("*.tar"))
    pattern = re.compile(rf"(?<![a-z]){part}(?![a-z])")
    shards = own or [path for path in sorted(root.glob("*.tar")) if pattern.search(path.stem)]
    if not shards:
        raise InputError(f"{printable(root)} has no {part} shards; expected {LAYOUT}")
    return tuple(shards)


def _class_names(root: Path) -> tuple[str, ...] | None:
    try:
        lines = (root / CLASSES).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"cannot read {printable(root / CLASSES)}: {error}") from error
    if not lines or not all(line.strip() for line in lines):
        raise InputError(f"{printable(root / CLASSES)} has an empty line; expected a name in each")
    return tuple(line.strip() for line in lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """An image in a shard: its name there, its class, and its place in bytes."""

    name: str
    label: int
    offset: int
    size: int


def read_shard(path: Path) -> list[Sample]:
    """Read the places and labels of the samples of a shard.

    Raises `FileError` for a tar file that is damaged or ends early, `InputError` for samples that
    are no images with a class.
    """
    from webdataset.tariterators import group_by_keys

    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            members = [member for member in tar if member.isreg()]
            end = max((m.offset_data + -(-m.size // _BLOCK) * _BLOCK for m in members), default=0)
            if _bytes_at(file, end, _BLOCK) != bytes(_BLOCK):
                raise tarfile.ReadError("no end of the archive")
            records = ({"fname": m.name, "data": m, "__url__": str(path)} for m in members)
            samples = [_sample(path, file, grouped) for grouped in group_by_keys(records)]
    except (tarfile.TarError, OverflowError) as error:  # a header may claim exabytes
        raise FileError(
            f"the shard {printable(path)} is not a complete tar file ({first_line(error)}); write "
            "or copy it again"
        ) from error
    except ValueError as error:  # of the grouping, for two members of one name
        raise InputError(f"the shard {printable(path)}: {first_line(error)}") from error
    except OSError as error:
        raise FileError(f"cannot read {printable(path)}: {error.strerror or error}") from error
    if not samples:
        raise InputError(
            f"the shard {printable(path)} has no samples; expected KEY.jpg and KEY.cls"
        )
    return samples


def _sample(path: Path, file: BinaryIO, grouped: dict[str, Any]) -> Sample:
    key = grouped["__key__"]
    where = f"sample {one_line(key)} of {printable(path)}"
    images = [m for suffix, m in grouped.items() if f".{suffix.split('.')[-1]}" in SUFFIXES]
    if len(images) != 1 or "cls" not in grouped:
        members = ", ".join(suffix for suffix in grouped if not suffix.startswith("__"))
        raise InputError(f"{where} has the members {one_line(members)}, expected one image and cls")
    label = grouped["cls"]
    text = _bytes_at(file, label.offset_data, min(label.size, 20))
    if re.fullmatch(rb"\s*\d{1,9}\s*", text) is None:
        raise InputError(f"{where} has the class {text!r}, expected a whole number from 0")
    (image,) = images
    name = f"{path.name}/{one_line(image.name)}"
    return Sample(name=name, label=int(text), offset=image.offset_data, size=image.size)


def _bytes_at(file: BinaryIO, offset: int, size: int) -> bytes:
    return os.pread(file.fileno(), size, offset)
