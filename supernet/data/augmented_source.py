"""Augmentation of any training images, batch by batch: RandAugment, erasing, mixup, cutmix.

All that is drawn for an image comes from the seed of its batch and its index, and all that is drawn
for a batch from its seed: a training that is resumed continues bit for bit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from supernet.data.augment import random_generator
from supernet.data.batch_stream import Batch, BatchRequest, Broken, Source
from supernet.data.class_names import ClassNames
from supernet.data.mixing import cutmix, erase_, mixup, soft_labels_of
from supernet.data.parts import DataParts
from supernet.data.rand_augment import RandAugment
from supernet.data.torch_images import Scale

_OPERATIONS, _ERASING, _MIXING = 2, 3, 4  # uses of a seed; `augment` has 0 and 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAugmentation:
    """Augmentation after that of the data itself; 0 turns each off.

    Each image gets `operations` operations of RandAugment at the magnitude `rand_augment` (to 10),
    and loses a random box with the probability `erasing`. Each batch is mixed with itself in
    another order: by mixup, with a share from Beta(`mixup`, `mixup`), or by cutmix, with a share
    from Beta(`cutmix`, `cutmix`); with both, either has a probability of 1/2.
    """

    rand_augment: float = 0.0
    operations: int = 2
    mixup: float = 0.0
    cutmix: float = 0.0
    erasing: float = 0.0

    def __str__(self) -> str:
        """Return what is on, as `rand-augment 9 x 2, mixup 0.2`; "" for nothing."""
        values = {
            f"rand-augment {self.rand_augment:g} x {self.operations}": self.rand_augment,
            f"random erasing {self.erasing:g}": self.erasing,
            f"mixup {self.mixup:g}": self.mixup,
            f"cutmix {self.cutmix:g}": self.cutmix,
        }
        return ", ".join(text for text, value in values.items() if value)


def augmented(parts: DataParts, augmentation: BatchAugmentation) -> Source:
    """Return the training images of `parts` with this augmentation, or as they are without any."""
    if not str(augmentation):
        return parts.train_source
    scale = Scale(mean=parts.mean, spread=parts.spread)
    return AugmentedSource(parts.train_source, augmentation, scale)


@dataclass(frozen=True)
class AugmentedSource:
    """`Source` whose batches are those of `source`, normalised by `scale`, augmented."""

    source: Source
    augmentation: BatchAugmentation
    scale: Scale

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def channels(self) -> int:
        return self.source.channels

    @property
    def classes(self) -> int:
        return self.source.classes

    @property
    def class_names(self) -> ClassNames:
        return self.source.class_names

    @property
    def repeats(self) -> bool:
        return False

    def __len__(self) -> int:
        return len(self.source)

    def stream(self, requests: Sequence[BatchRequest]) -> Iterator[Batch]:
        """Yield the batches of the source in order, augmented."""
        for request, batch in zip(requests, self.source.stream(requests), strict=True):
            yield self._mixed(self._images_changed(batch, request.seed), request.seed)

    def epoch_order(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw the order of the images in an epoch, as the source does."""
        return self.source.epoch_order(rng)

    def calibration(self, n: int, resolution: int) -> Tensor:
        """Return the first `n` images as for evaluation, without augmentation."""
        return self.source.calibration(n, resolution)

    def broken(self) -> tuple[Broken, ...]:
        """Return the images that could not be read so far, sorted by path."""
        return self.source.broken()

    def _images_changed(self, batch: Batch, seed: tuple[int, ...]) -> Batch:
        chosen, images, indices = self.augmentation, batch.images, batch.index.tolist()
        if chosen.rand_augment:
            fill = torch.tensor(self.scale.mean) / 255
            operate = RandAugment(
                magnitude=chosen.rand_augment, operations=chosen.operations, fill=fill
            )
            generators = [random_generator(seed, _OPERATIONS, index) for index in indices]
            pixels = self.scale.undo(images).div_(255).clamp_(0, 1)
            images = self.scale.apply_(operate(pixels, generators).mul_(255))
        if chosen.erasing:
            images = images.clone() if images is batch.images else images
            for image, index in zip(images, indices, strict=True):
                rng = random_generator(seed, _ERASING, index)
                if rng.random() < chosen.erasing:
                    erase_(image, rng)
        return replace(batch, images=images)

    def _mixed(self, batch: Batch, seed: tuple[int, ...]) -> Batch:
        alphas = [alpha for alpha in (self.augmentation.mixup, self.augmentation.cutmix) if alpha]
        if not alphas:
            return batch
        rng = random_generator(seed, _MIXING)
        pasted = self.augmentation.cutmix > 0 and (len(alphas) == 1 or rng.random() < 0.5)
        alpha = self.augmentation.cutmix if pasted else self.augmentation.mixup
        share = float(rng.beta(alpha, alpha))
        order = torch.from_numpy(rng.permutation(len(batch.labels)))
        if pasted:
            images, share = cutmix(batch.images, order, share, rng)
        else:
            images = mixup(batch.images, order, share)
        return replace(
            batch,
            images=images.contiguous(memory_format=torch.channels_last),
            labels=batch.labels if share >= 0.5 else batch.labels[order],
            soft_labels=soft_labels_of(batch.labels, order, share, self.classes),
        )
