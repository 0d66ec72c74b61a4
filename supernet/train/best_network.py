"""`BestNetwork`: the network of the best epoch of a training, by validation images."""

from dataclasses import dataclass, field

from supernet.weights.tensor_file import Tensors


@dataclass(frozen=True, kw_only=True)
class BestNetwork:
    """Network after an epoch, and its accuracy (a fraction) on so many validation images.

    `epoch` counts the epochs of all phases, from 1. `network` is the state of plain modules of
    `build_network`, with recalibrated batch norms.
    """

    accuracy: float
    images: int
    epoch: int
    network: Tensors = field(repr=False)

    def better_than(self, other: "BestNetwork | None") -> bool:
        """Return whether it replaces the best one so far; of equal ones the first is kept."""
        return other is None or self.accuracy > other.accuracy
