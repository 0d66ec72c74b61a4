"""`RandAugment`: what its operations do, that the magnitude scales them, and that seeds decide."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from supernet.data import rand_augment
from supernet.data.rand_augment import RandAugment

FILL = torch.tensor([0.5])
(SAME, STRETCH, EQUALISE, SOLARISE, POSTERISE, COLOUR, CONTRAST, BRIGHTNESS, SHARPNESS) = range(9)
TURN, SHEAR_X, SHEAR_Y, MOVE_X, MOVE_Y = range(9, 14)


def operate(number: int, images: Tensor, strength: float, fill: Tensor = FILL) -> Tensor:
    operations = rand_augment._operations(fill)
    return operations[number](images, torch.full((len(images),), strength))


def picture(channels: int = 1, side: int = 8) -> Tensor:
    return torch.rand((2, channels, side, side), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("number", [n for n in range(14) if n not in {STRETCH, EQUALISE}])
def test_a_strength_of_zero_changes_nothing(number: int, channels: int) -> None:
    images = picture(channels)

    changed = operate(number, images.clone(), 0.0, FILL.expand(channels))

    # Posterising keeps the 8 bits of a byte.
    torch.testing.assert_close(changed, images, rtol=0, atol=1 / 255 + 1e-6)


def test_pixels_change_by_the_strength() -> None:
    row = torch.tensor([0.2, 0.4, 0.6, 0.8]).expand(1, 1, 4, 4).clone()

    assert operate(SOLARISE, row, -0.5)[0, 0, 0].tolist() == pytest.approx([0.2, 0.4, 0.4, 0.2])
    bits = operate(POSTERISE, row, 1.0)[0, 0, 0] * 255  # the upper four of 51, 102, 153, 204
    assert bits.tolist() == pytest.approx([48, 96, 144, 192])
    assert operate(BRIGHTNESS, row, -1.0)[0, 0, 0].tolist() == pytest.approx(
        [0.02, 0.04, 0.06, 0.08]
    )
    low_contrast = operate(CONTRAST, row, -1.0)[0, 0, 0]  # a tenth of the distances to 0.5
    assert low_contrast.tolist() == pytest.approx([0.47, 0.49, 0.51, 0.53], abs=1e-3)
    stretched = operate(STRETCH, row, 1.0)[0, 0, 0]
    assert stretched.tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1], abs=1e-4)
    flat = torch.full((1, 1, 4, 4), 0.7)
    assert torch.equal(operate(STRETCH, flat, 1.0), flat)


def test_colour_moves_to_grey_and_leaves_grey_images() -> None:
    red = torch.tensor([1.0, 0.0, 0.0])[None, :, None, None].expand(1, 3, 4, 4).clone()

    pale = operate(COLOUR, red, -1.0, FILL.expand(3))[0, :, 0, 0]

    assert float(pale.max() - pale.min()) == pytest.approx(0.1, abs=1e-5)
    grey = picture()
    torch.testing.assert_close(operate(COLOUR, grey, 1.0), grey)


def test_images_move_and_outside_is_the_fill() -> None:
    images = torch.zeros((1, 1, 20, 20))
    images[0, 0, 10, 5] = 1.0

    across = operate(MOVE_X, images, 1.0)  # by 0.45 of 20 pixels
    assert across[0, 0, 10, 14] == pytest.approx(1.0, abs=1e-4)
    assert across[0, 0, :, :8].min() == pytest.approx(0.5, abs=1e-4)
    down = operate(MOVE_Y, images, -1.0)
    assert down[0, 0, 1, 5] == pytest.approx(1.0, abs=1e-4)


def test_a_turn_keeps_the_centre_and_moves_a_corner_by_its_angle() -> None:
    images = torch.zeros((1, 1, 21, 21))
    images[0, 0, 10, 10] = 1.0
    images[0, 0, 10, 18] = 1.0  # 8 pixels right of the centre

    turned = operate(TURN, images, 1.0)[0, 0]

    assert turned[10, 10] == pytest.approx(1.0, abs=1e-3)
    # 8 sin 30 = 4 pixels up or down, 8 cos 30 = 6.9 right.
    bright = (turned[6:15:8, 15:19] > 0.3).any(1).tolist()
    assert sorted(bright) == [False, True]


def test_a_shear_moves_rows_against_each_other() -> None:
    images = torch.zeros((1, 1, 21, 21))
    images[0, 0, :, 10] = 1.0

    sheared = operate(SHEAR_X, images, 1.0)[0, 0]

    columns = sheared[[0, 10, 20]].argmax(1).tolist()
    assert columns[1] == 10
    assert sorted(columns) == [7, 10, 13]  # 0.3 times 10 rows
    assert operate(SHEAR_Y, images, 1.0)[0, 0, 10, 10] == pytest.approx(1.0, abs=1e-3)


def test_each_image_depends_on_its_own_generator_only() -> None:
    images = torch.rand((6, 3, 16, 16), generator=torch.Generator().manual_seed(1))
    augment = RandAugment(magnitude=9, operations=2, fill=FILL.expand(3))

    def changed(rows: Sequence[int]) -> Tensor:
        return augment(images[list(rows)].clone(), [np.random.default_rng(row) for row in rows])

    state = torch.get_rng_state()
    whole = changed(range(6))
    assert torch.equal(whole, changed(range(6)))
    assert torch.equal(torch.get_rng_state(), state)
    torch.testing.assert_close(whole[[4, 1]], changed([4, 1]))
    assert whole.min() >= 0
    assert whole.max() <= 1
    assert not torch.equal(whole, images)
