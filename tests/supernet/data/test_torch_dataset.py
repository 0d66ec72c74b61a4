"""`supernet.data.torch_dataset`: torch Datasets of the user as the parts of a data set."""

import doctest
import random
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset

from bench.errors import InputError
from supernet.data import torch_dataset, torch_part
from supernet.data.batch_stream import BatchRequest
from supernet.data.dataset import Dataset as Held
from supernet.data.dataset import resize
from supernet.data.open_data import get_dataset, open_data
from supernet.data.parts import DataParts
from supernet.data.tensor_source import TensorSource
from supernet.data.torch_dataset import TorchData, TorchParts, open_torch_data
from supernet.data.torch_images import TorchImages, TorchSource
from supernet.data.torch_item import read_item
from supernet.space.space import SearchSpace
from tests.support.training_child import SPACE

MICRO = SearchSpace.from_toml(SPACE)  # 1 channel, 3 classes, 8 and 12 pixels
RGB = SearchSpace.from_toml(SPACE.replace("in_channels = 1", "in_channels = 3"))


class Pairs(Dataset[Any]):
    """Given items; `change`, where there is one, is made to an image when it is read."""

    def __init__(self, items: Sequence[Any], change: Callable[[Any], Any] | None = None) -> None:
        self.items, self.change = items, change

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, place: int) -> Any:
        item = self.items[place]
        return item if self.change is None else (self.change(item[0]), *item[1:])


def plain(value: float, side: int = 12) -> Tensor:
    """An image of one value: bytes where it is whole."""
    dtype = torch.uint8 if isinstance(value, int) else torch.float32
    return torch.full((1, side, side), value, dtype=dtype)


def ramps(n: int = 40, side: int = 12, seed: int = 0) -> list[tuple[Tensor, int]]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (n, 1, side, side), dtype=torch.uint8, generator=generator)
    return [(images[i], i % 3) for i in range(n)]


TWO = Pairs([(plain(10), 0), (plain(20), 1)])


def opened(train: Any, **options: Any) -> TorchParts:
    return open_torch_data(TorchData(train=train, **options), MICRO)


def whole(train: Any, **options: Any) -> TorchParts:
    """Opened with other parts given, so that nothing of `train` is held out."""
    return opened(train, validation=TWO, test=Pairs(TWO.items), **options)


def test_images_are_normalised_by_the_training_images() -> None:
    parts = whole(Pairs([(plain(0), 2), (plain(100), 1)]))

    # The mean of 0 and 100, and the root of the mean of 50 * 50.
    assert (parts.mean, parts.spread) == ((50.0,), (50.0,))
    (batch,) = parts.train_source.stream(
        [BatchRequest(images=np.array([1, 0]), resolution=8, seed=(0, 1))]
    )
    assert batch.images.shape == (2, 1, 8, 8)
    assert torch.allclose(batch.images, torch.tensor([1.0, -1.0])[:, None, None, None])
    assert batch.labels.tolist() == [1, 2]
    # (10 - 50) / 50 and (20 - 50) / 50
    ((images, labels),) = parts.validation.in_order(10)
    assert images[:, 0, 0, 0].tolist() == pytest.approx([-0.8, -0.6])
    assert labels.tolist() == [0, 1]
    ((images, _),) = parts.test.in_order(10)
    assert images[:, 0, 0, 0].tolist() == pytest.approx([-0.8, -0.6])


def test_a_floats_1_is_a_bytes_255() -> None:
    parts = whole(Pairs([(plain(0.0), 0), (plain(1.0), 1)]))

    assert (parts.mean, parts.spread) == ((127.5,), (127.5,))
    ((images, _),) = parts.validation.in_order(10)  # bytes of 10 and 20
    assert images[:, 0, 0, 0].tolist() == pytest.approx([10 / 127.5 - 1, 20 / 127.5 - 1])


def test_a_channel_of_one_value_is_not_scaled() -> None:
    parts = whole(Pairs([(plain(7), 0), (plain(7), 1)]))

    assert (parts.mean, parts.spread) == ((7.0,), (1.0,))


