"""`SandwichDraws`: each step trains the largest, the smallest, and random networks.

Sandwich rule (BigNAS, Yu et al., ECCV 2020, section 3.1): improving both extremes improves the
networks between them, and the largest teaches the others on the same images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from bench.errors import InputError
from supernet.constraints.constraints import Constraint
from supernet.constraints.feasible import Limits, largest, smallest
from supernet.sampling.draws import Draws
from supernet.space.codes import Codes, Layout


@dataclass(frozen=True, kw_only=True)
class SandwichDraws:
    """First the largest, then the smallest network of a step's resolution, then draws of `draws`.

    `largest` and `smallest` have a code (columns,) per resolution. Where the smallest does not meet
    the limits, it is missing, and the second network is also from `draws`.
    """

    draws: Draws
    largest: Mapping[int, Codes] = field(repr=False)
    smallest: Mapping[int, Codes] = field(repr=False)

    @classmethod
    def of(cls, draws: Draws, layout: Layout, limits: Sequence[Constraint] = ()) -> Self:
        """Take both extremes from a layout; the largest is the teacher and ignores the limits."""
        resolutions = layout.columns[0].values
        smallest_codes = np.stack([smallest(layout, resolution) for resolution in resolutions])
        met = Limits(tuple(limits)).met(smallest_codes)
        return cls(
            draws=draws,
            largest={resolution: largest(layout, resolution) for resolution in resolutions},
            smallest={int(code[0]): code for code in smallest_codes[met]},
        )

    def plan(self, rng: np.random.Generator, steps: int, subnets: int) -> Codes:
        """Draw (steps, subnets, columns), see `Draws.plan`; `InputError` for less than 2 a step."""
        if subnets < 2:
            raise InputError(
                f"a sandwich has a largest and a smallest network, got {subnets} a step; "
                "let the phase train 2 subnets or more"
            )
        drawn = self.draws.plan(rng, steps, subnets - 1)
        largest = np.empty((steps, 1, drawn.shape[2]), dtype=np.int16)
        for resolution in np.unique(drawn[:, 0, 0]).tolist():
            rows = drawn[:, 0, 0] == resolution
            largest[rows, 0] = self.largest[resolution]
            if resolution in self.smallest:
                drawn[rows, 0] = self.smallest[resolution]
        return np.concatenate([largest, drawn], axis=1)

    def describe(self) -> str:
        """Describe the networks of a step in one line."""
        total = len(self.largest)
        missing = total - len(self.smallest)
        note = f" (not within the limits at {missing} of {total} resolutions)" if missing else ""
        return f"sandwich: the largest, the smallest{note}, the rest drawn"
