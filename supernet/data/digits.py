"""Composed digits: a task of small handwritten digits that separates good and bad networks.

scikit-learn's 1,797 digits of 8x8 pixels are too easy: a network of 9,000 parameters reaches 97 %.
Here each image, 32x32 pixels with one channel, shows several digits, and the label is that of the
LARGEST digit. An image contains

- the target: 15 to 22 pixels high, turned by up to 20 degrees, sheared, anywhere on the canvas;
- up to three distractors: complete digits of 7 to 10 pixels, turned by similar angles;
- up to two fragments: round pieces of digits of the target's size, which overlap its strokes;
- ink and paper of varying brightness and contrast, a brightness gradient, and noise.

A network has to find the largest digit and separate it from overlapping parts, so that depth,
kernel size and width all help. `Scene` holds all parameters.

The base digits are split contiguously before drawing, because neighbouring rows of the source are
from one writer: the first 1,097 rows make the training images, the next 300 the validation images
and the last 400 the test images. No base digit, not even as a distractor or a fragment, is in two
parts. The parts have these uses:

- train: weights, and batch-norm statistics of sub-networks;
- validation: the accuracy predictor's pairs, and all intermediate decisions;
- test: read ONCE, at the end, for the reported figures. It is drawn on first use.

Thousands of images are drawn from a few hundred test digits, so images of one base digit are not
independent: `Part.groups` names the base digit of each image, and the error of an accuracy must be
taken over base digits (`supernet.data.dataset.score` does).

Source of the base digits: UCI "Optical Recognition of Handwritten Digits" (E. Alpaydin,
C. Kaynak, 1998, CC BY 4.0), as shipped inside scikit-learn (`sklearn.datasets.load_digits`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from bench.errors import InputError

SIZE = 32
CLASSES = 10
BASE_ROWS = {"train": range(1097), "validation": range(1097, 1397), "test": range(1397, 1797)}
"""Rows of scikit-learn's digits that each part is drawn from."""

_STREAM = {"train": 0, "validation": 1, "test": 2}
_CHUNK = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Difficulty of an image. Pairs are the limits of uniform distributions.

    Heights and radii in pixels, angles in degrees, brightness from 0 (black) to 1 (white).
    Each distractor and fragment is present with probability `presence`.
    """

    height: tuple[float, float] = (15, 22)
    angle: float = 20
    shear: float = 0.2
    distractors: int = 3
    distractor_height: tuple[float, float] = (7, 10)
    fragments: int = 2
    fragment_radius: tuple[float, float] = (3, 5)
    presence: float = 0.75
    paper: tuple[float, float] = (0.0, 0.2)
    contrast: tuple[float, float] = (0.4, 0.8)
    slope: float = 0.1
    noise: tuple[float, float] = (0.02, 0.08)


SCENE = Scene()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Images uint8 (n, 1, 32, 32), labels int64 (n,), and the target's base row int64 (n,)."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    groups: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, kw_only=True)
class Splits:
    """The three parts, each drawn on first use and then cached."""

    sizes: tuple[int, int, int]
    seed: int

    @cached_property
    def train(self) -> Part:
        return compose("train", self.sizes[0], self.seed)

    @cached_property
    def validation(self) -> Part:
        return compose("validation", self.sizes[1], self.seed)

    @cached_property
    def test(self) -> Part:
        """Test part; read it once, at the end, since decisions based on it invalidate the test."""
        return compose("test", self.sizes[2], self.seed)


def load_digits_parts(
    train: int = 20_000, validation: int = 6_000, test: int = 8_000, seed: int = 0
) -> Splits:
    """Return composed digits in three parts of these sizes; equal arguments give equal images.

    `InputError` where a part would be empty or the seed is negative.
    """
    for name, size in (("train", train), ("validation", validation), ("test", test)):
        if size < 1:
            raise InputError(f"the {name} part needs at least 1 image, got {size}")
    if seed < 0:
        raise InputError(f"a seed is 0 or more, got {seed}")
    return Splits(sizes=(train, validation, test), seed=seed)


def compose(part: str, n: int, seed: int, scene: Scene = SCENE) -> Part:
    """Draw `n` images of a part; each base digit is the target of n / rows of them, +-1."""
    digits, classes = _base_digits()
    rows = np.asarray(BASE_ROWS[part], dtype=np.int64)
    rng = np.random.default_rng([seed, _STREAM[part]])
    targets = rng.permutation(np.resize(rng.permutation(rows), n))
    images = np.empty((n, 1, SIZE, SIZE), np.uint8)
    for chunk in _chunks(n):
        images[chunk, 0] = _draw(digits, targets[chunk], rows, scene, rng)
    return Part(images=images, labels=classes[targets], groups=targets)


def _base_digits() -> tuple[torch.Tensor, npt.NDArray[np.int64]]:
    """Return all base digits as float32 (1797, 1, 8, 8) in 0 to 1, and their classes."""
    from sklearn.datasets import load_digits

    raw = load_digits()
    pixels = torch.from_numpy(np.asarray(raw.images, np.float32) / 16)
    return pixels[:, None], np.asarray(raw.target, np.int64)


def _chunks(n: int) -> Iterator[slice]:
    # Chunks limit the memory; their size also affects the images of a seed.
    for start in range(0, n, _CHUNK):
        yield slice(start, min(start + _CHUNK, n))


def _draw(
    digits: torch.Tensor,
    targets: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    scene: Scene,
    rng: np.random.Generator,
) -> npt.NDArray[np.uint8]:
    n = len(targets)
    height = rng.uniform(*scene.height, n)
    ink = _place(digits, targets, height, scene, rng) * _column(rng.uniform(0.75, 1.0, n))
    for _ in range(scene.distractors):
        small = rng.uniform(*scene.distractor_height, n)
        digit = _place(digits, rng.choice(rows, n), small, scene, rng)
        ink = np.maximum(ink, digit * _strengths(n, scene, rng))
    for _ in range(scene.fragments):
        digit = _place(digits, rng.choice(rows, n), height, scene, rng)
        piece = digit * _discs(n, scene, rng)
        ink = np.maximum(ink, piece * _strengths(n, scene, rng))
    return _render(ink, scene, rng)


def _strengths(n: int, scene: Scene, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draw the ink of a distractor or fragment, 0 where it is absent."""
    return _column(rng.uniform(0.6, 1.0, n) * (rng.random(n) < scene.presence))


