"""Lookup arrays: costs by position, and how codes of networks become their indices.

Positions are put together in groups, and the cost of every combination that a group can have is
laid out in one array. Its index is made of the codes' own bits (vectorized.packed_codes
says how).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from bench.errors import InputError
from latency_models.vectorized.packed_codes import (
    Codes,
    Column,
    Field,
    Lookup,
    Numbers,
    PackedCode,
    fields_of,
    lookups_of,
    words_of,
)

Floats = NDArray[np.float64]
CostOf = Callable[[Sequence[BlockSpec]], Floats]
Together = np.ufunc
"""How costs of blocks become one of their network: `np.add`, or `np.maximum` (of costs above 0)."""
_GROUP_ENTRIES = 1 << 17  # combinations of one group; larger tables miss the caches


class Position(Protocol):
    """One place of a network: the columns of the encoding that decide it, and its choices."""

    @property
    def columns(self) -> Sequence[int]:
        """Columns of the codes."""
        ...

    @property
    def options(self) -> Sequence[tuple[tuple[int, ...], tuple[BlockSpec, ...]]]:
        """Values of those columns, and the blocks which they stand for (none: absent)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLookup:
    """Costs of a group of positions, and the digits of which their index is made."""

    fields: tuple[Field, ...]
    strides: tuple[tuple[int, int], ...]  # number of a lookup, and what its digits count
    costs: Floats  # NaN where no option has these values

    def costs_of(self, n: int, words: Sequence[Numbers], digits: Sequence[Numbers]) -> Floats:
        index = np.zeros(n, dtype=np.uint64)
        for number, stride in self.strides:
            index += digits[number] * np.uint64(stride)
        for field in self.fields:
            index |= field.take(words[field.word])
        # Signed numbers are indices as they are, others would be converted.
        return self.costs.take(index.view(np.int64), mode="clip")


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupArrays:
    """What is read of the codes, and the groups that it is an index of."""

    width: int  # columns that there must be
    words: tuple[PackedCode, ...]
    lookups: tuple[Lookup, ...]
    groups: tuple[CostLookup, ...]
    together: Together

    def put_into(self, total: Floats, codes: Codes) -> bool:
        """Put the costs of codes (n, columns) to `total`; whether all are of the space."""
        read = [word.read(codes) for word in self.words]
        words = [numbers for numbers, _ in read]
        digits = [lookup.read(codes) for lookup in self.lookups]
        for group in self.groups:
            self.together(total, group.costs_of(len(codes), words, digits), out=total)
        return all(clean for _, clean in read) and not np.isnan(total).any()


def compile_gathers(
    cost_of: CostOf, choices: Sequence[Position], together: Together = np.add
) -> LookupArrays:
    """Lay out the costs of every position's options."""
    columns = _columns(choices)
    words = words_of(list(columns.values()))
    lookups = lookups_of(list(columns.values()))
    groups = [_compile(cost_of, group, columns, together) for group in _groups(choices, columns)]
    gathers = []
    for costs, strides in groups:
        shifts = {one: stride.bit_length() - 1 for one, stride in strides.items()}
        wide = [
            (place, strides[one.column])
            for place, one in enumerate(lookups)
            if one.column in strides
        ]
        fields = tuple(fields_of(words, shifts))
        gathers.append(CostLookup(fields=fields, strides=tuple(wide), costs=costs))
    width = 1 + max(columns, default=-1)
    return LookupArrays(
        width=width, words=words, lookups=lookups, groups=tuple(gathers), together=together
    )


def _columns(choices: Sequence[Position]) -> dict[int, Column]:
    seen: dict[int, set[int]] = {}
    for position in choices:
        for values, _ in position.options:
            for number, value in zip(position.columns, values, strict=True):
                seen.setdefault(number, set()).add(value)
    if any(min(values) < 0 for values in seen.values()):
        raise InputError("codes of a space are 0 or more; an option has a negative one")
    return {
        number: Column(number=number, values=np.array(sorted(values), dtype=np.int64))
        for number, values in sorted(seen.items())
    }


def _groups(choices: Sequence[Position], columns: dict[int, Column]) -> Iterator[list[Position]]:
    """Neighbouring positions, as many as one table holds."""
    group: list[Position] = []
    used: set[int] = set()
    for position in choices:
        more = used | set(position.columns)
        if group and np.prod([columns[one].size for one in more], dtype=float) > _GROUP_ENTRIES:
            yield group
            group, more = [], set(position.columns)
        group.append(position)
        used = more
    if group:
        yield group


def _compile(
    cost_of: CostOf, group: Sequence[Position], columns: dict[int, Column], together: Together
) -> tuple[Floats, dict[int, int]]:
    """Costs of all combinations of a group, and what each column's digit counts in their index."""
    numbers = sorted({number for position in group for number in position.columns})
    # Narrow columns first: their strides are then powers of two, so their digits are bits.
    ordered = sorted((columns[number] for number in numbers), key=lambda one: not one.narrow)
    strides = _strides(ordered)
    entries = np.arange(np.prod([one.size for one in ordered], dtype=np.int64))
    digits = {one.number: entries // strides[one.number] % one.size for one in ordered}
    costs = np.zeros(len(entries))
    for position in group:
        of_options = _option_costs(cost_of, position, together)
        together(costs, _laid_out(of_options, position, columns, digits), out=costs)
    return costs, strides


def _strides(ordered: Sequence[Column]) -> dict[int, int]:
    strides, stride = {}, 1
    for one in ordered:
        strides[one.number] = stride
        stride *= one.size
    return strides


def _option_costs(cost_of: CostOf, position: Position, together: Together) -> Floats:
    """Cost of each option of a position, (options,); 0 for an absent one."""
    blocks = [block for _, blocks in position.options for block in blocks]
    counts = [len(blocks) for _, blocks in position.options]
    found = np.zeros(len(counts))
    together.at(found, np.repeat(np.arange(len(counts)), counts), cost_of(blocks))
    return found


def _laid_out(
    of_options: Floats,
    position: Position,
    columns: dict[int, Column],
    digits: dict[int, NDArray[np.int64]],
) -> Floats:
    """Cost of one position for each entry of its group's table; NaN where it has no such option."""
    own = [columns[number] for number in position.columns]
    strides = _strides(own)
    values = np.array([values for values, _ in position.options], dtype=np.int64)
    table = np.full(np.prod([one.size for one in own], dtype=np.int64), np.nan)
    places = sum(
        one.digits(values[:, place]) * strides[one.number] for place, one in enumerate(own)
    )
    table[places] = of_options
    index = sum(digits[one.number] * strides[one.number] for one in own)
    return np.asarray(table[index])