def test_channels_of_pillow_images_are_normalised_apart() -> None:
    red = Image.new("RGB", (12, 12), (200, 10, 0))
    black = Image.new("RGB", (12, 12), (100, 30, 0))
    pairs = Pairs([(red, 0), (black, 1)])
    data = TorchData(train=pairs, validation=Pairs(pairs.items), test=Pairs(pairs.items))

    parts = open_torch_data(data, RGB)

    assert parts.mean == (150.0, 20.0, 0.0)
    assert parts.spread == (50.0, 10.0, 1.0)
    assert parts.train_source.calibration(1, 12)[0, :, 0, 0].tolist() == [1.0, -1.0, 0.0]


def test_pixels_of_pillow_images_lie_where_they_did() -> None:
    values = np.arange(144, dtype=np.uint8).reshape(12, 12)
    parts = whole(Pairs([(Image.fromarray(values), 0), (Image.fromarray(255 - values), 1)]))

    images = parts.train_source.calibration(1, 12)
    assert torch.allclose(
        images[0, 0] * parts.spread[0] + parts.mean[0], torch.from_numpy(values).float(), atol=1e-3
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_arrays_have_their_channels_last(dtype: Any) -> None:
    pixels = np.arange(12 * 12 * 3).reshape(12, 12, 3) % 251
    array = pixels.astype(dtype) if dtype == np.uint8 else (pixels / 255).astype(dtype)

    image, label = read_item(Pairs([(array, 1)]), 0, None, "the Dataset", 3)

    assert (image.shape, label) == ((3, 12, 12), 1)
    assert image.dtype == (torch.uint8 if dtype == np.uint8 else torch.float32)
    expected = torch.from_numpy(array).float().permute(2, 0, 1)
    torch.testing.assert_close(image.float(), expected)
    grey, _ = read_item(Pairs([(array[:, :, 0], 1)]), 0, None, "the Dataset", 3)
    torch.testing.assert_close(grey, image[:1])


@pytest.mark.parametrize("label", [2, np.int64(2), torch.tensor(2), torch.tensor(2).byte()])
def test_whole_numbers_of_any_kind_are_labels(label: Any) -> None:
    parts = whole(Pairs([(plain(0), label), (plain(9), 0)]))

    assert isinstance(parts.train_source, TensorSource)
    assert parts.train_source.dataset.labels.tolist() == [2, 0]


def test_a_tenth_is_held_out_for_each_part_that_is_not_given() -> None:
    items = [(plain(i), i % 3) for i in range(40)]

    def places(parts: TorchParts) -> list[list[int]]:
        def values(images: Tensor) -> list[int]:
            return sorted((images[:, 0, 0, 0] * parts.spread[0] + parts.mean[0]).round().tolist())

        train = parts.train_source.calibration(100, 12)
        given = [next(iter(part.in_order(100)))[0] for part in (parts.validation, parts.test)]
        return [values(train), *map(values, given)]

    train, validation, test = places(opened(Pairs(items), seed=3))
    assert [len(train), len(validation), len(test)] == [32, 4, 4]
    assert sorted(train + validation + test) == list(range(40))
    assert places(opened(Pairs(items), seed=3)) == [train, validation, test]
    assert places(opened(Pairs(items), seed=4))[1] != validation
    # With a test Dataset only the validation items are held out, and they are the same ones.
    fewer = opened(Pairs(items), seed=3, test=TWO)
    assert places(fewer)[1] == validation
    assert len(fewer.train_source) == 36


def test_items_read_when_drawn_are_those_held_in_memory() -> None:
    pairs = Pairs(ramps())
    held, read = opened(pairs), opened(pairs, in_memory=False)
    requests = [
        BatchRequest(images=np.array([5, 0, 30]), resolution=8, seed=(0, 1)),
        BatchRequest(images=np.array([2]), resolution=12, seed=(0, 2)),
    ]

    assert isinstance(held.train_source, TensorSource)
    assert isinstance(read.train_source, TorchSource)
    assert (held.mean, held.spread) == (read.mean, read.spread)
    assert read.train_source.repeats
    for held_batch, read_batch in zip(
        held.train_source.stream(requests), read.train_source.stream(requests), strict=True
    ):
        assert torch.equal(held_batch.labels, read_batch.labels)
        assert torch.equal(held_batch.index, read_batch.index)
        assert torch.allclose(held_batch.images, read_batch.images, atol=1e-5)
        assert read_batch.images.is_contiguous(memory_format=torch.channels_last)
    for mine, its in ((held.validation, read.validation), (held.test, read.test)):
        assert isinstance(mine, Held)
        assert isinstance(its, TorchImages)
        rng, again = np.random.default_rng(1), np.random.default_rng(1)
        assert_same(mine.subset(3, rng), its.subset(3, again))
        for chunk, same in zip(mine.chunks(3), its.chunks(3), strict=True):
            assert_same(chunk, same)


def assert_same(held: Held, read: Held) -> None:
    assert torch.allclose(held.images, read.images, atol=1e-5)
    assert torch.equal(held.labels, read.labels)
    assert torch.equal(held.groups, read.groups)


def test_images_that_take_too_much_memory_are_read_when_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    size = 32 * 12 * 12 * 4  # bytes of the 32 training images as float32
    monkeypatch.setattr(torch_part, "HELD_BYTES", size)
    assert isinstance(opened(Pairs(ramps())).train_source, TensorSource)
    monkeypatch.setattr(torch_part, "HELD_BYTES", size - 1)
    parts = opened(Pairs(ramps()))
    assert isinstance(parts.train_source, TorchSource)
    assert isinstance(parts.validation, Held)
    assert isinstance(opened(Pairs(ramps()), in_memory=True).train_source, TensorSource)


def test_of_images_that_are_not_held_some_say_how_to_normalise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch_part, "SAMPLED", 2)
    values = [10, 20, 40, 80]

    parts = whole(Pairs([(plain(value), 0) for value in values]), in_memory=False)

    pairs = [(a, b) for a in values for b in values if a < b]
    expected = [((a + b) / 2, (b - a) / 2) for a, b in pairs]
    assert (round(parts.mean[0], 6), round(parts.spread[0], 6)) in expected


