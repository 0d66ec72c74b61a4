"""Images of a folder that cannot be read: omitted, counted and named; too many are an error."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench.errors import InputError
from supernet.data.batch_stream import BatchRequest, Broken
from supernet.data.folder import list_folder
from supernet.data.folder_images import FolderImages
from supernet.data.folder_parts import FolderParts, open_folder
from supernet.data.reader import ImageReader
from tests.support.image_folders import CLASSES, make_folder, wanted


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that no test changes."""
    return make_folder(tmp_path_factory.mktemp("images"), train=20, val=4)


@pytest.fixture
def folder(shared: Path, tmp_path: Path) -> Path:
    """A folder that a test may change."""
    shutil.copytree(shared, tmp_path / "images")
    return tmp_path / "images"


def damage(parts: FolderParts, images: list[int], content: bytes = b"text") -> list[Path]:
    paths = [parts.train_source.reader.files.path(image) for image in images]
    for path in paths:
        path.write_bytes(content)
    return paths


def test_a_broken_image_is_left_out_counted_and_named(folder: Path) -> None:
    of = wanted(2)
    parts = open_folder(folder, workers=2)
    whole = list(parts.train_source.stream(of))
    lost = int(of[0].images[2])
    (path,) = damage(parts, [lost])

    batch, other = parts.train_source.stream(of)

    readable = [0, 1, 3, 4, 5]
    assert batch.index.tolist() == of[0].images[readable].tolist()
    assert torch.equal(batch.labels, whole[0].labels[readable])
    assert torch.equal(batch.images, whole[0].images[readable])
    assert torch.equal(other.index, whole[1].index[whole[1].index != lost])
    assert parts.broken() == parts.train_source.broken() == (Broken(path, "it is not an image"),)
    assert str(parts.broken()[0]) == f"{path}: it is not an image"


def test_calibration_skips_broken_images(folder: Path) -> None:
    parts = open_folder(folder, workers=2)
    before = parts.train_source.calibration(6, 16)
    damage(parts, [0, 2])

    after = parts.train_source.calibration(6, 16)

    assert len(after) == 6
    assert torch.equal(after[:4], before[[1, 3, 4, 5]])


def test_evaluation_leaves_broken_images_out(folder: Path) -> None:
    parts = open_folder(folder, size=16, workers=1)
    parts.test.reader.files.path(1).write_bytes(b"")

    first, *_ = parts.test.chunks(4)

    assert first.groups.tolist() == [0, 2, 3]
    assert len(parts.test.subset(12, np.random.default_rng(0))) == 11
    assert [broken.reason for broken in parts.broken()] == ["it is empty"]


def test_a_chunk_without_readable_images_is_omitted(folder: Path) -> None:
    parts = open_folder(folder, size=16, workers=1)
    parts.test.reader.files.path(11).write_bytes(b"")

    assert [len(chunk) for chunk in parts.test.chunks(11)] == [11]
    with pytest.raises(InputError, match=r"none of the 1 images requested of .*val can be read"):
        parts.test._gather(np.array([11]))


def test_a_batch_mostly_broken_is_an_error(folder: Path) -> None:
    parts = open_folder(folder, workers=2)
    damage(parts, list(range(5)))
    want = BatchRequest(images=np.arange(9), resolution=16, seed=(0,))

    with pytest.raises(
        InputError, match=r"5 of 9 images of .*train cannot be read, the first .*: it"
    ):
        list(parts.train_source.stream([want]))


def test_a_batch_wholly_broken_is_an_error(folder: Path) -> None:
    parts = open_folder(folder, workers=2)
    damage(parts, [0, 1])
    want = BatchRequest(images=np.arange(2), resolution=16, seed=(0,))

    with pytest.raises(InputError, match=r"no image of a batch of 2 of .* can be read"):
        list(parts.train_source.stream([want]))


def test_a_class_without_readable_images_is_an_error(folder: Path) -> None:
    parts = open_folder(folder, workers=1)
    labels = parts.train_source.reader.files.labels
    (lost,), (others,) = np.nonzero(labels == 1), np.nonzero(labels != 1)
    damage(parts, lost.tolist())
    of = [
        BatchRequest(images=np.array([image, *others[:3]]), resolution=16, seed=(0,))
        for image in lost
    ]

    stream = parts.train_source.stream(of)
    for _ in of[:-1]:
        next(stream)
    with pytest.raises(
        InputError, match=f"none of the {len(lost)} images requested of .*{CLASSES[1]}"
    ):
        next(stream)


def test_evaluation_may_lose_a_small_class(folder: Path) -> None:
    parts = open_folder(folder, size=16, workers=1)
    for path in (folder / "val" / CLASSES[2]).iterdir():
        path.write_bytes(b"")

    assert sum(len(chunk) for chunk in parts.test.chunks(12)) == 8


def test_pipes_and_folders_named_as_images_are_reported_and_never_opened(folder: Path) -> None:
    place = folder / "train" / CLASSES[0]
    os.mkfifo(place / "pipe.jpg")
    (place / "folder.jpg").mkdir()
    (place / "gone.jpg").symlink_to("nowhere.jpg")

    parts = open_folder(folder)

    assert [broken.path.name for broken in parts.broken()] == ["folder.jpg", "gone.jpg", "pipe.jpg"]
    assert {broken.reason for broken in parts.broken()} == {"it is not a regular file"}
    assert len(parts.train_source) + len(parts.validation) == 60


def test_file_names_that_are_not_utf_8(folder: Path) -> None:
    name = os.fsdecode(b"train/zz/\xff\xfe.jpg")
    (folder / name).write_bytes(b"")

    parts = open_folder(folder, workers=1)
    source = parts.train_source if f"{name[6:]}" in parts.train_source.reader.files.names else None
    assert source is not None

    place = source.reader.files.names.index(name[6:])
    of = BatchRequest(images=np.array([place, *range(3)]), resolution=16, seed=(0,))
    list(source.stream([of]))

    (broken,) = [entry for entry in source.broken() if entry.path.name.endswith(".jpg")]
    assert str(broken).encode().endswith(rb"\udcff\udcfe.jpg: it is empty")


def test_a_reader_skips_the_same_images_for_grey(folder: Path) -> None:
    path = folder / "train" / CLASSES[0] / "0.JPEG"
    Image.new("RGBA", (8, 8), (255, 0, 0, 255)).save(path, "PNG")
    files = list_folder(folder, seed=0).train
    reader = ImageReader(files, channels=1, workers=1)
    place = files.names.index(f"{CLASSES[0]}/0.JPEG")

    data = FolderImages(reader, 8)._gather(np.array([place]))

    assert float((data.images * 57.63 + 114.495).mean()) == pytest.approx(76, abs=0.1)
