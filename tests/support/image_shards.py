"""WebDataset shards of the images of a folder, written by the package webdataset."""

from collections.abc import Sequence
from pathlib import Path

from webdataset.writer import TarWriter

from tests.support.image_folders import CLASSES

Sample = dict[str, object]


def samples_of(folder: Path, part: str) -> list[Sample]:
    """The images of a part in turns of classes, as samples with the keys 00000, 00001, ..."""
    paths = sorted((folder / part).glob("*/*"), key=lambda path: (path.stem, path.parent.name))
    return [
        {
            "__key__": f"{number:05d}",
            path.suffix.lstrip(".").lower(): path.read_bytes(),
            "cls": str(CLASSES.index(path.parent.name)).encode(),
        }
        for number, path in enumerate(paths)
    ]


def write_shard(path: Path, samples: Sequence[Sample]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with TarWriter(str(path), encoder=False) as writer:
        for sample in samples:
            writer.write(sample)
    return path


def make_shards(root: Path, folder: Path, *, shards: int = 3) -> Path:
    """Write train-0.tar, ... and val-0.tar with the images of a folder; return `root`."""
    for part, count in (("train", shards), ("val", 1)):
        samples = samples_of(folder, part)
        size = -(-len(samples) // count)
        for number in range(count):
            chosen = samples[number * size : (number + 1) * size]
            write_shard(root / f"{part}-{number}.tar", chosen)
    return root
