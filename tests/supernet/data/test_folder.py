"""`supernet.data.folder`: which images a folder has, and in which part each is."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.errors import InputError
from supernet.data.batch_stream import Source
from supernet.data.folder import list_folder
from supernet.data.folder_parts import open_folder
from supernet.data.open_data import get_dataset, open_data
from supernet.data.parts import DataParts
from supernet.space.space import SearchSpace
from tests.support.image_folders import CLASSES, make_folder


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that no test changes."""
    return make_folder(tmp_path_factory.mktemp("images"), train=20, val=4)


@pytest.fixture
def folder(shared: Path, tmp_path: Path) -> Path:
    """A folder that a test may change."""
    shutil.copytree(shared, tmp_path / "images")
    return tmp_path / "images"


def test_parts_and_classes_come_from_the_folders(shared: Path) -> None:
    files = list_folder(shared, seed=0)

    assert files.train.classes == files.test.classes == CLASSES == tuple(sorted(CLASSES))
    assert len(files.train) + len(files.validation) == 60
    assert sorted(files.test.names) == sorted(
        f"{path.parent.name}/{path.name}" for path in (shared / "val").glob("*/*")
    )
    assert set(files.train.names).isdisjoint(files.validation.names)
    for part in (files.train, files.validation, files.test):
        assert [part.classes[label] for label in part.labels] == [
            name.split("/")[0] for name in part.names
        ]
        assert part.path(1).is_file()


def test_commands_get_the_requested_parts(shared: Path) -> None:
    parts: DataParts = get_dataset(str(shared), size=32)
    source: Source = parts.train_source

    assert (parts.channels, parts.classes, parts.name) == (3, 3, str(shared))
    assert (source.channels, source.classes, source.name) == (3, 3, str(shared))
    assert not source.repeats
    assert len(source) + len(parts.validation) == 60
    assert len(parts.mean) == len(parts.spread) == 3


def empty_files(root: Path, classes: int, images: int) -> Path:
    """A folder whose images hold nothing: enough for what opens none of them."""
    for part in ("train", "val"):
        for label in range(classes):
            (root / part / f"c{label:03}").mkdir(parents=True)
            for number in range(images if part == "train" else 1):
                (root / part / f"c{label:03}" / f"{number}.jpg").touch()
    return root


def test_a_tenth_is_held_out_and_stays_so_when_images_are_added(tmp_path: Path) -> None:
    root = empty_files(tmp_path, classes=5, images=200)
    before = list_folder(root, seed=0)
    for number in range(200, 300):
        (root / "train" / "c000" / f"{number}.jpg").touch()
    after = list_folder(root, seed=0)

    assert 70 < len(before.validation) < 130
    assert set(before.validation.names) <= set(after.validation.names)
    assert set(before.train.names) <= set(after.train.names)
    assert set(list_folder(root, seed=1).validation.names) != set(after.validation.names)


def test_no_more_are_held_out_than_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = empty_files(tmp_path, classes=5, images=200)
    many = list_folder(root, seed=0).validation.names
    monkeypatch.setattr("supernet.data.folder.MOST_HELD_OUT", 30)

    assert list_folder(root, seed=0).validation.names == many[:30]


def test_no_class_is_held_out_whole(tmp_path: Path) -> None:
    root = empty_files(tmp_path, classes=60, images=1)
    shutil.rmtree(root / "train" / "c000")
    shutil.copytree(empty_files(tmp_path / "more", 1, 200) / "train" / "c000", root / "train/c000")

    files = list_folder(root, seed=0)

    # Of the 59 single images some have low hashes; all of these stay.
    assert set(files.train.labels) == set(range(60))
    assert set(files.validation.labels) == {0}


def test_the_first_images_are_of_all_classes(shared: Path) -> None:
    files = list_folder(shared, seed=0)

    assert set(files.train.labels[:15]) == {0, 1, 2}


def test_other_files_and_hidden_ones_are_no_images(folder: Path) -> None:
    before = list_folder(folder, seed=0)
    (folder / "train" / CLASSES[0] / "notes.txt").write_text("none")
    (folder / "train" / CLASSES[0] / ".hidden.jpg").write_text("none")
    (folder / "train" / ".cache").mkdir()
    (folder / "train" / "list.txt").write_text("none")

    after = list_folder(folder, seed=0)

    assert after.train.names == before.train.names
    assert after.train.classes == before.train.classes


def remove_val(root: Path) -> None:
    shutil.rmtree(root / "val")


def empty_class(root: Path) -> None:
    (root / "train" / "void").mkdir()


def more_classes_in_train(root: Path) -> None:
    shutil.copytree(root / "train" / "zz", root / "train" / "zzz")


def more_classes_in_val(root: Path) -> None:
    shutil.copytree(root / "val" / "zz", root / "val" / "zzz")


def no_classes(root: Path) -> None:
    for name in CLASSES:
        shutil.rmtree(root / "train" / name)


def too_few(root: Path) -> None:
    for path in sorted((root / "train").glob("*/*")):
        if path.name != "1.png":
            path.unlink()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (remove_val, r"has no folder val/; expected ROOT/train/CLASS/"),
        (empty_class, "the class folder .*void has no images"),
        (more_classes_in_train, "zzz is a class that val/ lacks"),
        (more_classes_in_val, "zzz is a class that train/ lacks"),
        (no_classes, "train has no class folders; expected ROOT/train/CLASS/"),
        (too_few, "has 3 images, too few"),
        (shutil.rmtree, "is not a folder"),
    ],
)
def test_another_layout_is_refused_in_one_line(
    change: Callable[[Path], None], message: str, folder: Path
) -> None:
    change(folder)

    with pytest.raises(InputError, match=message) as error:
        open_folder(folder)

    assert "\n" not in str(error.value)


def test_an_unknown_data_set_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()

    with pytest.raises(InputError, match=r"'imagenet', expected one of digits.*--data"):
        get_dataset("imagenet")
    with pytest.raises(InputError, match="here has no folder train/"):
        get_dataset("here")
    with pytest.raises(InputError, match="there is not a folder"):
        get_dataset("there/")
    with pytest.raises(InputError, match="4 input channels"):
        open_folder(tmp_path, channels=4)


def test_data_is_opened_for_a_space(shared: Path) -> None:
    tiny = SearchSpace.load("tiny")  # one channel, ten classes

    assert open_data("digits", tiny).classes == 10
    with pytest.raises(InputError, match=r"1 input channels and 10 classes, the data .* 1 and 3"):
        open_data(str(shared), tiny)
    grey = open_data(str(shared), tiny, labels=False)
    assert grey.channels == 1
    assert grey.validation.subset(2, np.random.default_rng(0)).images.shape == (2, 1, 32, 32)
    with pytest.raises(InputError, match="3 input channels and 1000 classes, the data digits 1"):
        open_data("digits", SearchSpace.load("ofa-mbv3-w1.0"), labels=False)
