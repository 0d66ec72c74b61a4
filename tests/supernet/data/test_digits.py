import numpy as np
import numpy.typing as npt
import pytest
import torch
from sklearn.datasets import load_digits

from bench.errors import InputError
from supernet.data.dataset import Dataset, resize, score
from supernet.data.digits import BASE_ROWS, Splits, compose, load_digits_parts
from supernet.data.open_data import get_dataset


@pytest.fixture(scope="module")
def small() -> Splits:
    return load_digits_parts(train=2500, validation=400, test=600, seed=3)


def test_no_base_digit_is_in_two_parts(small: Splits) -> None:
    parts = [set(p.groups.tolist()) for p in (small.train, small.validation, small.test)]
    assert parts[0] | parts[1] | parts[2] == set(range(1797))
    assert sum(map(len, parts)) == 1797


def test_clutter_comes_from_the_part_too(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[int] = []

    def place(
        digits: torch.Tensor, chosen: npt.NDArray[np.int64], *rest: object
    ) -> npt.NDArray[np.float32]:
        used.extend(chosen.tolist())
        return np.zeros((len(chosen), 32, 32), np.float32)

    monkeypatch.setattr("supernet.data.digits._place", place)
    for part, rows in BASE_ROWS.items():
        used.clear()
        compose(part, 500, 0)
        assert len(used) == 500 * 6  # the target, three distractors and two fragments
        assert set(used) <= set(rows)


def test_parts_are_contiguous_and_in_order() -> None:
    edges = [(rows.start, rows.stop) for rows in BASE_ROWS.values()]
    assert edges == [(0, 1097), (1097, 1397), (1397, 1797)]


def test_shapes_and_balance(small: Splits) -> None:
    assert small.train.images.shape == (2500, 1, 32, 32)
    assert small.train.images.dtype == np.uint8
    assert small.train.labels.dtype == np.int64
    drawn = np.bincount(small.test.groups - 1397)
    assert set(drawn) == {1, 2}  # 600 images of 400 digits
    assert np.bincount(small.train.labels, minlength=10).min() > 200


def test_labels_are_those_of_the_base_digits(small: Splits) -> None:
    targets = load_digits().target
    assert np.array_equal(small.test.labels, targets[small.test.groups])


def test_equal_seeds_give_equal_images(small: Splits) -> None:
    again = load_digits_parts(train=2500, validation=400, test=600, seed=3)
    assert np.array_equal(again.train.images, small.train.images)
    other = load_digits_parts(train=2500, validation=400, test=600, seed=4)
    assert not np.array_equal(other.validation.images, small.validation.images)


def test_test_part_is_drawn_only_when_read() -> None:
    splits = load_digits_parts(train=8, validation=8, test=8)
    assert splits.train is splits.train
    assert "test" not in vars(splits)


@pytest.mark.parametrize("bad", [{"train": 0}, {"test": -1}, {"seed": -1}])
def test_bad_sizes_and_seeds(bad: dict[str, int]) -> None:
    with pytest.raises(InputError):
        load_digits_parts(**bad)


def _tiny_dataset(n: int = 10) -> Dataset:
    images = torch.arange(n, dtype=torch.float32).reshape(n, 1, 1, 1).expand(n, 1, 4, 4)
    return Dataset(images=images, labels=torch.arange(n), groups=torch.arange(n) // 2, classes=10)


def test_every_image_comes_once_in_order_the_last_ones_in_a_smaller_piece() -> None:
    data = _tiny_dataset()
    pairs, chunks = list(data.in_order(4)), list(data.chunks(4))
    assert [labels.tolist() for _, labels in pairs] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert all(torch.equal(images[:, 0, 0, 0].long(), labels) for images, labels in pairs)
    assert [chunk.labels.tolist() for chunk in chunks] == [labels.tolist() for _, labels in pairs]
    assert chunks[1].groups.tolist() == [2, 2, 3, 3]


def test_subset_keeps_rows_together() -> None:
    part = _tiny_dataset().subset(4, np.random.default_rng(0))
    assert len(part) == 4
    assert torch.equal(part.images[:, 0, 0, 0].long(), part.labels)
    assert torch.equal(part.labels // 2, part.groups)


def test_a_dataset_of_unlike_lengths_is_refused() -> None:
    with pytest.raises(InputError, match="expected"):
        Dataset(
            images=torch.zeros(3, 1, 4, 4),
            labels=torch.zeros(2),
            groups=torch.zeros(3),
            classes=10,
        )


def test_resize_keeps_a_flat_image_flat() -> None:
    flat = torch.full((2, 1, 32, 32), 0.7)
    assert resize(flat, 32) is flat
    assert torch.allclose(resize(flat, 24), torch.full((2, 1, 24, 24), 0.7))


def test_score_by_hand() -> None:
    # Two groups of two: right in the whole first, in half of the second.
    result = score([1, 1, 1, 0], [7, 7, 9, 9])
    # Residual totals are +0.5 and -0.5: sqrt(2 / 1 * 0.5) / 4.
    assert result.accuracy == 0.75
    assert result.error == pytest.approx(0.25)
    assert (result.images, result.groups) == (4, 2)


def test_score_agrees_with_a_bootstrap_over_groups() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 80, 2000)
    right = rng.random(2000) < rng.beta(4, 1, 80)[groups]
    means, sizes = np.bincount(groups, right, 80), np.bincount(groups, minlength=80)
    drawn = rng.integers(0, 80, (4000, 80))
    bootstrap = np.std(means[drawn].sum(1) / sizes[drawn].sum(1))
    assert score(right, groups).error == pytest.approx(bootstrap, rel=0.05)


def test_score_needs_two_groups() -> None:
    with pytest.raises(InputError, match="groups"):
        score([1, 0], [4, 4])


def test_get_dataset_normalises(monkeypatch: pytest.MonkeyPatch, small: Splits) -> None:
    monkeypatch.setattr("supernet.data.digits_parts.load_digits_parts", lambda **_: small)
    data = get_dataset("digits", seed=3)
    assert (data.channels, data.size, data.classes) == (1, 32, 10)
    assert abs(float(data.train.images.mean())) < 0.1
    assert float(data.train.images.std()) == pytest.approx(1, abs=0.1)
    assert data.train.images.is_contiguous(memory_format=torch.channels_last)


def test_unknown_dataset() -> None:
    with pytest.raises(InputError, match="digits"):
        get_dataset("cifar")
