"""One part of a torch `Dataset`: whether it varies, its digest, mean and deviation."""

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
from supernet.data.torch_images import READ_AT_ONCE, STILL, Scale, TorchImages, TorchSource
from supernet.data.torch_items import Items, Raw, to_bytes

HELD_BYTES = 2 << 30  # of float32 images of a part; more are read each time they are drawn
SAMPLED = 500  # items of a part that is not held, for its digest and the training's mean and spread
_PROBED = 32  # items read three times, to see whether they vary
_FLAT = 1e-6  # standard deviation, in bytes, below which a channel holds one value


@dataclass(frozen=True, kw_only=True)
class Part:
    """Items with what was seen of them: all of them where they are held, else a sample.

    `held` are the images as floats of bytes, not normalised yet. `digest` is of the labels and the
    images seen (not of images that differ between two readings with one seed).
    """

    items: Items
    varies: bool
    digest: str
    scale: Scale
    held: Dataset | None

    @classmethod
    def look(cls, items: Items, in_memory: bool | None) -> "Part":
        """Read the items (see `TorchData`); `InputError` where one is not usable."""
        varies, repeatable = _probe(items)
        items = replace(items, seeded=varies)
        kind, n = items.kind, len(items)
        fits = n * kind.channels * kind.side**2 * 4 <= HELD_BYTES
        hold = fits and not varies if in_memory is None else in_memory
        seen = np.arange(n) if hold else choose(n, SAMPLED, np.random.default_rng(0))
        held = _room(items) if hold else None
        digest, moments, done = hashlib.sha256(f"{n} {kind}".encode()), _Moments(), 0
        for raw in _read(items, seen):
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
        """Return these as training images. Ask once: what is held is normalised in place."""
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
        """Return these for evaluation, at `size` pixels a side where they are larger. Ask once."""
        if self.held is not None:
            scale.apply_(self.held.images)
            return self.held
        return TorchImages(items=self.items, scale=scale, size=min(size, self.items.kind.side))


class _Moments:
    """Mean and standard deviation of each channel, added up image by image."""

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
        # A channel of one value stays as it is about its mean.
        spreads[spreads < _FLAT * means.abs().clamp(min=1)] = 1.0
        return Scale(mean=tuple(means.tolist()), spread=tuple(spreads.tolist()))


def _room(items: Items) -> Dataset:
    """A data set of as many images and labels, whose values are not written yet."""
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
    return items.read(groups, [STILL] * len(groups))


def _probe(items: Items) -> tuple[bool, bool]:
    """Whether items differ between two readings, and whether they are alike with one seed."""
    some = np.unique(np.linspace(0, len(items) - 1, _PROBED).astype(np.int64))
    # In this process: workers' copies of a generator would all begin alike.
    alone = replace(items, workers=0)
    first, other, again = (raw.images for raw in alone.read([some] * 3, [STILL, (1,), STILL]))
    repeatable = torch.equal(first, again)
    return not (repeatable and torch.equal(first, other)), repeatable
