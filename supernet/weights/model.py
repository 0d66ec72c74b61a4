"""`SuperNet`: all networks of a space over one set of shared weights.

The sub-network to run is an argument of `forward`, not a state of the module.
"""

import math
from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from bench.blocks.torch_modules import build_network
from supernet.space.space import ArchConfig, SearchSpace
from supernet.weights.channel_order import sort_channels
from supernet.weights.elastic import SharedBlock


class SuperNet(nn.Module):
    """Supernet with a shared block for each unit of `space`; `seed` determines the initial weights.

    Images are float tensors (n, in_channels, resolution, resolution), logits (n, classes).
    """

    def __init__(self, space: SearchSpace, seed: int = 0) -> None:
        super().__init__()
        self.space = space
        columns = space.layout.columns
        specs = space.unit_specs()
        shared = {}
        with torch.device("meta"):
            for unit in space.units:
                spec, kernel = specs[unit.name], unit.kernel_column
                smallest = spec.kernel if kernel is None else columns[kernel].values[0]
                shared[_member(unit.name)] = SharedBlock(spec, smallest, space.norm_eps)
        self.units = nn.ModuleDict(shared)
        self.to_empty(device="cpu")
        initialise(self, torch.Generator().manual_seed(seed))

    def unit(self, name: str) -> SharedBlock:
        """Return the shared block of the unit `name`, as `SearchSpace.named_blocks` names it."""
        return cast(SharedBlock, self.units[_member(name)])

    def forward(self, images: Tensor, arch: ArchConfig, *, head_only: bool = False) -> Tensor:
        """Return logits of the sub-network `arch`; `InputError` if it is not in the space.

        With `head_only` all blocks except the classifier are frozen (`SharedBlock.forward`).
        """
        x = images
        classifier = self.space.units[-1].name
        for name, spec in self.space.named_blocks(arch):
            x = self.unit(name)(x, spec, frozen=head_only and name != classifier)
        return x

    def extract(self, arch: ArchConfig) -> nn.Sequential:
        """Copy the sub-network `arch` into plain modules of `build_network`.

        It has this network's mode and running statistics: recalibrate it.
        """
        blocks = self.space.named_blocks(arch)
        with torch.device("meta"):
            network = build_network([spec for _, spec in blocks], norm_eps=self.space.norm_eps)
        state = {
            f"{index}.{key}": tensor.detach().clone(memory_format=torch.contiguous_format)
            for index, (name, spec) in enumerate(blocks)
            for key, tensor in self.unit(name).state(spec).items()
        }
        network.load_state_dict(state, assign=True)
        return network.train(self.training)

    def sort_channels(self, kept_mid: Mapping[str, Sequence[int]] | None = None) -> None:
        """Sort the hidden channels of every unit by importance; see `channel_order`.

        `kept_mid` gives, by unit, hidden widths whose sets of channels must not change.
        """
        for unit in self.space.units:
            shared = self.unit(unit.name)
            sort_channels(shared.block, shared.spec, (kept_mid or {}).get(unit.name, ()))


def _member(unit: str) -> str:
    return unit.replace(".", "_")  # a ModuleDict's names have no dots


@torch.no_grad()
def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Initialise the weights of `network` from `generator`.

    He initialisation by fan-out for convolutions, as OFA; uniform linear layers; identity norms.
    """
    for module in network.modules():
        match module:
            case nn.Conv2d():
                fan_out = module.out_channels * math.prod(module.kernel_size) // module.groups
                module.weight.normal_(0.0, math.sqrt(2.0 / fan_out), generator=generator)
                if module.bias is not None:
                    module.bias.zero_()
            case nn.Linear():
                bound = 1.0 / math.sqrt(module.in_features)
                module.weight.uniform_(-bound, bound, generator=generator)
                module.bias.zero_()
            case nn.BatchNorm2d():
                module.reset_running_stats()
                module.reset_parameters()
            case SharedBlock():
                for size, matrix in module.transforms.items():
                    matrix.copy_(torch.eye(int(size) ** 2))
            case _:
                pass
