"""Accuracies of sub-networks, measured from a supernet on held-out images.

Each is cut out, its batch norms take their statistics over training images (OFA: 2,000), and it
judges validation images. Nothing of how a supernet is judged may leak into it, so the two are
never the same images.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.errors import InputError
from bench.protocol.progress import Progress
from supernet.data.dataset import Dataset, Score, resize, score
from supernet.space.codes import Codes
from supernet.space.space import ArchConfig, SearchSpace
from supernet.train.recalibrate import channels_last, recalibrate
from supernet.weights.model import SuperNet

BATCH = 100  # images judged at a time: with 500, a narrow network's maps no longer fit the cache
CALIBRATION_IMAGES = 2000
_FIRST_DRAW = 64
Calibration = Callable[[int], Tensor]
"""Training images at a resolution, as evaluation sees them: (n, c, r, r)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Networks as codes (n, columns); accuracy (n,) and its standard error (n,), as fractions.

    Every network judges the same images, so differences are surer than these errors say.
    """

    codes: Codes
    accuracy: NDArray[np.float64]
    error: NDArray[np.float64]


def choose_networks(space: SearchSpace, n: int, seed: int) -> Codes:
    """Choose `n` unlike networks: random ones, and the smallest and largest of each resolution.

    The first two are the ends of the space; of the rest each fourth is an end, while there are
    any. More networks of the same seed begin with the fewer. `InputError` where the space has not
    so many, or `n` leaves no room for random ones.
    """
    there_are = space.count() * len(space.resolutions)
    if not 2 < n <= there_are:
        raise InputError(
            f"{n} networks of {space.name} were asked, expected more than 2 and at most the "
            f"{there_are} that there are"
        )
    first = [space.smallest(), space.largest()]
    later = [
        arch
        for resolution in space.resolutions
        for arch in (space.smallest(resolution), space.largest(resolution))
        if arch not in first
    ]
    ends = space.encode(later)
    rng = np.random.default_rng(seed)
    drawn, chosen = space.encode([]), space.encode(first)
    while len(chosen) < n:
        # Draws of fixed sizes, so that what is drawn does not hang on how many are asked.
        drawn = np.concatenate([drawn, space.sample_codes(rng, max(_FIRST_DRAW, len(drawn)))])
        places = np.minimum(3 * np.arange(1, len(ends) + 1), len(drawn))
        chosen = _unlike(np.concatenate([space.encode(first), np.insert(drawn, places, ends, 0)]))
    return chosen[:n]


def measure_each(
    supernet: SuperNet, codes: Codes, calibration: Calibration, validation: Dataset
) -> Iterator[tuple[int, Score]]:
    """Measure networks one after the other: rows of `codes`, each with its score on `validation`.

    One resolution comes after the other, so that images are resized once and one size is held.
    """
    archs = supernet.space.decode(codes)
    groups = validation.groups.numpy()
    for resolution in sorted({arch.resolution for arch in archs}):
        training = _channels_last(calibration(resolution))
        images = _channels_last(resize(validation.images, resolution))
        for row, arch in enumerate(archs):
            if arch.resolution == resolution:
                right = _right(supernet, arch, training, images, validation.labels)
                yield row, score(right, groups)


def measure_pairs(
    supernet: SuperNet,
    codes: Codes,
    calibration: Calibration,
    validation: Dataset,
    progress: Progress,
) -> Pairs:
    """Measure each network, cut out and recalibrated, on all of `validation`."""
    progress.start(len(codes), "measuring accuracies")
    scores: dict[int, Score] = {}
    for row, found in measure_each(supernet, codes, calibration, validation):
        scores[row] = found
        progress.advance(note=f"{found.accuracy:.1%}")
    progress.close()
    return Pairs(
        codes=codes,
        accuracy=np.array([scores[row].accuracy for row in range(len(codes))]),
        error=np.array([scores[row].error for row in range(len(codes))]),
    )


@torch.no_grad()
def _right(
    supernet: SuperNet, arch: ArchConfig, training: Tensor, images: Tensor, labels: Tensor
) -> NDArray[np.float64]:
    """1 for each image that `arch` puts in its class, else 0; (n,)."""
    network = channels_last(supernet.extract(arch))
    recalibrate(network, training)
    classes = torch.cat([network(batch).argmax(dim=1) for batch in torch.split(images, BATCH)])
    return (classes == labels).double().numpy()


def _unlike(codes: Codes) -> Codes:
    """Codes without repetitions, in the order in which they first come."""
    _, first = np.unique(codes, axis=0, return_index=True)
    return codes[np.sort(first)]


def _channels_last(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last)
