"""Decompose a cost into sums over stages (widths and depth) and blocks (kernel and expansion).

The decomposition evaluates the cost function on reference networks and on single changes of them,
so it works for latency, MACs, parameters and counts. Where widths are elastic (ResNets), the cost
of a stage depends on its input width and its output width: a chain. Finally, the sum is verified on
random networks.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from supernet.constraints.choice_effects import (
    WidthChoice,
    chain_of,
    reference_costs,
    stage_effects,
)
from supernet.constraints.constraints import Costs
from supernet.constraints.feasible import smallest
from supernet.space.codes import Codes, Layout

Floats = NDArray[np.float64]
_CHECKED = 512  # number of random networks for verification
_TOLERANCE = 1e-9  # relative; rounding of sums in another order is smaller


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotCost:
    """Costs of one elastic block; `choices` (options, 2) are kernel and expand codes.

    `costs` (resolutions, inputs, outputs, options) are relative to the cheapest choice, 0 or more.
    """

    kernel_column: int
    expand_column: int
    choices: Codes
    costs: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCost:
    """Costs of one stage: its depths (depths,), its output widths, and its blocks in order.

    `costs` (resolutions, inputs, outputs, depths) hold its cheapest blocks and the cheapest
    continuation after it, relative to the cheapest output width and depth, so 0 or more.
    """

    column: int
    depths: Codes
    output_width: WidthChoice
    costs: Floats
    slots: tuple[SlotCost, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdditiveCost:
    """Cost as a sum: least of the resolution + entry width + over stages (stage + over blocks).

    `template` (columns,) is a code without elastic blocks; `least` (resolutions,) the exact cost
    of the cheapest network of each resolution; `entry` (resolutions, widths) the minimum that an
    entry width adds to it.
    """

    template: Codes
    resolutions: Codes
    least: Floats
    input_width: WidthChoice
    entry: Floats
    stages: tuple[StageCost, ...]

    @classmethod
    def of(cls, layout: Layout, costs: Costs) -> Self | None:
        """Decompose the costs of a layout's networks; None where they are not such a sum."""
        chain = chain_of(layout)
        if chain is None:
            return None
        with np.errstate(invalid="ignore"):  # blocks that cannot run have infinite cost
            stages = [_stage(layout, costs, chain, number) for number in range(layout.depths)]
        arrays = [stage.costs for stage in stages]
        arrays += [slot.costs for stage in stages for slot in stage.slots]
        if any((np.isnan(array) | np.isneginf(array)).any() for array in arrays):
            return None  # a reference network cannot run
        result = cls._reduced(layout, chain[0], reference_costs(layout, costs), stages)
        codes = layout.sample(np.random.default_rng(0), _CHECKED)
        equal = np.allclose(result.cost(codes), costs(codes), rtol=_TOLERANCE, atol=0.0)
        return result if equal else None

    @classmethod
    def _reduced(
        cls, layout: Layout, input_width: WidthChoice, reference: Floats, stages: list[StageCost]
    ) -> Self:
        """Move the cost of the cheapest continuation to the front, so that no term is below 0."""
        remaining = np.zeros((len(reference), len(stages[-1].output_width.codes)))
        reduced = []
        for stage in reversed(stages):
            total = stage.costs + remaining[:, None, :, None]
            remaining = total.min(axis=(2, 3))
            reduced.append(replace(stage, costs=_relative_to(total, remaining[:, :, None, None])))
        least = remaining.min(axis=1)
        template = smallest(layout, layout.columns[0].values[0])
        for group in layout.groups:
            template[group] = 0
        return cls(
            template=template,
            resolutions=np.array(layout.columns[0].values, dtype=np.int16),
            least=reference + least,
            input_width=input_width,
            entry=_relative_to(remaining, least[:, None]),
            stages=tuple(reversed(reduced)),
        )

    def cost(self, codes: Codes) -> Floats:
        """Return the sums (n,) for codes (n, columns)."""
        resolution, width = (
            np.searchsorted(self.resolutions, codes[:, 0]),
            self.input_width.indices(codes),
        )
        total = self.least[resolution] + self.entry[resolution, width]
        for stage in self.stages:
            entered, width = width, stage.output_width.indices(codes)
            depth = np.searchsorted(stage.depths, codes[:, stage.column])
            total += stage.costs[resolution, entered, width, depth]
            for slot in stage.slots:
                choice = codes[:, [slot.kernel_column, slot.expand_column]]
                equal = (choice[:, None, :] == slot.choices).all(axis=2)
                of_choice = slot.costs[resolution, entered, width, equal.argmax(axis=1)]
                total += np.where(equal.any(axis=1), of_choice, 0.0)
        return total


def _stage(layout: Layout, costs: Costs, chain: tuple[WidthChoice, ...], number: int) -> StageCost:
    """Return the costs of a stage relative to the reference networks."""
    effects = stage_effects(layout, costs, chain, number)
    depths = layout.columns[1 + number].values
    by_depth, slots = effects.by_depth, []
    for index, (slot, choices, option_costs) in enumerate(effects.by_slot):
        cheapest = option_costs.min(axis=3, keepdims=True)
        # A depth's cost is that of its cheapest blocks.
        by_depth = by_depth + np.where(np.array(depths) > index, cheapest, 0.0)
        slots.append(
            SlotCost(
                kernel_column=layout.kernel_start + slot,
                expand_column=layout.expand_start + slot,
                choices=choices,
                costs=_relative_to(option_costs, cheapest),
            )
        )
    return StageCost(
        column=1 + number,
        depths=np.array(depths, dtype=np.int16),
        output_width=chain[number + 1],
        costs=by_depth,
        slots=tuple(slots),
    )


def _relative_to(costs: Floats, least: Floats) -> Floats:
    """Return costs minus `least`; infinite costs stay infinite."""
    difference = np.full(costs.shape, np.inf)
    np.subtract(costs, least, out=difference, where=np.isfinite(costs))
    return difference
