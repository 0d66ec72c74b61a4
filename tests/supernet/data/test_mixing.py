"""Mixup, cutmix and random erasing: shares, boxes and soft labels, by hand."""

import numpy as np
import pytest
import torch

from supernet.data.mixing import cutmix, erase_, mixup, soft_labels_of

ORDER = torch.tensor([1, 0])


def test_mixup_blends_images_and_labels_by_the_share() -> None:
    images = torch.stack([torch.full((1, 2, 2), 1.0), torch.full((1, 2, 2), 5.0)])

    mixed = mixup(images, ORDER, 0.75)

    assert mixed[:, 0, 0, 0].tolist() == [2.0, 4.0]
    shares = soft_labels_of(torch.tensor([2, 0]), ORDER, 0.75, 3)
    assert shares.tolist() == [[0.25, 0, 0.75], [0.75, 0, 0.25]]


def test_images_of_one_class_keep_their_label() -> None:
    assert soft_labels_of(torch.tensor([1, 1]), ORDER, 0.6, 2).tolist() == [[0, 1], [0, 1]]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 1.0])
def test_cutmix_pastes_one_box_and_returns_the_share_that_is_left(share: float) -> None:
    images = torch.stack([torch.zeros(3, 20, 20), torch.ones(3, 20, 20)])

    left = [cutmix(images, ORDER, share, np.random.default_rng(seed)) for seed in range(200)]

    for mixed, kept in left:
        pasted = mixed[0, 0]
        assert float(1 - pasted.mean()) == pytest.approx(kept)
        assert torch.equal(mixed[0], 1 - mixed[1])
        rows, columns = pasted.any(1).nonzero(), pasted.any(0).nonzero()
        if len(rows):  # it is one box
            assert pasted[rows[0, 0] : rows[-1, 0] + 1, columns[0, 0] : columns[-1, 0] + 1].all()
        assert kept >= share - 0.1  # the edge cuts boxes, rounding moves them by half a pixel
    assert {kept for _, kept in left} == {1.0} if share == 1 else min(k for _, k in left) < 0.95
    assert images[0].sum() == 0


def test_an_erased_box_has_the_documented_area_and_shape() -> None:
    heights, widths = [], []
    for seed in range(300):
        image = torch.ones(3, 40, 40)
        erase_(image, np.random.default_rng(seed))
        erased = image[0] == 0
        assert torch.equal(image[0], image[2])
        rows, columns = erased.any(1), erased.any(0)
        assert int(erased.sum()) == int(rows.sum()) * int(columns.sum())
        heights.append(int(rows.sum()))
        widths.append(int(columns.sum()))

    areas = np.array(heights) * np.array(widths) / 1600
    ratios = np.array(heights) / np.array(widths)
    assert 0.015 < areas.min() < 0.04
    assert 0.3 < areas.max() < 0.36
    assert ratios.min() > 0.25
    assert ratios.max() < 4
