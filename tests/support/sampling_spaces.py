"""Spaces small enough to list every network with its probability, and their costs."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from supernet.constraints.constraints import Constraint, Costs, SummedCost
from supernet.space.codes import Codes, Layout
from supernet.space.space import SearchSpace

Floats = NDArray[np.float64]

MOBILE = SearchSpace.from_toml(
    """
name = "two stages"
family = "mbconv"
in_channels = 1
classes = 2
resolutions = [8, 12]
stem = { width = 8, kernel = 3, stride = 2, act = "relu" }
first = { width = 8, kernel = 3, stride = 1, act = "relu" }
head = { final_expand = 32, feature_mix = 32, act = "relu" }
[[stages]]
width = 8
stride = 1
act = "relu"
depths = [1, 2]
kernels = [3, 5]
expands = [2, 3]
[[stages]]
width = 16
stride = 2
act = "relu"
depths = [1, 2]
kernels = [3, 5]
expands = [2, 3]
"""
)
RESNET = SearchSpace.from_toml(
    """
name = "coupled widths"
family = "resnet"
in_channels = 3
classes = 2
resolutions = [32, 48]
widths = [0.5, 1.0]
stem = { width = 32, stride = 2, act = "relu", depths = [0, 1] }
[[stages]]
width = 64
stride = 1
act = "relu"
depths = [1, 2]
expands = [0.25, 0.5]
[[stages]]
width = 128
stride = 2
act = "relu"
depths = [1, 2]
expands = [0.25, 0.5]
"""
)


def uneven(block: BlockSpec) -> float:
    """Return latencies in ms of a device on which a kernel of 5 costs less than one of 3."""
    return float(0.01 + block.macs**0.5 / 1000 * (0.8 if block.kernel == 5 else 1.0))


def uneven_ms(space: SearchSpace) -> Costs:
    return SummedCost(space.choices, uneven)


def limit(costs: Costs, most: float, name: str = "box", unit: str = "ms") -> Constraint:
    return Constraint(name=name, costs=costs, limit=most, unit=unit)


@dataclass(frozen=True)
class Everything:
    """Return all canonical codes of a layout, and their probabilities in uniform draws."""

    codes: Codes
    chances: Floats

    @classmethod
    def of(cls, layout: Layout) -> "Everything":
        values = [column.values for column in layout.columns]
        every = layout.canonical(np.array(list(product(*values)), dtype=np.int16))
        codes, counts = np.unique(every, axis=0, return_counts=True)
        return cls(codes, counts / len(every))

    def counts(self, drawn: Codes) -> NDArray[np.int64]:
        """Return how often each code was drawn; every drawn code must be one of them."""
        place = {code: row for row, code in enumerate(map(tuple, self.codes.tolist()))}
        rows = [place[code] for code in map(tuple, drawn.tolist())]
        return np.bincount(rows, minlength=len(self.codes))
