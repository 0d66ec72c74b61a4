"""Augmented batches: from the seed of the batch and the index of the image alone."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
import torch

from supernet.data.augmented_source import AugmentedSource, BatchAugmentation, augmented
from supernet.data.batch_stream import Batch, BatchRequest
from supernet.data.open_data import open_data
from supernet.data.parts import DataParts
from supernet.data.torch_images import Scale
from tests.support.micro_supernets import MICRO, micro_images

ALL = BatchAugmentation(rand_augment=9, mixup=0.4, cutmix=1.0, erasing=0.5)


@pytest.fixture(scope="module")
def parts() -> DataParts:
    return open_data(micro_images(), MICRO)


def request(images: Iterable[int], seed: int = 0) -> BatchRequest:
    return BatchRequest(images=np.array([*images]), resolution=12, seed=(7, 0, 0, seed, 0))


def batch(parts: DataParts, chosen: BatchAugmentation, one: BatchRequest) -> Batch:
    (only,) = augmented(parts, chosen).stream([one])
    return only


def test_nothing_is_wrapped_without_augmentation(parts: DataParts) -> None:
    assert type(augmented(parts, BatchAugmentation())) is type(parts.train_source)
    assert str(BatchAugmentation()) == ""
    assert str(ALL) == "rand-augment 9 x 2, random erasing 0.5, mixup 0.4, cutmix 1"


def test_batches_are_equal_wherever_the_stream_starts(parts: DataParts) -> None:
    requests = [request(range(8 * k, 8 * k + 8), k) for k in range(6)]
    whole = list(augmented(parts, ALL).stream(requests))
    later = list(augmented(parts, ALL).stream(requests[3:]))

    for first, second in zip(whole[3:], later, strict=True):
        assert torch.equal(first.images, second.images)
        assert torch.equal(first.targets, second.targets)
    assert not torch.equal(whole[0].images, batch(parts, ALL, request(range(8), 5)).images)


def test_an_image_is_changed_by_its_index_whatever_is_beside_it(parts: DataParts) -> None:
    chosen = BatchAugmentation(rand_augment=9, erasing=0.5)

    alone = batch(parts, chosen, request([5, 9]))
    among = batch(parts, chosen, request([3, 9, 8, 5]))

    torch.testing.assert_close(alone.images, among.images[[3, 1]])
    assert alone.soft_labels is None
    assert torch.equal(alone.targets, alone.labels)


def test_erasing_has_the_given_frequency_and_leaves_the_source_unchanged(parts: DataParts) -> None:
    before = batch(parts, BatchAugmentation(), request(range(200))).images.clone()

    erased = batch(parts, BatchAugmentation(erasing=0.25), request(range(200))).images

    share = ((erased != before).flatten(1).any(1)).double().mean()
    assert float(share) == pytest.approx(0.25, abs=0.09)  # three standard deviations
    after = batch(parts, BatchAugmentation(), request(range(200))).images
    assert torch.equal(after, before)


def test_mixed_batches_have_the_shares_of_their_classes(parts: DataParts) -> None:
    plain = batch(parts, BatchAugmentation(), request(range(30)))
    for seed in range(10):
        mixed = batch(parts, BatchAugmentation(mixup=1.0), request(range(30), seed))
        assert mixed.soft_labels is not None
        torch.testing.assert_close(mixed.soft_labels.sum(1), torch.ones(30))
        assert torch.equal(mixed.labels, mixed.soft_labels.argmax(1))
        # The mean over a batch is unchanged: every image is the partner of one other.
        torch.testing.assert_close(mixed.images.mean(0), plain.images.mean(0), rtol=0, atol=1e-5)
        assert mixed.images.is_contiguous(memory_format=torch.channels_last)


def test_with_both_a_batch_is_mixed_by_either(parts: DataParts) -> None:
    plain = batch(parts, BatchAugmentation(), request(range(20)))
    kinds = set()
    for seed in range(20):
        mixed = batch(parts, BatchAugmentation(mixup=1.0, cutmix=1.0), request(range(20), seed))
        every = torch.cat([plain.images.flatten(), torch.zeros(1)])
        kinds.add(bool(torch.isin(mixed.images, every).all()))
    assert kinds == {True, False}


def test_other_attributes_are_those_of_the_source(parts: DataParts) -> None:
    source = augmented(parts, ALL)
    original = parts.train_source

    assert isinstance(source, AugmentedSource)
    assert (source.name, source.classes, source.channels) == (original.name, 3, 1)
    assert source.class_names == ("a", "b", "c")
    assert len(source) == len(original) == 240
    assert (original.repeats, source.repeats) == (True, False)  # teachers see each batch
    assert torch.equal(source.calibration(4, 8), original.calibration(4, 8))
    assert source.broken() == ()


def test_bytes_are_restored_for_the_operations() -> None:
    scale = Scale(mean=(10.0,), spread=(4.0,))
    bytes_ = torch.tensor([0.0, 255.0]).reshape(1, 1, 1, 2)

    assert torch.equal(scale.undo(scale.apply_(bytes_.clone())), bytes_)
    assert replace(ALL, rand_augment=0).operations == 2
