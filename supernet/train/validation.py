"""Validation of a training after each epoch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from supernet.data.dataset import Dataset, Score, resize, score
from supernet.data.parts import Images
from supernet.space.space import ArchConfig
from supernet.train.recalibrate import BATCH, channels_last, recalibrate
from supernet.weights.model import SuperNet
from supernet.weights.tensor_file import Tensors

IMAGES = 500
LEAST_IMAGES = 2  # batch norm takes its statistics over several
FINE_TUNED = "fine-tuned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """Accuracy (a fraction) of a network on so many validation images.

    `state` is the evaluated network's, if the best network is to be kept, else empty.
    """

    network: str
    accuracy: float
    images: int
    state: Tensors = field(default_factory=dict, repr=False)


class EpochValidation(Protocol):
    """Evaluates a supernet after each epoch; it and its running statistics stay as they are."""

    @property
    def networks(self) -> Mapping[str, ArchConfig]:
        """The evaluated sub-networks by name."""
        ...

    def evaluate(self, supernet: SuperNet) -> tuple[Evaluated, ...]:
        """Return the accuracy of each network; none where there are too few images."""
        ...


@dataclass(slots=True)
class Validation:
    """Evaluates sub-networks on a fixed part of the validation images.

    `images` gives all of them, and is called at the first evaluation. The sub-networks are copies:
    weights, running statistics and random numbers of the training stay as they are.
    """

    images: Callable[[], Images]
    networks: Mapping[str, ArchConfig]
    _drawn: Dataset | None = field(default=None, init=False)

    def evaluate(self, supernet: SuperNet) -> tuple[Evaluated, ...]:
        """Return each network's share of correct answers; none of fewer than two images.

        The networks' batch norms take their statistics from the same images, without labels.
        """
        if self._drawn is None:
            self._drawn = self.images().subset(IMAGES, np.random.default_rng(0))
        if len(self._drawn) < LEAST_IMAGES:
            return ()
        return tuple(
            Evaluated(
                network=name,
                accuracy=_accuracy(supernet, arch, self._drawn),
                images=len(self._drawn),
            )
            for name, arch in self.networks.items()
        )


def _accuracy(supernet: SuperNet, arch: ArchConfig, drawn: Dataset) -> float:
    """Return the accuracy of a copy of a sub-network, recalibrated on the same images."""
    network = supernet.extract(arch)
    device = next(network.parameters()).device
    images = resize(drawn.images, arch.resolution).to(device)
    recalibrate(network, images, min(BATCH, len(images)))
    with torch.no_grad():
        parts = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
        answers = [network(part).argmax(dim=1).cpu() for part in parts]
    correct = torch.cat(answers) == drawn.labels
    return float(correct.double().mean())


@dataclass(frozen=True, slots=True)
class SingleNetworkValidation:
    """Evaluates the network of a space that has only one, on all validation images.

    Its batch norms are recalibrated on the training images `calibration` (n, c, r, r), as those of
    every extracted network.
    """

    images: Images
    calibration: Tensor

    @property
    def networks(self) -> Mapping[str, ArchConfig]:
        """Empty: the only network has no choices."""
        return {}

    def evaluate(self, supernet: SuperNet) -> tuple[Evaluated, ...]:
        """Return the accuracy, and the recalibrated network's state."""
        network = channels_last(supernet.extract(supernet.space.largest()))
        result = self.score(network)
        state = {name: tensor.cpu() for name, tensor in network.state_dict().items()}
        evaluated = Evaluated(
            network=FINE_TUNED, accuracy=result.accuracy, images=result.images, state=state
        )
        return (evaluated,)

    def score(self, network: nn.Module) -> Score:
        """Recalibrate `network` in place, and return its accuracy."""
        calibration = self.calibration.to(next(network.parameters()).device)
        recalibrate(network, calibration, min(BATCH, len(calibration)))
        return score(*self.correct(network))

    @torch.no_grad()
    def correct(self, network: nn.Module) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return 1 for each image with the right class, else 0; and the groups of the images."""
        device, size = next(network.parameters()).device, self.calibration.shape[-1]
        network.eval()
        correct, groups = [], []
        for chunk in self.images.chunks(BATCH):
            images = resize(chunk.images, size).to(device, memory_format=torch.channels_last)
            correct.append(network(images).argmax(dim=1).cpu() == chunk.labels)
            groups.append(chunk.groups)
        return torch.cat(correct).double().numpy(), torch.cat(groups).numpy()
