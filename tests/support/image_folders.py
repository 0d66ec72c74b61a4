"""Small folders of image files, drawn from the composed digits, in ImageNet's layout."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from supernet.data.batch_stream import BatchRequest
from supernet.data.digits import compose

CLASSES = ("a four", "naïve", "zz")


def make_folder(root: Path, *, train: int = 20, val: int = 4, side: int = 32) -> Path:
    """Write three classes of images: digits of 0, 1 and 2, in colour, as JPEG and PNG."""
    for part, count in (("train", train), ("val", val)):
        drawn = compose("train" if part == "train" else "test", 15 * count, seed=0)
        for label, name in enumerate(CLASSES):
            folder = root / part / name
            folder.mkdir(parents=True)
            for number, row in enumerate(np.flatnonzero(drawn.labels == label)[:count]):
                image = Image.fromarray(coloured(drawn.images[row, 0]))
                suffix = "png" if number % 2 else "JPEG"
                image.resize((side, side)).save(folder / f"{number}.{suffix}")
    return root


def coloured(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey ink (h, w) as blue on sand (h, w, 3)."""
    share = grey[..., None] / 255
    return (share * [40, 60, 220] + (1 - share) * [220, 200, 150]).astype(np.uint8)


def wanted(n: int = 4, batch: int = 6) -> list[BatchRequest]:
    """Batches of two resolutions, one after the other."""
    rng = np.random.default_rng(0)
    return [
        BatchRequest(images=rng.permutation(50)[:batch], resolution=16 + 8 * (k % 2), seed=(7, k))
        for k in range(n)
    ]
