"""Pairs of an architecture and its accuracy, measured from a supernet on validation images."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.progress import Progress
from supernet.codes import Codes
from supernet.model import SuperNet
from supernet.space import SearchSpace
from supernet.train.dataset import Dataset, Score, resize
from supernet.train.recalibrate import measure_accuracy


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Networks as codes (n, columns); accuracy (n,) and its standard error (n,), as fractions.

    Every network judges the same images, so differences are surer than these errors say.
    """

    codes: Codes
    accuracy: NDArray[np.float64]
    error: NDArray[np.float64]


def choose_networks(space: SearchSpace, n: int, seed: int) -> Codes:
    """Choose `n` unlike networks: the smallest and largest of each resolution, then random ones.

    `InputError` where the space has not so many, or `n` leaves no room for random ones.
    """
    ends = [
        arch
        for resolution in space.resolutions
        for arch in (space.smallest(resolution), space.largest(resolution))
    ]
    # Of many resolutions only the outer ones: most of what is measured is to be random.
    ends = ends if 4 * len(ends) <= n else [space.smallest(), space.largest()]
    there_are = space.count() * len(space.resolutions)
    if not len(ends) < n <= there_are:
        raise InputError(
            f"{n} networks of {space.name} were asked, expected more than {len(ends)} and at most "
            f"the {there_are} that there are"
        )
    rng = np.random.default_rng(seed)
    codes = space.encode(ends)
    while len(codes) < n:
        codes = np.concatenate([codes, space.sample_codes(rng, n)])
        _, first = np.unique(codes, axis=0, return_index=True)
        codes = codes[np.sort(first)]
    return codes[:n]


def measure_pairs(
    supernet: SuperNet, codes: Codes, validation: Dataset, progress: Progress
) -> Pairs:
    """Measure each network, cut out and recalibrated, on all of `validation`.

    Statistics are taken over the first of these images, of which the labels are not used.
    """
    progress.start(len(codes), "measuring accuracies")
    scores: dict[int, Score] = {}
    archs = supernet.space.decode(codes)
    # One resolution after the other, so that images are resized once and one size is held.
    for resolution in sorted({arch.resolution for arch in archs}):
        resized = replace(validation, images=resize(validation.images, resolution))
        for row, arch in enumerate(archs):
            if arch.resolution == resolution:
                scores[row] = measure_accuracy(supernet, arch, resized.images, resized)
                progress.advance(note=f"{scores[row].accuracy:.1%}")
    progress.close()
    return Pairs(
        codes=codes,
        accuracy=np.array([scores[row].accuracy for row in range(len(codes))]),
        error=np.array([scores[row].error for row in range(len(codes))]),
    )
