"""Costs of positions laid out in arrays, and how the codes of networks become indices of them.

Positions are put together in groups, and the cost of every combination that a group can have is
laid out in one array. Its index is made of the codes' own bits: two neighbouring columns are read
as one 32-bit number and pushed together by one shift, so that most of the work is done on pairs.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.spec import BlockSpec

Floats = NDArray[np.float64]
Codes = NDArray[np.int16]
CostOf = Callable[[Sequence[BlockSpec]], Floats]
_GROUP_ENTRIES = 1 << 17  # combinations of one group; larger tables miss the caches
_NARROW = 15  # codes up to here are index bits themselves; others are looked up


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
class _Column:
    """One column of the codes as a digit of an index."""

    number: int
    values: NDArray[np.int64]  # that occur, ascending

    @property
    def narrow(self) -> bool:
        return int(self.values[-1]) <= _NARROW

    @property
    def bits(self) -> int:
        return int(self.values[-1]).bit_length()

    @property
    def size(self) -> int:
        """Digits that there are; a wide column's last stands for all codes that do not occur."""
        return 1 << self.bits if self.narrow else len(self.values) + 1

    def digits(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        return values if self.narrow else np.searchsorted(self.values, values)

    def lookup(self, stride: int) -> NDArray[np.uint32]:
        """What each code of a wide column adds to an index; the last entry is for those beyond."""
        table = np.full(int(self.values[-1]) + 2, len(self.values) * stride, dtype=np.uint32)
        table[self.values] = np.arange(len(self.values)) * stride
        return table


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One narrow column, or two neighbouring ones, and where their bits go in the index."""

    start: int
    count: int
    low_bits: int
    bits: int
    shift: int

    def take(self, codes: Codes) -> NDArray[np.uint32]:
        if self.count == 1:
            found = codes[:, self.start].astype(np.uint32)
        else:
            pairs = codes[:, self.start : self.start + 2].view("<u4")[:, 0]
            found = pairs >> np.uint32(16 - self.low_bits)
            found |= pairs
        found &= np.uint32((1 << self.bits) - 1)
        found <<= np.uint32(self.shift)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Gather:
    """Costs of a group of positions, and how codes become an index of them."""

    runs: tuple[_Run, ...]
    lookups: tuple[tuple[int, NDArray[np.uint32]], ...]
    costs: Floats  # NaN where no option has these values

    def add_to(self, total: Floats, codes: Codes) -> None:
        index = np.zeros(len(codes), dtype=np.uint32)
        for column, table in self.lookups:
            index += table.take(codes[:, column].view(np.uint16), mode="clip")
        for run in self.runs:
            index += run.take(codes)
        total += self.costs.take(index, mode="clip")


def compile_gathers(
    cost_of: CostOf, choices: Sequence[Position]
) -> tuple[NDArray[np.int16], tuple[Gather, ...]]:
    """Bits that each column of the codes may have, and the groups' gathers."""
    columns = _columns(choices)
    allowed = np.full(1 + max(columns, default=-1), -1, dtype=np.int16)
    for number, column in columns.items():
        if column.narrow:
            allowed[number] = (1 << column.bits) - 1
    gathers = tuple(_compile(cost_of, group, columns) for group in _groups(choices, columns))
    return allowed, gathers


def _columns(choices: Sequence[Position]) -> dict[int, _Column]:
    seen: dict[int, set[int]] = {}
    for position in choices:
        for values, _ in position.options:
            for number, value in zip(position.columns, values, strict=True):
                seen.setdefault(number, set()).add(value)
    if any(min(values) < 0 for values in seen.values()):
        raise InputError("codes of a space are 0 or more; an option has a negative one")
    return {
        number: _Column(number=number, values=np.array(sorted(values), dtype=np.int64))
        for number, values in sorted(seen.items())
    }


def _groups(choices: Sequence[Position], columns: dict[int, _Column]) -> Iterator[list[Position]]:
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


def _compile(cost_of: CostOf, group: Sequence[Position], columns: dict[int, _Column]) -> Gather:
    numbers = sorted({number for position in group for number in position.columns})
    # Narrow columns first: their strides are then powers of two, so their digits are bits.
    ordered = sorted((columns[number] for number in numbers), key=lambda one: not one.narrow)
    strides = _strides(ordered)
    entries = np.arange(np.prod([one.size for one in ordered], dtype=np.int64))
    digits = {one.number: entries // strides[one.number] % one.size for one in ordered}
    costs = np.zeros(len(entries))
    for position in group:
        costs += _costs_of(cost_of, position, columns, digits)
    lookups = [(one.number, one.lookup(strides[one.number])) for one in ordered if not one.narrow]
    runs = tuple(_runs([one for one in ordered if one.narrow], strides))
    return Gather(runs=runs, lookups=tuple(lookups), costs=costs)


def _strides(ordered: Sequence[_Column]) -> dict[int, int]:
    strides, stride = {}, 1
    for one in ordered:
        strides[one.number] = stride
        stride *= one.size
    return strides


def _costs_of(
    cost_of: CostOf,
    position: Position,
    columns: dict[int, _Column],
    digits: dict[int, NDArray[np.int64]],
) -> Floats:
    """Cost of one position for each entry of its group's table; NaN where it has no such option."""
    blocks = [block for _, blocks in position.options for block in blocks]
    counts = [len(blocks) for _, blocks in position.options]
    owner = np.repeat(np.arange(len(counts)), counts)
    own = [columns[number] for number in position.columns]
    strides = _strides(own)
    values = np.array([values for values, _ in position.options], dtype=np.int64)
    table = np.full(np.prod([one.size for one in own], dtype=np.int64), np.nan)
    places = sum(
        one.digits(values[:, place]) * strides[one.number] for place, one in enumerate(own)
    )
    table[places] = np.bincount(owner, weights=cost_of(blocks), minlength=len(counts))
    index = sum(digits[one.number] * strides[one.number] for one in own)
    return np.asarray(table[index])


def _runs(narrow: Sequence[_Column], strides: dict[int, int]) -> Iterator[_Run]:
    numbers = [one.number for one in narrow]
    seconds: set[int] = set()
    for one, number in pairwise([*numbers, -1]):
        if one in seconds:
            continue
        paired = number == one + 1
        if paired:
            seconds.add(number)
        first = narrow[numbers.index(one)]
        both = first.bits + (narrow[numbers.index(number)].bits if paired else 0)
        yield _Run(
            start=one,
            count=1 + paired,
            low_bits=first.bits,
            bits=both,
            shift=strides[one].bit_length() - 1,
        )
