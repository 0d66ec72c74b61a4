"""`supernet.train.distill`: soft labels by hand, kept where images repeat, else made each time."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from supernet.data.batch_stream import Batch, BatchRequest, Broken
from supernet.train import distill
from supernet.train.distill import Teacher, loss_of, soft_labels

CPU = torch.device("cpu")
LN2 = math.log(2)


class Scores:
    """A source whose images are two numbers each: what the teacher says of two classes.

    Image `i` scores `i * ln 2` for the second class and 0 for the first, whatever the
    resolution: probabilities are 1 / (1 + 2^i) and 2^i / (1 + 2^i).
    """

    name, channels, classes = "scores", 2, 2
    class_names = ("first", "second")

    def __init__(self, images: int, *, repeats: bool) -> None:
        self.repeats = repeats
        self.batches: list[tuple[list[int], int]] = []  # images and resolution of each
        self._images = torch.stack([torch.zeros(images), LN2 * torch.arange(images)], dim=1)

    def __len__(self) -> int:
        return len(self._images)

    def at(self, *places: int) -> Batch:
        index = torch.tensor(places)
        images = self._images[index][:, :, None, None]
        return Batch(images=images, labels=torch.zeros(len(places)).long(), index=index)

    def stream(self, wanted: Sequence[BatchRequest]) -> Iterator[Batch]:
        for request in wanted:
            self.batches.append((request.images.tolist(), request.resolution))
            yield self.at(*request.images.tolist())

    def epoch_order(self, rng: np.random.Generator) -> NDArray[np.int64]:
        return rng.permutation(len(self))

    def calibration(self, n: int, resolution: int) -> Tensor:
        del resolution
        return self.at(*range(min(n, len(self)))).images

    def broken(self) -> tuple[Broken, ...]:
        return ()


def network() -> nn.Sequential:
    """Two numbers through, and dropout: a teacher's labels must be deterministic."""
    keep = nn.Linear(2, 2)
    with torch.no_grad():
        keep.weight.copy_(torch.eye(2))
        keep.bias.zero_()
    return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), keep)


def test_the_labels_of_repeating_images_are_cached_by_image() -> None:
    teacher = Teacher(network(), source := Scores(4, repeats=True), resolution=12)
    batches_before = len(source.batches)
    batch = source.at(3, 1)

    # Images as the pupil sees them are not looked at.
    labels = teacher.labels(batch, torch.full((2, 2, 1, 1), 9.0))

    assert labels.tolist() == [pytest.approx([1 / 9, 8 / 9]), pytest.approx([1 / 3, 2 / 3])]
    assert source.batches == [([0, 1, 2, 3], 12)]
    assert batches_before == len(source.batches)
    assert not labels.requires_grad


def test_the_teacher_labels_varying_images_as_the_student_sees_them() -> None:
    teacher = Teacher(network(), source := Scores(4, repeats=False), resolution=12)
    seen = torch.tensor([[0.0, 2 * LN2], [LN2, 0.0], [0.0, 0.0]])[:, :, None, None]

    labels = teacher.labels(source.at(0, 0, 0), seen)

    # Each row's probabilities are its own: 4 to 1, 1 to 2, even.
    expected = [[1 / 5, 4 / 5], [2 / 3, 1 / 3], [1 / 2, 1 / 2]]
    assert labels.tolist() == [pytest.approx(row) for row in expected]
    assert source.batches == []
    assert not labels.requires_grad


def test_a_teacher_is_frozen_and_deterministic() -> None:
    taught = network()

    Teacher(taught, Scores(1, repeats=False), resolution=8)

    assert not taught.training
    assert not any(weight.requires_grad for weight in taught.parameters())


def test_soft_labels_go_through_all_images_once_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distill, "_CHUNK", 2)
    source = Scores(5, repeats=True)

    labels = soft_labels(network().eval(), source, 16, CPU)

    assert source.batches == [([0, 1], 16), ([2, 3], 16), ([4], 16)]
    of_second = [2**i / (1 + 2**i) for i in range(5)]
    np.testing.assert_allclose(labels[:, 1].numpy(), of_second, rtol=1e-5)
    np.testing.assert_allclose(labels.sum(dim=1).numpy(), np.ones(5), rtol=1e-5)


def test_the_loss_without_a_teacher_is_that_of_smoothed_labels() -> None:
    logits, labels = torch.tensor([[0.0, LN2]]), torch.tensor([1])

    loss = loss_of(logits, labels, label_smoothing=0.2, soft=None, distillation=5.0)

    # Probabilities are 1/3 and 2/3, targets 0.1 and 0.9.
    assert float(loss) == pytest.approx(-0.1 * math.log(1 / 3) - 0.9 * math.log(2 / 3))


def test_the_teachers_loss_is_added_to_that_of_the_labels() -> None:
    logits, labels = torch.tensor([[0.0, LN2]]), torch.tensor([1])
    soft = torch.tensor([[0.25, 0.75]])

    loss = loss_of(logits, labels, label_smoothing=0.0, soft=soft, distillation=3.0)

    of_labels = -math.log(2 / 3)
    of_teacher = -0.25 * math.log(1 / 3) - 0.75 * math.log(2 / 3)
    assert float(loss) == pytest.approx(of_labels + 3.0 * of_teacher)
