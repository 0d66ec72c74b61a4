"""Inspect one part of a torch `Dataset`: variation, digest, mean and deviation."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from supernet.data.batch_stream import Source
from supernet.data.class_names import ClassNames
from supernet.data.dataset import Dataset, choose
from supernet.data.parts import Images
from supernet.data.tensor_source import TensorSource
from supernet.data.torch_images import (
    EVALUATION_SEED,
    READ_AT_ONCE,
    Scale,
    TorchImages,
    TorchSource,
)
from supernet.data.torch_items import Items, Raw, to_bytes

HELD_BYTES = (
    2 << 30
)  # largest size in memory of a part, as float32; larger parts are read on demand
SAMPLED = 500  # items of a part not in memory, for its digest, mean and spread
_PROBED = 32  # items read three times, to check whether they vary
_FLAT = 1e-6  # relative standard deviation below which a channel is constant


@dataclass(frozen=True, kw_only=True)
class Part:
    """Items and their properties, computed from all items where they are in memory, else a sample.

    `held` are the images in memory, as floats of bytes, before normalisation. `digest` covers the
    labels and images read (without images that differ between two readings with one seed).
    """

    items: Items
    varies: bool
    digest: str
    scale: Scale
    held: Dataset | None

    @classmethod
    def inspect(cls, items: Items, in_memory: bool | None) -> "Part":
        """Read the items (see `TorchData`); `InputError` where an item is not usable."""
        varies, repeatable = _probe(items)
        items = replace(items, seeded=varies)
        kind, n = items.kind, len(items)
        fits = n * kind.channels * kind.side**2 * 4 <= HELD_BYTES
        hold = fits and not varies if in_memory is None else in_memory
        indices = np.arange(n) if hold else choose(n, SAMPLED, np.random.default_rng(0))
        held = _allocate(items) if hold else None
        digest, moments, done = hashlib.sha256(f"{n} {kind}".encode()), _Moments(), 0
        for raw in _read(items, indices):
            digest.update(raw.labels.numpy().tobytes())
            if repeatable:
                digest.update(raw.images.contiguous().numpy().tobytes())
            pixels = to_bytes(raw.images)
            moments.add(pixels)
            if held is not None:
                held.images[done : done + len(pixels)] = pixels
                held.labels[done : done + len(pixels)] = raw.labels
            done += len(pixels)
        return cls(
            items=items,
            varies=varies,
            digest=digest.hexdigest(),
            scale=moments.scale(),
            held=held,
        )

    def source(self, name: str, scale: Scale, class_names: ClassNames) -> Source:
        """Return these as training images; call it once, since it normalises in place."""
        if self.held is not None:
            scale.apply_(self.held.images)
            return TensorSource(self.held, name, class_names)
        return TorchSource(
            items=self.items,
            name=name,
            scale=scale,
            repeats=not self.varies,
            class_names=class_names,
        )

    def images(self, scale: Scale, size: int) -> Images:
        """Return these for evaluation, reduced to `size` pixels a side; call it once."""
        if self.held is not None:
            scale.apply_(self.held.images)
            return self.held
        return TorchImages(items=self.items, scale=scale, size=min(size, self.items.kind.side))


class _Moments:
    """Mean and standard deviation of each channel, accumulated over images."""

    def __init__(self) -> None:
        self.count, self.sums, self.squares = 0, torch.zeros(1), torch.zeros(1)

    def add(self, images: Tensor) -> None:
        values = images.double().transpose(0, 1).flatten(1)
        self.count += values.shape[1]
        self.sums = self.sums + values.sum(1)
        self.squares = self.squares + values.square().sum(1)

    def scale(self) -> Scale:
        means = self.sums / self.count
        spreads = (self.squares / self.count - means.square()).clamp(min=0).sqrt()
        # A constant channel is only centred.
        spreads[spreads < _FLAT * means.abs().clamp(min=1)] = 1.0
        return Scale(mean=tuple(means.tolist()), spread=tuple(spreads.tolist()))


def _allocate(items: Items) -> Dataset:
    """Return a data set of as many uninitialised images and labels."""
    kind, n = items.kind, len(items)
    images = torch.empty((n, kind.channels, kind.side, kind.side))
    return Dataset(
        images=images.contiguous(memory_format=torch.channels_last),
        labels=torch.empty(n, dtype=torch.int64),
        groups=torch.arange(n),
        classes=kind.classes,
    )


def _read(items: Items, chosen: NDArray[np.int64]) -> Iterator[Raw]:
    starts = range(0, len(chosen), READ_AT_ONCE)
    groups = [chosen[start : start + READ_AT_ONCE] for start in starts]
    return items.read(groups, [EVALUATION_SEED] * len(groups))


def _probe(items: Items) -> tuple[bool, bool]:
    """Return whether items vary between two readings, and whether a seed makes them repeatable."""
    sample = np.unique(np.linspace(0, len(items) - 1, _PROBED).astype(np.int64))
    # In this process: all workers would start with equal copies of a generator.
    in_process = replace(items, workers=0)
    first, other_seed, again = (
        raw.images
        for raw in in_process.read([sample] * 3, [EVALUATION_SEED, (1,), EVALUATION_SEED])
    )
    repeatable = torch.equal(first, again)
    return not (repeatable and torch.equal(first, other_seed)), repeatable
