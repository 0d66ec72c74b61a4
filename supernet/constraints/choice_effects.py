"""Measure the effects of single choices on a cost by evaluating the cost function.

Reference networks have the smallest choices but the largest depths, so that every block is present.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from supernet.constraints.constraints import Costs
from supernet.space.codes import Codes, Layout

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class WidthChoice:
    """Column of widths with its codes (widths,); None and one code where width is not elastic."""

    column: int | None
    codes: Codes

    def indices(self, codes: Codes) -> Indices:
        """Return the width index of each network (n, columns), (n,)."""
        if self.column is None:
            return np.zeros(len(codes), dtype=np.intp)
        return np.searchsorted(self.codes, codes[:, self.column])

    def write(self, codes: Codes, indices: Indices) -> None:
        """Write these widths into codes (n, columns)."""
        if self.column is not None:
            codes[:, self.column] = self.codes[indices]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEffects:
    """Costs relative to the reference, (resolutions, inputs, outputs, depths or options).

    `by_depth` includes the widths; `by_slot` has the number of a slot, its choices (options, 2),
    and their costs relative to the smallest choice.
    """

    by_depth: Floats
    by_slot: tuple[tuple[int, Codes, Floats], ...]


def chain_of(layout: Layout) -> tuple[WidthChoice, ...] | None:
    """Return the widths between stages: the input of the first, then the output of each.

    Returns None where the widths are not a chain through the stages.
    """
    columns = layout.columns[layout.width_start :]
    if all(len(column.values) == 1 for column in columns):
        return (WidthChoice(None, np.zeros(1, dtype=np.int16)),) * (layout.depths + 1)
    if len(columns) != layout.depths + 1:
        return None
    return tuple(
        WidthChoice(layout.width_start + index, np.array(column.values, dtype=np.int16))
        for index, column in enumerate(columns)
    )


def reference_costs(layout: Layout, costs: Costs) -> Floats:
    """Cost of the reference network at each resolution, (resolutions,)."""
    return _costs_at_all_resolutions(layout, costs, _reference(layout)[None])[:, 0]


def stage_effects(
    layout: Layout, costs: Costs, chain: tuple[WidthChoice, ...], number: int
) -> StageEffects:
    """Evaluate the effects of a stage's widths, depths and blocks."""
    inputs, outputs = chain[number], chain[number + 1]
    pairs, inputs_only = _pairs(layout, inputs, outputs)
    shape = (len(layout.columns[0].values), len(inputs.codes), len(outputs.codes), -1)
    pair_costs = _costs_at_all_resolutions(layout, costs, pairs)
    # The input width of a stage is counted with the previous stage, except for the first stage.
    counted = (
        _costs_at_all_resolutions(layout, costs, inputs_only)
        if number
        else reference_costs(layout, costs)[:, None]
    )
    baseline = np.broadcast_to(counted, pair_costs.shape)

    def costs_with(columns: list[int], choices: Codes) -> Floats:
        rows = np.repeat(pairs, len(choices), axis=0)
        rows[:, columns] = np.tile(choices, (len(pairs), 1))
        return _costs_at_all_resolutions(layout, costs, rows).reshape(shape)

    depths = np.array(layout.columns[1 + number].values, dtype=np.int16)
    by_slot = []
    for slot, (stage, _) in enumerate(layout.slots):
        if stage == number:
            columns = [layout.kernel_start + slot, layout.expand_start + slot]
            values = [layout.columns[column].values for column in columns]
            choices = np.array(list(product(*values)), dtype=np.int16)
            by_slot.append(
                (slot, choices, costs_with(columns, choices) - pair_costs.reshape(shape))
            )
    by_depth = costs_with([1 + number], depths[:, None]) - baseline.reshape(shape)
    return StageEffects(by_depth=by_depth, by_slot=tuple(by_slot))


def _pairs(layout: Layout, inputs: WidthChoice, outputs: WidthChoice) -> tuple[Codes, Codes]:
    """Return references (inputs * outputs, columns) of each pair of widths, and of input widths."""
    input_index, output_index = np.divmod(
        np.arange(len(inputs.codes) * len(outputs.codes)), len(outputs.codes)
    )
    inputs_only = np.repeat(_reference(layout)[None], len(input_index), axis=0)
    inputs.write(inputs_only, input_index)
    pairs = inputs_only.copy()
    outputs.write(pairs, output_index)
    return pairs, inputs_only


def _reference(layout: Layout) -> Codes:
    """Return the code of a reference network, (columns,), without its resolution."""
    row = np.array([column.values[0] for column in layout.columns], dtype=np.int16)
    row[1 : layout.kernel_start] = [c.values[-1] for c in layout.columns[1 : layout.kernel_start]]
    return row


def _costs_at_all_resolutions(layout: Layout, costs: Costs, rows: Codes) -> Floats:
    """Return costs (resolutions, rows) of the rows at every resolution."""
    resolutions = layout.columns[0].values
    codes = np.tile(layout.canonical(rows), (len(resolutions), 1))
    codes[:, 0] = np.repeat(np.array(resolutions, dtype=np.int16), len(rows))
    return costs(codes).reshape(len(resolutions), len(rows))