def test_the_example_runs() -> None:
    result = doctest.testmod(torch_dataset)

    assert result.attempted > 5
    assert result.failed == 0


def test_images_larger_than_the_space_takes_are_judged_at_its_largest_resolution() -> None:
    pairs = Pairs(ramps(side=16))
    read, held = opened(pairs, in_memory=False), opened(pairs)

    ((images, _),) = read.validation.in_order(10)
    ((larger, _),) = held.validation.in_order(10)

    assert (images.shape[-1], larger.shape[-1]) == (12, 16)
    assert torch.allclose(images, resize(larger, 12), atol=1e-5)


def test_workers_read_the_same() -> None:
    pairs = Pairs(ramps(), noisy)
    requests = [
        BatchRequest(images=np.array([5, 0, 30]), resolution=8, seed=(0, n)) for n in range(3)
    ]

    alone, shared = (opened(pairs, workers=n) for n in (0, 2))

    assert alone.name == shared.name
    for batch, shared_batch in zip(
        alone.train_source.stream(requests), shared.train_source.stream(requests), strict=True
    ):
        assert torch.equal(batch.images, shared_batch.images)


def noisy(image: Tensor) -> Tensor:
    """An augmentation that draws from all three generators."""
    drawn = random.random() + np.random.random() + torch.rand(()).item()
    return (image + int(80 * drawn)).clamp(0, 255).byte()


def states() -> tuple[Any, ...]:
    """Where Python's, NumPy's and torch's generators are."""
    numpys: Any = np.random.get_state()
    return random.getstate(), numpys[1].tolist(), torch.get_rng_state().tolist()


def test_items_that_vary_are_read_each_time_and_follow_the_batchs_seed() -> None:
    parts = opened(Pairs(ramps(), noisy))
    source = parts.train_source

    def drawn(*seed: int) -> Tensor:
        chosen = np.array([3, 4])
        (batch,) = source.stream([BatchRequest(images=chosen, resolution=12, seed=seed)])
        return batch.images

    assert isinstance(source, TorchSource)
    assert not source.repeats
    before = states()
    first = drawn(0, 1)
    assert torch.equal(first, drawn(0, 1))
    assert not torch.equal(first, drawn(0, 2))
    assert states() == before
    # Evaluation sees the same image each time, and so does the digest.
    image, again = (next(iter(parts.validation.in_order(9)))[0] for _ in range(2))
    assert torch.equal(image, again)
    assert parts.name == opened(Pairs(ramps(), noisy)).name


