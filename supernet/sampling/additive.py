"""A cost taken apart into what each stage's depth and each block's choices add to it.

Found by asking the cost itself, so that it holds for latency, MACs, parameters and counts alike:
a reference network of every resolution, and what changes when one choice is another. Then the sum
is checked on random networks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Self

import numpy as np
from numpy.typing import NDArray

from supernet.codes import Codes, Layout
from supernet.sampling.feasible import smallest

Floats = NDArray[np.float64]
_CHECKED = 512  # random networks on which the sum must agree
_TOLERANCE = 1e-9  # relative: sums in another order differ by less


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotCost:
    """One elastic block: its choices (options, 2) as kernel and expand codes, and their costs.

    `costs` (resolutions, options) are what each adds to the cheapest of them, 0 or more.
    """

    kernel_column: int
    expand_column: int
    choices: Codes
    costs: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCost:
    """One stage: its depths (depths,), and the least cost (resolutions, depths) of each.

    Costs are beside the cheapest depth, 0 or more. `slots` are its blocks in order.
    """

    column: int
    depths: Codes
    costs: Floats
    slots: tuple[SlotCost, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Additive:
    """cost = least of the resolution + over stages (depth's + over its blocks (choice's)).

    `template` (columns,) is a code without elastic blocks, with the widths; `least` (resolutions,)
    the exact cost of the cheapest network of each resolution.
    """

    template: Codes
    resolutions: Codes
    least: Floats
    stages: tuple[StageCost, ...]

    @classmethod
    def of(cls, layout: Layout, costs: Callable[[Codes], Floats]) -> Self | None:
        """Take `costs` of a layout's networks apart; None where they are no such sum.

        So it is where widths are to choose (ResNets): they couple a stage with its neighbours.
        """
        if any(len(column.values) > 1 for column in layout.columns[layout.width_start :]):
            return None
        with np.errstate(invalid="ignore"):  # blocks that could not run cost infinitely much
            found = cls._assume(layout, costs)
        if not np.isfinite(found.least).all():
            return None
        codes = layout.sample(np.random.default_rng(0), _CHECKED)
        expected, summed = costs(codes), found.cost(codes)
        return found if np.allclose(summed, expected, rtol=_TOLERANCE, atol=0.0) else None

    def cost(self, codes: Codes) -> Floats:
        """Add the parts up for codes (n, columns), (n,)."""
        at = np.searchsorted(self.resolutions, codes[:, 0])
        total = self.least[at]
        for stage in self.stages:
            depth = np.searchsorted(stage.depths, codes[:, stage.column])
            total += stage.costs[at, depth]
            for slot in stage.slots:
                own = codes[:, [slot.kernel_column, slot.expand_column]]
                same = (own[:, None, :] == slot.choices).all(axis=2)
                total += np.where(same.any(axis=1), slot.costs[at, same.argmax(axis=1)], 0.0)
        return total

    @classmethod
    def _assume(cls, layout: Layout, costs: Callable[[Codes], Floats]) -> Self:
        """The parts, if the cost is a sum of such."""
        resolutions = np.array(layout.columns[0].values, dtype=np.int16)
        deepest = _deepest(layout)
        reference = _asked(layout, costs, deepest[None])[:, 0]
        least, stages = reference.copy(), []
        for number in range(layout.depths):
            stage = _stage(layout, costs, number, deepest, reference)
            cheapest = stage.costs.min(axis=1)
            least += cheapest
            stages.append(_with(stage, stage.costs - cheapest[:, None]))
        template = smallest(layout, int(resolutions[0]))
        for group in layout.groups:
            template[group] = 0
        return cls(template=template, resolutions=resolutions, least=least, stages=tuple(stages))


def _with(stage: StageCost, costs: Floats) -> StageCost:
    return StageCost(column=stage.column, depths=stage.depths, costs=costs, slots=stage.slots)


def _stage(
    layout: Layout,
    costs: Callable[[Codes], Floats],
    number: int,
    deepest: Codes,
    reference: Floats,
) -> StageCost:
    """What a stage adds beside the reference networks, (resolutions,) of them."""
    depths = layout.columns[1 + number].values
    rows = np.repeat(deepest[None], len(depths), axis=0)
    rows[:, 1 + number] = depths
    by_depth = _asked(layout, costs, rows) - reference[:, None]
    slots = []
    for place, (stage, index) in enumerate(layout.slots):
        if stage != number or index >= depths[-1]:
            continue
        kernel, expand = layout.kernel_start + place, layout.expand_start + place
        choices = list(product(layout.columns[kernel].values, layout.columns[expand].values))
        rows = np.repeat(deepest[None], len(choices), axis=0)
        rows[:, [kernel, expand]] = choices
        beside = _asked(layout, costs, rows) - reference[:, None]
        cheapest = beside.min(axis=1, keepdims=True)
        slots.append(
            SlotCost(
                kernel_column=kernel,
                expand_column=expand,
                choices=np.array(choices, dtype=np.int16),
                costs=beside - cheapest,
            )
        )
        # A depth's cost is that of its cheapest blocks.
        by_depth += np.where(np.array(depths) > index, cheapest, 0.0)
    return StageCost(
        column=1 + number,
        depths=np.array(depths, dtype=np.int16),
        costs=by_depth,
        slots=tuple(slots),
    )


def _deepest(layout: Layout) -> Codes:
    """The code of largest depths and else smallest choices, (columns,), resolution open."""
    row = np.array([column.values[0] for column in layout.columns], dtype=np.int16)
    row[1 : layout.kernel_start] = [c.values[-1] for c in layout.columns[1 : layout.kernel_start]]
    return row


def _asked(layout: Layout, costs: Callable[[Codes], Floats], rows: Codes) -> Floats:
    """Costs (resolutions, rows) of whole rows at every resolution."""
    resolutions = layout.columns[0].values
    codes = np.tile(layout.canonical(rows), (len(resolutions), 1))
    codes[:, 0] = np.repeat(np.array(resolutions, dtype=np.int16), len(rows))
    return costs(codes).reshape(len(resolutions), len(rows))
