"""Exponential moving average of a network's weights and running statistics.

The decay rises from 0.1 to its final value over the first steps (1 + t) / (10 + t), so that a short
training is not dominated by its start.
"""

import torch
from torch import Tensor, nn

from supernet.weights.tensor_file import Tensors

_STEPS = "steps"


class WeightAverage:
    """Average of all floating-point tensors of a network, updated after each step.

    Other tensors, such as the norms' counters, are copied.
    """

    def __init__(self, decay: float, network: nn.Module) -> None:
        self._decay, self._steps = decay, 0
        self._state = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    @property
    def state(self) -> Tensors:
        """State dict of the averaged network."""
        return self._state

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Include the network's current state."""
        self._steps += 1
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        averages: list[Tensor] = []
        currents: list[Tensor] = []
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                averages.append(self._state[name])
                currents.append(tensor)
            else:
                self._state[name].copy_(tensor)
        torch._foreach_lerp_(averages, currents, 1 - decay)

    def to_tensors(self) -> Tensors:
        """Return the average and the number of its steps, for a checkpoint."""
        return {_STEPS: torch.tensor(self._steps), **self._state}

    def restore(self, tensors: Tensors) -> None:
        """Continue from `to_tensors`."""
        self._steps = int(tensors[_STEPS])
        for name, average in self._state.items():
            average.copy_(tensors[name])