def test_items_that_no_seed_repeats_are_named_by_their_labels() -> None:
    count = iter(range(10**6))

    def counted(image: Tensor) -> Tensor:
        return torch.full_like(image, next(count) % 200)

    parts = [opened(Pairs(ramps(), counted)) for _ in range(2)]

    assert parts[0].name == parts[1].name
    assert not parts[0].train_source.repeats


def test_the_name_is_of_the_items() -> None:
    names = {
        "same": opened(Pairs(ramps()), name="mine").name,
        "images": opened(Pairs(ramps(seed=1)), name="mine").name,
        "labels": opened(Pairs([(image, 0) for image, _ in ramps()]), name="mine").name,
        "split": opened(Pairs(ramps()), name="mine", seed=1).name,
        "validation": opened(Pairs(ramps()), name="mine", validation=TWO).name,
        "name": opened(Pairs(ramps()), name="other").name,
    }

    assert opened(Pairs(ramps()), name="mine").name == names["same"]
    assert len(set(names.values())) == len(names)
    assert re.fullmatch("torch:mine:[0-9a-f]{16}", names["same"])


def test_commands_accept_parts_datasets_and_names() -> None:
    pairs = Pairs(ramps())
    parts: DataParts = open_data(pairs, MICRO)

    assert parts.name == opened(pairs).name
    assert open_data(parts, MICRO) is parts
    mapping = open_data({"train": pairs, "validation": TWO}, MICRO)
    assert mapping.name == opened(pairs, validation=TWO).name
    with pytest.raises(InputError, match="has the parts train, val, expected train and, where"):
        open_data({"train": pairs, "val": TWO}, MICRO)
    with pytest.raises(InputError, match="has the parts none, expected train"):
        open_data({}, MICRO)
    assert open_data(TorchData(train=pairs, name="x"), MICRO).name.startswith("torch:x:")
    assert open_data("digits", SearchSpace.load("tiny")).name == "digits"
    with pytest.raises(InputError, match=r"10 classes, the data torch:dataset:.* 1 and 3"):
        open_data(parts, SearchSpace.load("tiny"))
    with pytest.raises(InputError, match=r"torch:x:12 is a torch Dataset, which no name opens"):
        get_dataset("torch:x:12")
    with pytest.raises(InputError, match="the data is a list, expected the name of a data set"):
        open_data([1], MICRO)  # type: ignore[arg-type]


def test_class_names_go_with_the_data() -> None:
    names = ["cat", "dog", "eel"]
    parts = opened(Pairs(ramps()), class_names=names)

    assert parts.class_names == parts.train_source.class_names == ("cat", "dog", "eel")
    with pytest.raises(InputError, match="2 class names were given, the space micro has 3"):
        opened(Pairs(ramps()), class_names=names[:2])
    with pytest.raises(InputError, match="the network's classes are ox, dog, eel"):
        open_data(parts, MICRO, class_names=("ox", "dog", "eel"))


