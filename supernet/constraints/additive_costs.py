"""Additive costs: what each stage's widths and depth and each block's choices add.

Found by asking the cost itself, so that it holds for latency, MACs, parameters and counts alike:
reference networks, and what changes when one choice is another. Where widths are to choose
(ResNets), a stage's cost is of the width that it is entered with and the one that it leaves with:
a chain. In the end the sum is checked on random networks.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from supernet.constraints.choice_effects import WidthChoice, chain_of, probe_stage, reference_costs
from supernet.constraints.constraints import Costs
from supernet.constraints.feasible import smallest
from supernet.space.codes import Codes, Layout

Floats = NDArray[np.float64]
_CHECKED = 512  # random networks on which the sum must agree
_TOLERANCE = 1e-9  # relative: sums in another order differ by less


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotCost:
    """One elastic block: its choices (options, 2) as kernel and expand codes, and their costs.

    `costs` (resolutions, enters, leaves, options) are beside the cheapest choice, 0 or more.
    """

    kernel_column: int
    expand_column: int
    choices: Codes
    costs: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCost:
    """One stage: its depths (depths,), the widths it may leave with, and its blocks in order.

    `costs` (resolutions, enters, leaves, depths) hold its cheapest blocks and, of all after it,
    the least; beside the cheapest choice of leaving and depth, so 0 or more.
    """

    column: int
    depths: Codes
    leaves: WidthChoice
    costs: Floats
    slots: tuple[SlotCost, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Additive:
    """cost = least of the resolution + first width's + over stages (stage's + over blocks (its)).

    `template` (columns,) is a code without elastic blocks; `least` (resolutions,) the exact cost
    of the cheapest network of each resolution; `entry` (resolutions, widths) the least that a
    first width adds to it.
    """

    template: Codes
    resolutions: Codes
    least: Floats
    enters: WidthChoice
    entry: Floats
    stages: tuple[StageCost, ...]

    @classmethod
    def of(cls, layout: Layout, costs: Costs) -> Self | None:
        """Take `costs` of a layout's networks apart; None where they are no such sum."""
        chain = chain_of(layout)
        if chain is None:
            return None
        with np.errstate(invalid="ignore"):  # blocks that could not run cost infinitely much
            stages = [_stage(layout, costs, chain, number) for number in range(layout.depths)]
        parts = [stage.costs for stage in stages]
        parts += [slot.costs for stage in stages for slot in stage.slots]
        if any((np.isnan(part) | np.isneginf(part)).any() for part in parts):
            return None  # a reference network cannot run
        found = cls._reduced(layout, chain[0], reference_costs(layout, costs), stages)
        codes = layout.sample(np.random.default_rng(0), _CHECKED)
        same = np.allclose(found.cost(codes), costs(codes), rtol=_TOLERANCE, atol=0.0)
        return found if same else None

    @classmethod
    def _reduced(
        cls, layout: Layout, enters: WidthChoice, reference: Floats, stages: list[StageCost]
    ) -> Self:
        """Move what the cheapest continuation costs to the front, so that no part is below 0."""
        to_go = np.zeros((len(reference), len(stages[-1].leaves.codes)))
        reduced = []
        for stage in reversed(stages):
            whole = stage.costs + to_go[:, None, :, None]
            to_go = whole.min(axis=(2, 3))
            reduced.append(replace(stage, costs=_beside(whole, to_go[:, :, None, None])))
        least = to_go.min(axis=1)
        template = smallest(layout, layout.columns[0].values[0])
        for group in layout.groups:
            template[group] = 0
        return cls(
            template=template,
            resolutions=np.array(layout.columns[0].values, dtype=np.int16),
            least=reference + least,
            enters=enters,
            entry=_beside(to_go, least[:, None]),
            stages=tuple(reversed(reduced)),
        )

    def cost(self, codes: Codes) -> Floats:
        """Add the parts up for codes (n, columns), (n,)."""
        at, width = np.searchsorted(self.resolutions, codes[:, 0]), self.enters.places(codes)
        total = self.least[at] + self.entry[at, width]
        for stage in self.stages:
            entered, width = width, stage.leaves.places(codes)
            depth = np.searchsorted(stage.depths, codes[:, stage.column])
            total += stage.costs[at, entered, width, depth]
            for slot in stage.slots:
                own = codes[:, [slot.kernel_column, slot.expand_column]]
                same = (own[:, None, :] == slot.choices).all(axis=2)
                of_choice = slot.costs[at, entered, width, same.argmax(axis=1)]
                total += np.where(same.any(axis=1), of_choice, 0.0)
        return total


def _stage(layout: Layout, costs: Costs, chain: tuple[WidthChoice, ...], number: int) -> StageCost:
    """What a stage adds beside the reference networks."""
    probed = probe_stage(layout, costs, chain, number)
    depths = layout.columns[1 + number].values
    by_depth, slots = probed.by_depth, []
    for index, (place, choices, beside) in enumerate(probed.by_slot):
        cheapest = beside.min(axis=3, keepdims=True)
        # A depth's cost is that of its cheapest blocks.
        by_depth = by_depth + np.where(np.array(depths) > index, cheapest, 0.0)
        slots.append(
            SlotCost(
                kernel_column=layout.kernel_start + place,
                expand_column=layout.expand_start + place,
                choices=choices,
                costs=_beside(beside, cheapest),
            )
        )
    return StageCost(
        column=1 + number,
        depths=np.array(depths, dtype=np.int16),
        leaves=chain[number + 1],
        costs=by_depth,
        slots=tuple(slots),
    )


def _beside(costs: Floats, least: Floats) -> Floats:
    """Costs less the least of them; infinite ones stay so."""
    found = np.full(costs.shape, np.inf)
    np.subtract(costs, least, out=found, where=np.isfinite(costs))
    return found
