"""The validation curve of a training: accuracy of the largest sub-network after each epoch."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from supernet.data.dataset import Dataset, resize
from supernet.data.parts import Images
from supernet.train.recalibrate import BATCH, recalibrate
from supernet.weights.model import SuperNet

IMAGES = 500
LEAST_IMAGES = 2  # batch norm takes its statistics over several
NETWORK = "largest"


@dataclass(slots=True)
class Validation:
    """Evaluates the largest sub-network on a fixed part of the validation images.

    `images` gives all of them, and is called at the first evaluation. The sub-network is a copy:
    weights, running statistics and random numbers of the training stay as they are.
    """

    images: Callable[[], Images]
    _drawn: Dataset | None = field(default=None, init=False)

    def accuracy(self, supernet: SuperNet) -> tuple[float, int] | None:
        """Return the share of correct answers, and of how many images; None of fewer than two.

        The sub-network's batch norm takes its statistics from the same images, without labels.
        """
        if self._drawn is None:
            self._drawn = self.images().subset(IMAGES, np.random.default_rng(0))
        if len(self._drawn) < LEAST_IMAGES:
            return None
        arch = supernet.space.largest()
        network = supernet.extract(arch)
        device = next(network.parameters()).device
        images = resize(self._drawn.images, arch.resolution).to(device)
        recalibrate(network, images, min(BATCH, len(images)))
        with torch.no_grad():
            parts = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
            answers = [network(part).argmax(dim=1).cpu() for part in parts]
        correct = torch.cat(answers) == self._drawn.labels
        return float(correct.double().mean()), len(correct)
