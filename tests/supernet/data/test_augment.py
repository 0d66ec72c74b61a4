"""`supernet.data.augment`: crops and jitter, determined by the seed."""

import numpy as np
import pytest
import torch

from supernet.data.augment import Augmentation
from supernet.data.decode import View

SEED = (3, 1, 4)
OFA = Augmentation()
N = 4000


def views(width: int, height: int, augmentation: Augmentation = OFA) -> list[View]:
    return [augmentation.view(width, height, seed=SEED, index=place) for place in range(N)]


def test_crops_have_the_documented_areas_shapes_and_places() -> None:
    drawn = views(400, 400)
    across = np.array([view.right - view.left for view in drawn])
    down = np.array([view.bottom - view.top for view in drawn])
    left, top = np.array([view.left for view in drawn]), np.array([view.top for view in drawn])

    areas, ratios = across * down / 400**2, across / down
    assert 0.08 <= areas.min() < 0.09
    assert 0.95 < areas.max() <= 1
    # Of areas up to 3/4 every shape fits: those are uniform. Of larger ones some are drawn again.
    fits = areas[areas < 0.75]
    assert fits.mean() == pytest.approx((0.08 + 0.75) / 2, abs=0.01)
    assert np.mean(areas > 0.75) < 0.25 / 0.92
    assert 3 / 4 <= ratios.min() < 0.76
    assert 1.32 < ratios.max() <= 4 / 3
    assert np.median(ratios) == pytest.approx(1, abs=0.01)
    assert left.min() >= 0
    assert (left + across).max() <= 400
    room = across < 399
    assert (left[room] / (400 - across[room])).mean() == pytest.approx(0.5, abs=0.02)
    assert (top[down < 399] / (400 - down[down < 399])).mean() == pytest.approx(0.5, abs=0.02)


def test_half_the_images_are_mirrored() -> None:
    assert np.mean([view.flip for view in views(40, 30)]) == pytest.approx(0.5, abs=0.03)
    assert not any(view.flip for view in views(40, 30, Augmentation(flip=0)))


def test_the_largest_centre_crop_is_used_where_no_crop_fits() -> None:
    whole = Augmentation(scale=(1.0, 1.0), flip=0)

    wide = whole.view(400, 100, seed=SEED, index=0)
    assert (wide.top, wide.bottom) == (0, 100)
    assert (wide.left, wide.right) == pytest.approx((200 - 200 / 3, 200 + 200 / 3))
    assert whole.view(90, 400, seed=SEED, index=0) == View(0, 140, 90, 260)


def test_a_view_depends_only_on_seed_and_index() -> None:
    view = OFA.view(40, 30, seed=SEED, index=2)

    assert OFA.view(40, 30, seed=SEED, index=2) == view
    assert OFA.view(40, 30, seed=SEED, index=1) != view
    assert OFA.view(40, 30, seed=(3, 1, 5), index=2) != view
    # Seeds are padded with zeros by numpy: a shorter one must not be one with a place of 0.
    assert OFA.view(40, 30, seed=(3, 1), index=0) != OFA.view(40, 30, seed=(3, 1, 0), index=1)


def test_brightness_is_a_factor() -> None:
    grey = torch.full((N, 3, 1, 1), 0.5)

    factors = OFA.jitter(grey, seed=SEED, indices=torch.arange(N))[:, :, 0, 0] / 0.5

    assert torch.allclose(factors[:, 0], factors[:, 2], atol=1e-5)  # grey stays grey
    assert float(factors.min()) == pytest.approx(1 - 32 / 255, abs=2e-3)
    assert float(factors.max()) == pytest.approx(1 + 32 / 255, abs=2e-3)
    assert float(factors.mean()) == pytest.approx(1, abs=5e-3)


def test_saturation_is_the_distance_from_grey() -> None:
    colour = torch.tensor([0.4, 0.6, 0.5])[:, None, None].expand(N, 3, 1, 1)
    only = Augmentation(brightness=0)

    jittered = only.jitter(colour, seed=SEED, indices=torch.arange(N))[:, :, 0, 0]

    factors = (jittered[:, 1] - jittered[:, 0]) / 0.2
    assert float(factors.min()) == pytest.approx(0.5, abs=2e-3)
    assert float(factors.max()) == pytest.approx(1.5, abs=2e-3)
    grey = 0.299 * 0.4 + 0.587 * 0.6 + 0.114 * 0.5
    assert torch.allclose(jittered[:, 0], grey + factors * (0.4 - grey), atol=1e-3)


def test_jitter_stays_within_0_to_255_and_accepts_grey_images() -> None:
    ends = torch.tensor([0.0, 1.0])[:, None, None, None].expand(2, 1, 2, 2)

    jittered = OFA.jitter(ends, seed=SEED, indices=torch.arange(2))

    assert float(jittered.min()) == 0
    assert float(jittered.max()) <= 1


def test_jitter_depends_on_the_index_and_not_on_the_batch() -> None:
    images = torch.rand((5, 3, 2, 2), generator=torch.Generator().manual_seed(0))

    whole = OFA.jitter(images, seed=SEED, indices=torch.arange(5))
    jittered = OFA.jitter(images[[1, 3]], seed=SEED, indices=torch.tensor([1, 3]))

    assert torch.equal(jittered, whole[[1, 3]])


def test_no_generator_of_a_library_is_touched() -> None:
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state(legacy=True)

    OFA.view(40, 30, seed=SEED, index=0)
    OFA.jitter(
        torch.rand((2, 3, 2, 2), generator=torch.Generator()), seed=SEED, indices=torch.arange(2)
    )

    assert torch.equal(torch.get_rng_state(), torch_state)
    after = np.random.get_state(legacy=True)
    assert str(after) == str(numpy_state)