def _place(
    digits: torch.Tensor,
    chosen: npt.NDArray[np.int64],
    height: npt.NDArray[np.float64],
    scene: Scene,
    rng: np.random.Generator,
) -> npt.NDArray[np.float32]:
    """Turn, shear, scale and shift base digits onto canvases; `height` in pixels; (n, 32, 32)."""
    n = len(chosen)
    angle = np.deg2rad(rng.uniform(-scene.angle, scene.angle, n))
    shear = rng.uniform(-scene.shear, scene.shear, n)
    scale = SIZE / height
    x_scale = scale * rng.uniform(0.85, 1.2, n)
    free = (1 - height / SIZE)[:, None]
    centre = rng.uniform(-1, 1, (n, 2)) * free
    cos, sin = np.cos(angle), np.sin(angle)
    # From canvas coordinates to those of the base digit, both from -1 to 1, as grid_sample expects.
    x_row = (x_scale * (cos + shear * sin), x_scale * (sin - shear * cos))
    y_row = (-scale * sin, scale * cos)
    line = ((np.arange(SIZE) + 0.5) * 2 / SIZE - 1).astype(np.float32)
    x, y = line[None, None, :] - _column(centre[:, 0]), line[None, :, None] - _column(centre[:, 1])
    grid = np.empty((n, SIZE, SIZE, 2), np.float32)
    for axis, (over_x, over_y) in enumerate((x_row, y_row)):
        np.add(_column(over_x) * x, _column(over_y) * y, out=grid[..., axis])
    source = digits[torch.from_numpy(chosen)]
    placed = functional.grid_sample(
        source, torch.from_numpy(grid), "bilinear", "zeros", align_corners=False
    )
    drawn: npt.NDArray[np.float32] = placed[:, 0].numpy()
    return drawn


def _discs(n: int, scene: Scene, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draw round masks at random positions: (n, 32, 32) of 0 and 1."""
    x, y = rng.uniform(0, SIZE, (2, n, 1, 1))
    radius = _column(rng.uniform(*scene.fragment_radius, n))
    line = np.arange(SIZE) + 0.5
    inside: npt.NDArray[np.bool_] = (line[None, None, :] - x) ** 2 + (
        line[None, :, None] - y
    ) ** 2 < radius**2
    return inside.astype(np.float32)


def _render(
    ink: npt.NDArray[np.float32], scene: Scene, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Render light ink on dark paper with a brightness gradient and noise, as bytes."""
    n = len(ink)
    paper, contrast = rng.uniform(*scene.paper, n), rng.uniform(*scene.contrast, n)
    down, right = rng.uniform(-scene.slope, scene.slope, (2, n))
    line = np.linspace(-1, 1, SIZE, dtype=np.float32)
    light = _column(right) * line[None, None, :] + _column(down) * line[None, :, None]
    noise = rng.standard_normal(ink.shape, np.float32) * _column(rng.uniform(*scene.noise, n))
    page: npt.NDArray[np.float32] = _column(paper) + ink * _column(contrast) + light + noise
    bytes_ = np.clip(page, 0, 1, out=page) * 255 + 0.5
    return bytes_.astype(np.uint8)


def _column(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return (n,) as float32 (n, 1, 1), to broadcast over canvases."""
    return values.astype(np.float32)[:, None, None]
