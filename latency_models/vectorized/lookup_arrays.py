"""Lookup arrays: costs by position, indexed by the codes of networks.

Positions are grouped, and one array holds the cost of every combination of options of a group. Its
index is built from the bits of the codes (see vectorized.packed_codes).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from bench.errors import InputError
from latency_models.vectorized.packed_codes import (
    BitField,
    Codes,
    Column,
    Lookup,
    Numbers,
    PackedCode,
    fields_of,
    lookups_of,
    pack_columns,
)

Floats = NDArray[np.float64]
CostOf = Callable[[Sequence[BlockSpec]], Floats]
Reduction = np.ufunc
"""Reduces costs of blocks to that of a network: `np.add`, or `np.maximum` (of costs above 0)."""
_GROUP_ENTRIES = 1 << 17  # combinations of one group; larger tables miss the caches


class Position(Protocol):
    """Position of a block in a network: the columns that select it, and its options."""

    @property
    def columns(self) -> Sequence[int]:
        """Columns of the codes."""
        ...

    @property
    def options(self) -> Sequence[tuple[tuple[int, ...], tuple[BlockSpec, ...]]]:
        """Values of those columns, and the blocks that they select (none: absent)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLookup:
    """Costs of a group of positions, and how their index is built."""

    fields: tuple[BitField, ...]
    strides: tuple[tuple[int, int], ...]  # index of a lookup, and the stride of its digits
    costs: Floats  # NaN where no option has these values

    def costs_of(self, n: int, words: Sequence[Numbers], digits: Sequence[Numbers]) -> Floats:
        index = np.zeros(n, dtype=np.uint64)
        for number, stride in self.strides:
            index += digits[number] * np.uint64(stride)
        for field in self.fields:
            index |= field.take(words[field.source])
        # numpy takes signed indices directly and would convert unsigned ones.
        return self.costs.take(index.view(np.int64), mode="clip")


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupArrays:
    """The parts of the codes to read, and the groups of costs that they index."""

    width: int  # required number of columns
    packed: tuple[PackedCode, ...]
    lookups: tuple[Lookup, ...]
    groups: tuple[CostLookup, ...]
    reduction: Reduction

    def accumulate(self, total: Floats, codes: Codes) -> bool:
        """Add the costs of codes (n, columns) to `total` (n,); False where a code is invalid."""
        readings = [code.read(codes) for code in self.packed]
        words = [numbers for numbers, _ in readings]
        digits = [lookup.read(codes) for lookup in self.lookups]
        for group in self.groups:
            self.reduction(total, group.costs_of(len(codes), words, digits), out=total)
        return all(clean for _, clean in readings) and not np.isnan(total).any()


def compile_lookup_arrays(
    cost_of: CostOf, choices: Sequence[Position], reduction: Reduction = np.add
) -> LookupArrays:
    """Compute the costs of all options of all positions as lookup arrays."""
    columns = _columns(choices)
    packed = pack_columns(list(columns.values()))
    lookups = lookups_of(list(columns.values()))
    groups = [_compile(cost_of, group, columns, reduction) for group in _groups(choices, columns)]
    arrays = []
    for costs, strides in groups:
        shifts = {column: stride.bit_length() - 1 for column, stride in strides.items()}
        wide = [
            (index, strides[lookup.column])
            for index, lookup in enumerate(lookups)
            if lookup.column in strides
        ]
        fields = tuple(fields_of(packed, shifts))
        arrays.append(CostLookup(fields=fields, strides=tuple(wide), costs=costs))
    width = 1 + max(columns, default=-1)
    return LookupArrays(
        width=width, packed=packed, lookups=lookups, groups=tuple(arrays), reduction=reduction
    )


def _columns(choices: Sequence[Position]) -> dict[int, Column]:
    values_of: dict[int, set[int]] = {}
    for position in choices:
        for values, _ in position.options:
            for number, value in zip(position.columns, values, strict=True):
                values_of.setdefault(number, set()).add(value)
    if any(min(values) < 0 for values in values_of.values()):
        raise InputError("codes of a space are 0 or more; an option has a negative code")
    return {
        number: Column(number=number, values=np.array(sorted(values), dtype=np.int64))
        for number, values in sorted(values_of.items())
    }


def _groups(choices: Sequence[Position], columns: dict[int, Column]) -> Iterator[list[Position]]:
    """Group neighbouring positions, as many as fit into one array."""
    group: list[Position] = []
    used: set[int] = set()
    for position in choices:
        extended = used | set(position.columns)
        if (
            group
            and np.prod([columns[number].size for number in extended], dtype=float) > _GROUP_ENTRIES
        ):
            yield group
            group, extended = [], set(position.columns)
        group.append(position)
        used = extended
    if group:
        yield group


def _compile(
    cost_of: CostOf, group: Sequence[Position], columns: dict[int, Column], reduction: Reduction
) -> tuple[Floats, dict[int, int]]:
    """Return costs of all combinations of a group, and the stride of each column in their index."""
    numbers = sorted({number for position in group for number in position.columns})
    # Narrow columns first: their strides are then powers of two, so their digits are bits.
    ordered = sorted((columns[number] for number in numbers), key=lambda column: not column.narrow)
    strides = _strides(ordered)
    entries = np.arange(np.prod([column.size for column in ordered], dtype=np.int64))
    digits = {column.number: entries // strides[column.number] % column.size for column in ordered}
    costs = np.zeros(len(entries))
    for position in group:
        of_options = _option_costs(cost_of, position, reduction)
        reduction(costs, _spread_over_group(of_options, position, columns, digits), out=costs)
    return costs, strides


def _strides(ordered: Sequence[Column]) -> dict[int, int]:
    strides, stride = {}, 1
    for column in ordered:
        strides[column.number] = stride
        stride *= column.size
    return strides


def _option_costs(cost_of: CostOf, position: Position, reduction: Reduction) -> Floats:
    """Return the cost of each option of a position, (options,); 0 for an absent block."""
    blocks = [block for _, blocks in position.options for block in blocks]
    counts = [len(blocks) for _, blocks in position.options]
    costs = np.zeros(len(counts))
    reduction.at(costs, np.repeat(np.arange(len(counts)), counts), cost_of(blocks))
    return costs


def _spread_over_group(
    of_options: Floats,
    position: Position,
    columns: dict[int, Column],
    digits: dict[int, NDArray[np.int64]],
) -> Floats:
    """Return the cost of one position for each entry of its group; NaN where there is no option."""
    own_columns = [columns[number] for number in position.columns]
    strides = _strides(own_columns)
    values = np.array([values for values, _ in position.options], dtype=np.int64)
    table = np.full(np.prod([column.size for column in own_columns], dtype=np.int64), np.nan)
    indices = sum(
        column.digits(values[:, index]) * strides[column.number]
        for index, column in enumerate(own_columns)
    )
    table[indices] = of_options
    index = sum(digits[column.number] * strides[column.number] for column in own_columns)
    return np.asarray(table[index])
