"""WebDataset shards: the same images as in a folder, in an order that suits network disks."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("webdataset", reason="the extra webdataset is not installed")

from bench.errors import FileError, InputError
from supernet.data.batch_stream import BatchRequest
from supernet.data.folder_parts import open_folder
from supernet.data.open_data import open_data
from supernet.data.shards import ShardFiles, has_shards, list_shards
from supernet.space.space import SearchSpace
from tests.support.image_folders import CLASSES, make_folder
from tests.support.image_shards import Sample, make_shards, samples_of, write_shard


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("images"), train=20, val=4)


@pytest.fixture
def root(folder: Path, tmp_path: Path) -> Path:
    """Shards that a test may change: 20 training images in each of three."""
    return make_shards(tmp_path / "shards", folder)


def test_images_labels_and_names_are_those_of_the_samples(folder: Path, root: Path) -> None:
    files = list_shards(root, seed=0)

    assert len(files.train) + len(files.validation) == 60
    assert len(files.test) == 12
    originals = {str(sample["__key__"]): sample for sample in samples_of(folder, "train")}
    for part in (files.train, files.validation):
        for index, name in enumerate(part.names):
            shard, member = name.split("/")
            sample = originals[member.split(".")[0]]
            assert shard.startswith("train-")
            open_image = part.opener(index)
            assert open_image is not None
            assert open_image().read() == sample[member.split(".")[1]]
            assert str(part.labels[index]).encode() == sample["cls"]
    assert set(files.train.names).isdisjoint(files.validation.names)


def test_batches_are_those_of_a_folder_with_the_same_images(folder: Path, root: Path) -> None:
    (root / "classes.txt").write_text("".join(f"{name}\n" for name in CLASSES))
    sharded, plain = open_folder(root, size=32), open_folder(folder, size=32)

    assert sharded.class_names == plain.class_names == CLASSES
    assert (sharded.channels, sharded.classes, sharded.name) == (3, 3, str(root))
    assert not sharded.train_source.repeats
    by_label = [
        sorted(part.test.first(12).images[part.test.first(12).labels == 1].sum((1, 2, 3)).tolist())
        for part in (sharded, plain)
    ]
    assert by_label[0] == pytest.approx(by_label[1])
    requests = [
        BatchRequest(images=np.arange(8) + 8 * k, resolution=16, seed=(1, k)) for k in range(3)
    ]
    whole = list(sharded.train_source.stream(requests))
    (last,) = sharded.train_source.stream(requests[2:])
    assert torch.equal(whole[2].images, last.images)


def test_without_names_classes_are_their_numbers(root: Path) -> None:
    assert open_folder(root).class_names == ("0", "1", "2")


def test_parts_may_be_folders(folder: Path, tmp_path: Path) -> None:
    write_shard(tmp_path / "train" / "a.tar", samples_of(folder, "train"))
    write_shard(tmp_path / "val" / "b.tar", samples_of(folder, "val"))

    assert has_shards(tmp_path)
    assert len(list_shards(tmp_path, seed=0).test) == 12
    assert not has_shards(folder)


def many(counts: list[int]) -> ShardFiles:
    """Images in shards of these sizes, listed in a random order."""
    shard = np.repeat(np.arange(len(counts)), counts)
    offset = np.concatenate([np.arange(count) * 1024 + 512 for count in counts])
    n = len(shard)
    files = ShardFiles(
        root=Path(),
        classes=("a",),
        names=tuple(map(str, range(n))),
        labels=np.zeros(n, np.int64),
        shards=tuple(Path(str(number)) for number in range(len(counts))),
        shard=shard,
        offset=offset,
        size=np.full(n, 100),
    )
    return files.take(np.random.default_rng(0).permutation(n))


def test_an_epoch_reads_sixteen_shards_at_once_from_start_to_end() -> None:
    files = many([2000] * 40)

    order = files.epoch_order(np.random.default_rng(1))

    assert np.array_equal(np.sort(order), np.arange(80_000))
    shards, places = files.shard[order], (files.offset[order] - 512) // 1024
    windows = [shards[:32_000], shards[32_000:64_000], shards[64_000:]]
    assert [len(np.unique(window)) for window in windows] == [16, 16, 8]
    for number in range(40):
        read = places[shards == number]
        assert np.abs(read - np.arange(2000)).max() <= 256
        assert not np.array_equal(read, np.arange(2000))
    # All shards of a window take part from the start.
    assert len(np.unique(shards[:400])) == 16
    assert np.array_equal(order, files.epoch_order(np.random.default_rng(1)))
    assert not np.array_equal(order, files.epoch_order(np.random.default_rng(2)))


def test_shards_of_different_sizes_end_together() -> None:
    files = many([100, 3000, 1])

    order = files.epoch_order(np.random.default_rng(0))

    assert np.array_equal(np.sort(order), np.arange(3101))


def test_a_corrupt_image_is_skipped_and_named(folder: Path, root: Path) -> None:
    samples = samples_of(folder, "train")[:20]
    broken = {**samples[3]}
    broken[next(key for key in broken if key in {"jpeg", "png"})] = b"no image"
    write_shard(root / "train-0.tar", [*samples[:3], broken, *samples[4:]])
    parts = open_folder(root, size=16)
    count = len(parts.train_source) + len(parts.validation)

    requests = [BatchRequest(images=np.arange(len(parts.train_source)), resolution=16, seed=(0, 0))]
    (batch,) = parts.train_source.stream(requests)
    read = len(batch.labels) + sum(len(labels) for _, labels in parts.validation.in_order(100))

    assert (count, read) == (60, 59)
    (skipped,) = parts.broken()
    assert skipped.path.parent == root / "train-0.tar"
    assert (skipped.path.stem, skipped.reason) == ("00003", "it is not an image")


def cut(path: Path, size: Callable[[int], int]) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: size(len(content))])


def relabelled(samples: list[Sample], label: bytes) -> list[Sample]:
    return [{**samples[0], "cls": label}, *samples[1:]]


def test_a_shard_that_ends_early_is_one_line(root: Path) -> None:
    whole = (root / "train-1.tar").read_bytes()
    members = len(whole.rstrip(b"\0"))
    sizes = (0, 1, 700, len(whole) // 2, members - members % 512, members // 1024 * 1024)
    for size in sizes:
        (root / "train-1.tar").write_bytes(whole[:size])
        with pytest.raises(FileError) as raised:
            list_shards(root, seed=0)
        message = str(raised.value)
        assert f"the shard {root / 'train-1.tar'} is not a complete tar file" in message
        assert "\n" not in message


def test_unclear_shards_are_one_line(folder: Path, root: Path) -> None:
    def refused(kind: type[Exception] = InputError) -> str:
        with pytest.raises(kind) as raised:
            list_shards(root, seed=0)
        assert "\n" not in str(raised.value)
        return str(raised.value)

    samples = samples_of(folder, "train")
    (root / "classes.txt").write_text("one\ntwo\n")
    assert "is of class 2, but classes.txt names 2 classes" in refused()
    (root / "classes.txt").write_text("one\n\ntwo\n")
    assert "has an empty line" in refused()
    (root / "classes.txt").unlink()
    write_shard(root / "train-0.tar", relabelled(samples, b"cat"))
    assert "sample 00000 of" in refused()
    assert "has the class b'cat', expected a whole number from 0" in refused()
    write_shard(root / "train-0.tar", relabelled(samples, b"4"))
    assert "is of class 3 (3); add some, or number" in refused()
    write_shard(root / "train-0.tar", [{"__key__": "a", "cls": b"0"}])
    assert "sample a of" in refused()
    assert "has the members cls, expected one image and cls" in refused()
    write_shard(root / "train-0.tar", [])
    assert "has no samples" in refused()
    shutil.move(root / "val-0.tar", root / "other-0.tar")
    assert "has no val shards; expected train-*.tar and val-*.tar" in refused()


def test_classes_other_than_the_head_are_refused(root: Path) -> None:
    space = SearchSpace.load("ofa-mbv3-w1.0")

    with pytest.raises(InputError, match=r"3 input channels and 1000 classes, the data .* 3 and 3"):
        open_data(root, space)


def test_more_shards_than_are_kept_open_are_read(folder: Path, tmp_path: Path) -> None:
    samples = samples_of(folder, "train")
    repeated = [{**samples[n % 60], "__key__": f"{n:05d}"} for n in range(70)]
    for number, sample in enumerate(repeated):
        write_shard(tmp_path / f"train-{number:03d}.tar", [sample])
    write_shard(tmp_path / "val-0.tar", samples_of(folder, "val"))
    files = list_shards(tmp_path, seed=0).train
    assert isinstance(files, ShardFiles)

    for _ in range(2):
        for index in range(len(files)):
            assert len(files.opener(index)().read()) == files.size[index]

    assert len(files.opened._files) == min(64, len({*files.shard.tolist()})) > 55
