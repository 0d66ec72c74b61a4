"""Folders of images as batches for training, and as data sets for evaluation."""

import threading
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from supernet.data.augment import Augmentation
from supernet.data.batch_stream import Batch, BatchRequest
from supernet.data.dataset import resize
from supernet.data.decode import DecodeRequest, centre_view, decode
from supernet.data.folder_images import FolderImages
from supernet.data.folder_parts import open_folder
from supernet.data.folder_source import FolderSource
from tests.support.image_folders import make_folder, wanted


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that no test changes."""
    return make_folder(tmp_path_factory.mktemp("images"), train=20, val=4)


def read(root: Path, of: list[BatchRequest], workers: int = 1) -> list[Batch]:
    return list(open_folder(root, workers=workers).train_source.stream(of))


def same(a: list[Batch], b: list[Batch]) -> bool:
    return len(a) == len(b) and all(
        torch.equal(x.images, y.images)
        and torch.equal(x.labels, y.labels)
        and torch.equal(x.index, y.index)
        for x, y in zip(a, b, strict=True)
    )


def test_a_batch_holds_the_images_wanted_augmented_and_normalised(shared: Path) -> None:
    parts = open_folder(shared, workers=1)
    (want,) = wanted(1)

    (batch,) = parts.train_source.stream([want])

    augmentation, files = Augmentation(), parts.train_source.reader.files
    assert batch.index.tolist() == want.images.tolist()
    assert batch.labels.tolist() == files.labels[want.images].tolist()
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    for place, image in enumerate(want.images):
        view = augmentation.view(32, 32, seed=want.seed, index=place)
        request = DecodeRequest(
            path=files.path(int(image)),
            channels=3,
            resolution=16,
            choose=lambda *_, view=view: view,
            gap=1,
        )
        square = torch.from_numpy(decode(request).copy()).permute(2, 0, 1)[None] / 255
        rows = square.expand(place + 1, 3, 16, 16)
        jittered = augmentation.jitter(rows, seed=want.seed, indices=torch.arange(place + 1))[place]
        bytes_ = 255 * jittered
        expected = (bytes_ - torch.tensor(parts.mean)[:, None, None]) / torch.tensor(parts.spread)[
            :, None, None
        ]
        assert torch.allclose(batch.images[place], expected, atol=1e-4)


@pytest.mark.parametrize("workers", [2, 5])
def test_any_number_of_workers_gives_the_same_batches(shared: Path, workers: int) -> None:
    assert same(read(shared, wanted(), workers=workers), read(shared, wanted()))


def test_a_stream_begun_later_gives_the_same_batches(shared: Path) -> None:
    whole = read(shared, wanted(5))

    assert same(read(shared, wanted(5)[3:]), whole[3:])
    assert not torch.equal(whole[0].images, whole[2].images)


def test_an_image_is_augmented_differently_each_time(shared: Path) -> None:
    (first, second) = read(
        shared,
        [BatchRequest(images=np.arange(4), resolution=16, seed=(0, epoch)) for epoch in range(2)],
    )

    assert not torch.equal(first.images, second.images)


def test_no_global_generator_is_touched(shared: Path) -> None:
    torch_state, numpy_state = torch.get_rng_state(), str(np.random.get_state(legacy=True))

    read(shared, wanted(), workers=2)

    assert torch.equal(torch.get_rng_state(), torch_state)
    assert str(np.random.get_state(legacy=True)) == numpy_state


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("images")]


def test_a_closed_stream_leaves_no_threads(shared: Path) -> None:
    stream = open_folder(shared, workers=2).train_source.stream(wanted(20))
    assert isinstance(stream, Generator)
    next(stream)
    assert threads()

    stream.close()

    assert not threads()


def test_grey_images_for_one_channel(shared: Path) -> None:
    parts = open_folder(shared, channels=1, workers=1)

    (batch,) = parts.train_source.stream(wanted(1))

    assert batch.images.shape == (6, 1, 16, 16)
    assert len(parts.mean) == 1


def test_calibration_images_are_the_first_as_evaluation_sees_them(shared: Path) -> None:
    source = open_folder(shared, workers=2).train_source

    images = source.calibration(3, 24)

    assert images.shape == (3, 3, 24, 24)
    assert torch.equal(images, source.calibration(1000, 24)[:3])
    assert len(source.calibration(1000, 24)) == len(source)
    assert torch.allclose(images[1], middle(source, 1, 24), atol=1e-5)


def middle(source: FolderSource, image: int, size: int) -> torch.Tensor:
    """The middle square of an image, normalised by hand."""
    path = source.reader.files.path(image)
    square = decode(
        DecodeRequest(path=path, channels=3, resolution=size, choose=centre_view, gap=2)
    )
    floats = torch.from_numpy(square.copy()).permute(2, 0, 1) / 255
    mean, spread = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return (floats - mean[:, None, None]) / spread[:, None, None]


def test_evaluation_reads_only_the_drawn_images(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    validation = open_folder(shared, size=32, workers=1).validation
    names: list[str] = []

    def black(request: DecodeRequest) -> NDArray[np.uint8]:
        names.append(request.path.name)
        return np.zeros((32, 32, 3), np.uint8)

    monkeypatch.setattr("supernet.data.reader.try_decode", black)

    drawn = validation.subset(2, np.random.default_rng(0))

    assert len(names) == len(drawn) == 2
    assert drawn.images.shape == (2, 3, 32, 32)
    assert drawn.groups.tolist() == sorted(set(drawn.groups.tolist()))


def test_a_part_comes_whole_in_pieces(shared: Path) -> None:
    test = open_folder(shared, size=24, workers=2).test

    chunks, pairs = list(test.chunks(5)), list(test.in_order(5))

    assert [len(chunk) for chunk in chunks] == [5, 5, 2]
    assert torch.cat([chunk.groups for chunk in chunks]).tolist() == list(range(12))
    labels = test.reader.files.labels.tolist()
    assert torch.cat([chunk.labels for chunk in chunks]).tolist() == labels
    assert torch.equal(torch.cat([x for x, _ in pairs]), torch.cat([c.images for c in chunks]))
    assert torch.equal(test.first(7).images[:5], chunks[0].images)


def test_smaller_resolutions_are_near_those_decoded_so(shared: Path) -> None:
    large, small = (
        FolderImages(open_folder(shared).test.reader, size).first(4) for size in (28, 14)
    )

    difference = resize(large.images, 14) - small.images

    assert float(difference.abs().mean()) < 0.1  # of a spread of 1
