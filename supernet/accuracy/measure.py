"""Measure accuracies of sub-networks of a supernet on held-out images.

Each sub-network is extracted, its batch norms are recalibrated on training images (OFA: 2,000), and
it classifies validation images. The two sets never share images, so that no evaluation image
influences the network.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.errors import InputError
from bench.protocol.progress import Progress
from supernet.accuracy.quantised import Quantiser
from supernet.data.dataset import Dataset, Score, resize, score
from supernet.space.codes import Codes
from supernet.space.space import ArchConfig, SearchSpace
from supernet.train.recalibrate import BATCH as RECALIBRATION_BATCH
from supernet.train.recalibrate import channels_last, recalibrate
from supernet.weights.model import SuperNet

BATCH = 100  # images per batch: with 500, the feature maps of a narrow network exceed the cache
GPU_BATCH = 500
HELD_BYTES = 4 << 30  # most bytes of images that stay on a GPU: 7,000 of 224 pixels
CPU = torch.device("cpu")
CALIBRATION_IMAGES = 2000
_FIRST_DRAW = 64
Calibration = Callable[[int], Tensor]
"""Returns training images at a resolution, preprocessed as for evaluation: (n, c, r, r)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Networks as codes (n, columns); accuracy (n,) and its standard error (n,), as fractions.

    All networks classify the same images, so differences are more precise than these errors.
    """

    codes: Codes
    accuracy: NDArray[np.float64]
    error: NDArray[np.float64]


def choose_networks(space: SearchSpace, n: int, seed: int) -> Codes:
    """Choose `n` different networks: random ones, and the smallest and largest of each resolution.

    The first two are the smallest and largest of the space; of the rest every fourth is such an
    extreme, until none is left. A larger `n` with the same seed extends the same list. Raises
    `InputError` where the space has fewer networks, or `n` leaves no room for random ones.
    """
    available = space.count() * len(space.resolutions)
    if not 2 < n <= available:
        raise InputError(
            f"{n} networks of {space.name} were requested, expected more than 2 and at most the "
            f"{available} of the space"
        )
    first = [space.smallest(), space.largest()]
    later = [
        arch
        for resolution in space.resolutions
        for arch in (space.smallest(resolution), space.largest(resolution))
        if arch not in first
    ]
    extremes = space.encode(later)
    rng = np.random.default_rng(seed)
    drawn, chosen = space.encode([]), space.encode(first)
    while len(chosen) < n:
        # Batches of fixed sizes, so that the drawn networks do not depend on `n`.
        drawn = np.concatenate([drawn, space.sample_codes(rng, max(_FIRST_DRAW, len(drawn)))])
        positions = np.minimum(3 * np.arange(1, len(extremes) + 1), len(drawn))
        chosen = _without_duplicates(
            np.concatenate([space.encode(first), np.insert(drawn, positions, extremes, 0)])
        )
    return chosen[:n]


def measure_each(  # noqa: PLR0913, PLR0917 - networks, their images, and how they run
    supernet: SuperNet,
    codes: Codes,
    calibration: Calibration,
    validation: Dataset,
    quantiser: Quantiser | None = None,
    device: torch.device = CPU,
) -> Iterator[tuple[int, Score]]:
    """Measure networks one after the other; yield rows of `codes` with their validation scores.

    `supernet` is moved to `device`, where networks are extracted, recalibrated and run. With a
    `quantiser`, the scores are those of the networks' int8 files, run on the CPU, otherwise of
    float32. Networks are ordered by resolution, so that images are resized once and memory holds
    one size.
    """
    supernet.to(device)
    archs = supernet.space.decode(codes)
    groups = validation.groups.numpy()
    for resolution in sorted({arch.resolution for arch in archs}):
        training = _channels_last(calibration(resolution))
        images = _channels_last(resize(validation.images, resolution))
        if quantiser is None:
            training, images = _held(training, device), _held(images, device)
        for row, arch in enumerate(archs):
            if arch.resolution == resolution:
                correct = _correct(supernet, arch, training, images, validation.labels, quantiser)
                yield row, score(correct, groups)


def measure_pairs(
    supernet: SuperNet,
    codes: Codes,
    calibration: Calibration,
    validation: Dataset,
    progress: Progress,
) -> Pairs:
    """Measure each network, extracted and recalibrated, on all of `validation`."""
    progress.start(len(codes), "measuring accuracies")
    scores: dict[int, Score] = {}
    for row, network_score in measure_each(supernet, codes, calibration, validation):
        scores[row] = network_score
        progress.advance(note=f"{network_score.accuracy:.1%}")
    progress.close()
    return Pairs(
        codes=codes,
        accuracy=np.array([scores[row].accuracy for row in range(len(codes))]),
        error=np.array([scores[row].error for row in range(len(codes))]),
    )


@torch.no_grad()
def _correct(  # noqa: PLR0913, PLR0917 - a network, its images, and how it is run
    supernet: SuperNet,
    arch: ArchConfig,
    training: Tensor,
    images: Tensor,
    labels: Tensor,
    quantiser: Quantiser | None,
) -> NDArray[np.float64]:
    """Return 1 for each image that `arch` classifies correctly, else 0; (n,)."""
    network = channels_last(supernet.extract(arch))
    recalibrate(network, training, min(RECALIBRATION_BATCH, len(training)))
    if quantiser is not None:
        blocks = supernet.space.blocks(arch)
        predicted = quantiser.classes(network.cpu().eval(), blocks, training, images)
        return np.asarray(predicted == labels.numpy(), dtype=np.float64)
    device = next(network.parameters()).device
    batches = torch.split(images, BATCH if device == CPU else GPU_BATCH)
    classes = torch.cat([network(batch.to(device)).argmax(dim=1) for batch in batches]).cpu()
    return (classes == labels).double().numpy()


def _held(images: Tensor, device: torch.device) -> Tensor:
    """Return images on the device if there are few; others are moved there batch by batch."""
    return images.to(device) if images.nbytes <= HELD_BYTES else images


def _without_duplicates(codes: Codes) -> Codes:
    """Return the distinct codes in the order of their first occurrence."""
    _, first = np.unique(codes, axis=0, return_index=True)
    return codes[np.sort(first)]


def _channels_last(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last)
