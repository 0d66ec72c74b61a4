"""Effects of single choices on a cost, found by evaluating the cost.

Reference networks have every smallest choice but the largest depths, so that each block is there
to be changed.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from supernet.constraints.constraints import Costs
from supernet.space.codes import Codes, Layout

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class WidthChoice:
    """A column of widths and its codes (widths,); column None, and one code, without a choice."""

    column: int | None
    codes: Codes

    def places(self, codes: Codes) -> Places:
        """Which width each network (n, columns) has, (n,)."""
        if self.column is None:
            return np.zeros(len(codes), dtype=np.intp)
        return np.searchsorted(self.codes, codes[:, self.column])

    def put(self, codes: Codes, places: Places) -> None:
        """Write these widths into codes (n, columns)."""
        if self.column is not None:
            codes[:, self.column] = self.codes[places]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbedStage:
    """Costs beside the reference, (resolutions, enters, leaves, depths or options).

    `by_depth` includes the widths; `by_slot` has a slot's number, its choices (options, 2), and
    what each costs beside the smallest.
    """

    by_depth: Floats
    by_slot: tuple[tuple[int, Codes, Floats], ...]


def chain_of(layout: Layout) -> tuple[WidthChoice, ...] | None:
    """Widths between stages: that which the first is entered with, then each is left with.

    None where the widths are no chain through the stages.
    """
    columns = layout.columns[layout.width_start :]
    if all(len(column.values) == 1 for column in columns):
        return (WidthChoice(None, np.zeros(1, dtype=np.int16)),) * (layout.depths + 1)
    if len(columns) != layout.depths + 1:
        return None
    return tuple(
        WidthChoice(layout.width_start + place, np.array(column.values, dtype=np.int16))
        for place, column in enumerate(columns)
    )


def reference_costs(layout: Layout, costs: Costs) -> Floats:
    """Cost of the reference network at each resolution, (resolutions,)."""
    return _asked(layout, costs, _reference(layout)[None])[:, 0]


def probe_stage(
    layout: Layout, costs: Costs, chain: tuple[WidthChoice, ...], number: int
) -> ProbedStage:
    """Ask what a stage's widths, depths and blocks change."""
    enters, leaves = chain[number], chain[number + 1]
    pairs, alone = _pairs(layout, enters, leaves)
    shape = (len(layout.columns[0].values), len(enters.codes), len(leaves.codes), -1)
    of_pairs = _asked(layout, costs, pairs)
    # What a stage is entered with has been counted with the stage before, but for the first.
    counted = _asked(layout, costs, alone) if number else reference_costs(layout, costs)[:, None]
    beside = np.broadcast_to(counted, of_pairs.shape)

    def asked(columns: list[int], choices: Codes) -> Floats:
        rows = np.repeat(pairs, len(choices), axis=0)
        rows[:, columns] = np.tile(choices, (len(pairs), 1))
        return _asked(layout, costs, rows).reshape(shape)

    depths = np.array(layout.columns[1 + number].values, dtype=np.int16)
    by_slot = []
    for place, (stage, _) in enumerate(layout.slots):
        if stage == number:
            columns = [layout.kernel_start + place, layout.expand_start + place]
            values = [layout.columns[column].values for column in columns]
            choices = np.array(list(product(*values)), dtype=np.int16)
            by_slot.append((place, choices, asked(columns, choices) - of_pairs.reshape(shape)))
    by_depth = asked([1 + number], depths[:, None]) - beside.reshape(shape)
    return ProbedStage(by_depth=by_depth, by_slot=tuple(by_slot))


def _pairs(layout: Layout, enters: WidthChoice, leaves: WidthChoice) -> tuple[Codes, Codes]:
    """References (enters * leaves, columns) of each pair of widths, and of the first alone."""
    enter, leave = np.divmod(np.arange(len(enters.codes) * len(leaves.codes)), len(leaves.codes))
    alone = np.repeat(_reference(layout)[None], len(enter), axis=0)
    enters.put(alone, enter)
    pairs = alone.copy()
    leaves.put(pairs, leave)
    return pairs, alone


def _reference(layout: Layout) -> Codes:
    """Code of a reference network, (columns,), its resolution open."""
    row = np.array([column.values[0] for column in layout.columns], dtype=np.int16)
    row[1 : layout.kernel_start] = [c.values[-1] for c in layout.columns[1 : layout.kernel_start]]
    return row


def _asked(layout: Layout, costs: Costs, rows: Codes) -> Floats:
    """Costs (resolutions, rows) of whole rows at every resolution."""
    resolutions = layout.columns[0].values
    codes = np.tile(layout.canonical(rows), (len(resolutions), 1))
    codes[:, 0] = np.repeat(np.array(resolutions, dtype=np.int16), len(rows))
    return costs(codes).reshape(len(resolutions), len(rows))