class Endless(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        return iter(ramps())


class NoLength(Dataset[Any]):
    def __getitem__(self, place: int) -> Any:
        return ramps()[place]


class TooLong(Pairs):
    def __len__(self) -> int:
        return 50


def one_bad(image: Any, label: Any = 0) -> Pairs:
    return Pairs([*ramps(), (image, label)])


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (Endless(), "the training Dataset is a Endless, expected a torch Dataset with __len__"),
        (7, "the training Dataset is a int, expected a torch Dataset with __len__"),
        (NoLength(), "expected a torch Dataset with __len__"),
        (Pairs([]), "the training Dataset is empty"),
        (Pairs([plain(0)] * 9), r"item 0 of .* is a Tensor, expected a pair \(image, label\)"),
        (Pairs(ramps(4)), "has 4 items, too few to hold 2 out for each of validation and test"),
        (Pairs([(torch.zeros(3, 12, 12), 0)]), "item 0 .* has 3 channels, the space takes 1"),
        (Pairs([(torch.zeros(12, 12), 0)]), r"image of shape \(12, 12\), expected \(c, h, w\)"),
        (Pairs([(torch.zeros(1, 12, 8), 0)]), "has 12 x 8 pixels, expected a square"),
        (Pairs([(torch.zeros(1, 8, 8).long(), 0)]), "of torch.int64, expected uint8 or float32"),
        (Pairs([([[1, 2]], 0)]), "has a list for its image, expected a tensor"),
        (Pairs([(np.zeros((1, 8, 8)), 0)]), "has 1 x 8 pixels, expected a square"),
        (Pairs([(np.zeros(8), 0)]), r"array of float64 and shape \(8,\), expected \(h, w, c\)"),
        (Pairs([(np.zeros((8, 8), bool), 0)]), "array of bool and shape"),
        (Pairs([(np.zeros((8, 8), np.int16), 0)]), "of torch.int16, expected uint8 or float32"),
        (Pairs([(Image.new("CMYK", (8, 8)), 0)]), "Pillow image of mode CMYK, expected L or RGB"),
        (one_bad(plain(0), 3), "item 40 of .* has the label 3, expected 0 to 2"),
        (one_bad(plain(0), -1), "item 40 of .* has the label -1, expected 0 to 2"),
        (one_bad(plain(0), 1.0), "item 40 of .* has the label 1.0, expected a whole number"),
        (one_bad(plain(0), True), "item 40 of .* has the label True, expected a whole number"),
        (one_bad(plain(0), torch.tensor([1, 2])), "expected a whole number"),
        (one_bad(plain(0, 8)), "40 of .* is uint8 of 1 x 8 x 8, the first is uint8 of 1 x 12"),
        (one_bad(plain(0.5)), "40 of .* is float32 of 1 x 12 x 12, the first is uint8 of 1 x"),
        (Pairs([(plain(0.5), 0)] * 9 + [(plain(float("nan")), 0)]), "item 9 .* are NaN or infin"),
        (TooLong(ramps()), "item 4. of .* does not exist .* although its length is 50"),
    ],
)
def test_unusable_data_is_refused_in_one_line(dataset: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        opened(dataset)

    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("workers", [0, 1])
def test_an_unusable_item_in_training_is_refused_in_one_line(workers: int) -> None:
    items = ramps(3000)
    items[1500] = (plain(0), 9)
    parts = whole(Pairs(items), in_memory=False, workers=workers)

    with pytest.raises(InputError, match=r"^item 1500 of the training Dataset has the label 9,"):
        list(
            parts.train_source.stream(
                [BatchRequest(images=np.array([1, 1500]), resolution=8, seed=(0,))]
            )
        )


def test_other_parts_are_checked_too() -> None:
    pairs = Pairs(ramps())

    with pytest.raises(InputError, match="item 1 of the validation Dataset has the label 5"):
        opened(pairs, validation=Pairs([(plain(0), 0), (plain(1), 5)]))
    with pytest.raises(InputError, match="item 0 of the test Dataset has the label 5"):
        opened(pairs, test=Pairs([(plain(0), 5), (plain(1), 5)]))
    with pytest.raises(InputError, match="the test Dataset has 1 item, expected 2 or more"):
        opened(pairs, test=Pairs([(plain(0), 1)]))
    with pytest.raises(InputError, match="the validation Dataset is the training Dataset"):
        opened(pairs, validation=pairs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "seed is -1, expected a whole number from 0"),
        ({"workers": 1.5}, "workers is 1.5, expected a whole number from 0"),
        ({"name": ""}, "the data's name is '', expected a text of one line"),
        ({"name": "a\nb"}, r"the data's name is 'a\\nb', expected a text of one line"),
        ({"class_names": "cat"}, "class_names is 'cat', expected a sequence of texts"),
        ({"class_names": [1, 2, 3]}, r"class_names is \[1, 2, 3\], expected a sequence of texts"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        TorchData(train=TWO, **options)
