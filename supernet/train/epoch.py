"""Plan of an epoch: the order of the images, and the networks of each step."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from supernet.data.batch_stream import BatchRequest, Source
from supernet.sampling.draws import Draws
from supernet.space.codes import Codes
from supernet.train.schedule import Phase


@dataclass(frozen=True, kw_only=True)
class EpochPlan:
    """Determined by seed, phase and epoch, so equal on every rank and after a resume.

    `order` (images,) are image indices in training order; an incomplete last batch is dropped.
    `codes` (steps, subnets, columns) are the sub-networks. `key` is (seed, phase, epoch).
    """

    key: tuple[int, int, int]
    phase: Phase
    order: NDArray[np.int64]
    codes: Codes

    @classmethod
    def draw(
        cls, key: tuple[int, int, int], phase: Phase, images: int | Source, draws: Draws
    ) -> "EpochPlan":
        """Draw epoch `key[2]` of phase `key[1]` on the images of a source, or on so many."""
        rng = np.random.default_rng(key)
        order = rng.permutation(images) if isinstance(images, int) else images.epoch_order(rng)
        codes = draws.plan(rng, len(order) // phase.batch, phase.subnets)
        return cls(key=key, phase=phase, order=order, codes=codes)

    @property
    def steps(self) -> int:
        return len(self.codes)

    @property
    def images(self) -> int:
        """Images of the epoch, each counted once for each sub-network that it trains."""
        return self.steps * self.phase.batch * self.phase.subnets

    def lr_at(self, step: int) -> float:
        """Return the learning rate of a step of this epoch."""
        return self.phase.lr_at(self.key[2] * self.steps + step, self.steps)

    def requests(self, first: int, parts: Iterable[int], count: int) -> list[BatchRequest]:
        """Return micro-batches `parts`, out of `count`, of all steps from `first` on, in order."""
        size, part_numbers = self.phase.batch // count, list(parts)
        requests = []
        for step in range(first, self.steps):
            resolution = int(self.codes[step, 0, 0])
            for part in part_numbers:
                start = step * self.phase.batch + part * size
                chosen = self.order[start : start + size]
                seed = (*self.key, step, part)
                requests.append(BatchRequest(images=chosen, resolution=resolution, seed=seed))
        return requests
