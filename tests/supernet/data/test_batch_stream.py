"""`supernet.data.tensor_source`: images in memory as a stream of batches."""

import numpy as np
import pytest
import torch

from supernet.data.batch_stream import BatchRequest, Source
from supernet.data.dataset import Dataset, resize
from supernet.data.tensor_source import TensorSource


def make_source(n: int = 6) -> TensorSource:
    images = torch.arange(n * 3 * 4 * 4).reshape(n, 3, 4, 4).float()
    labels = torch.arange(n) % 2
    dataset = Dataset(images=images, labels=labels, groups=torch.arange(n), classes=2)
    return TensorSource(dataset, "ramps")


def want(*images: int, resolution: int = 4) -> BatchRequest:
    return BatchRequest(images=np.array(images), resolution=resolution, seed=(0, 1))


def test_the_stream_describes_its_data() -> None:
    source: Source = make_source()

    assert (source.name, source.channels, source.classes, len(source)) == ("ramps", 3, 2, 6)
    assert source.repeats


def test_a_batch_has_the_requested_images_in_order() -> None:
    source = make_source()

    first, second = source.stream([want(4, 1), want(0)])

    assert torch.equal(first.images, source.dataset.images[[4, 1]])
    assert first.labels.tolist() == [0, 1]
    assert first.index.tolist() == [4, 1]
    assert second.index.tolist() == [0]


@pytest.mark.parametrize("resolution", [2, 4, 7])
def test_images_come_resized_and_channels_last(resolution: int) -> None:
    source = make_source()

    (batch,) = source.stream([want(5, 2, resolution=resolution)])

    assert torch.equal(batch.images, resize(source.dataset.images[[5, 2]], resolution))
    assert batch.images.is_contiguous(memory_format=torch.channels_last)


def test_calibration_images_are_the_first_ones() -> None:
    source = make_source()

    assert torch.equal(source.calibration(2, 4), source.dataset.images[:2])
    assert source.calibration(100, 2).shape == (6, 3, 2, 2)
