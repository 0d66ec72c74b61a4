"""Packed codes: several columns of a network's encoding in one integer.

Columns whose codes are small are narrow: their bits are digits of an index as they are. Four
neighbours are read as one 64-bit number and pushed together by two shifts. A wide column's codes
are looked up. Bits that no code of the space has are told by an OR over all that was read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int16]
Numbers = NDArray[np.uint64]
# The largest code of 4 bits: with more, the shifts of `PackedCode.read` would overlap.
_NARROW = 15
_LANE = 16  # bits of a code


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the codes as a digit of an index."""

    number: int
    values: NDArray[np.int64]  # that occur, ascending, none negative

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


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedCode:
    """One, two or four neighbouring narrow columns of equal width."""

    start: int
    lanes: int
    bits: int  # of each column

    def read(self, codes: Codes) -> tuple[Numbers, bool]:
        """Numbers (n,), the first column's bits lowest, and whether all codes may occur.

        Above `lanes * bits` the numbers hold rubbish, which fields mask off.
        """
        lanes = codes[:, self.start : self.start + self.lanes]
        words = lanes.view(f"<u{2 * self.lanes}")[:, 0].astype(np.uint64)
        allowed = sum(((1 << self.bits) - 1) << (_LANE * lane) for lane in range(self.lanes))
        clean = not int(np.bitwise_or.reduce(words)) & ~allowed
        if self.lanes > 1:
            words |= words >> np.uint64(_LANE - self.bits)
        if self.lanes > 2:
            words |= words >> np.uint64(2 * (_LANE - self.bits))
        return words, clean


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """One wide column, and the digit of each code; the last entry is for those beyond."""

    column: int
    table: Numbers

    def read(self, codes: Codes) -> Numbers:
        return self.table.take(codes[:, self.column].view(np.uint16), mode="clip")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Bits of a word that are bits of an index: shifted down, or up where `down` is negative."""

    word: int
    down: int
    mask: int

    def take(self, words: Numbers) -> Numbers:
        if self.down > 0:
            found = words >> np.uint64(self.down)
        elif self.down < 0:
            found = words << np.uint64(-self.down)
        else:
            return words & np.uint64(self.mask)
        found &= np.uint64(self.mask)
        return found


def words_of(columns: Sequence[Column]) -> tuple[PackedCode, ...]:
    """Narrow columns, as many in a word as are neighbours of equal width."""
    narrow = [one for one in columns if one.narrow]
    found = []
    # In a run of neighbours, number and place in the list grow alike.
    for (bits, _), run in groupby(
        enumerate(narrow), key=lambda pair: (pair[1].bits, pair[1].number - pair[0])
    ):
        numbers = [one.number for _, one in run]
        while numbers:
            lanes = 4 if len(numbers) >= 4 else 2 if len(numbers) >= 2 else 1
            found.append(PackedCode(start=numbers[0], lanes=lanes, bits=bits))
            numbers = numbers[lanes:]
    return tuple(found)


def lookups_of(columns: Sequence[Column]) -> tuple[Lookup, ...]:
    """The wide columns."""
    found = []
    for one in columns:
        if not one.narrow:
            table = np.full(int(one.values[-1]) + 2, len(one.values), dtype=np.uint64)
            table[one.values] = np.arange(len(one.values))
            found.append(Lookup(column=one.number, table=table))
    return tuple(found)


def fields_of(words: Sequence[PackedCode], shifts: dict[int, int]) -> Iterator[Field]:
    """Fields that bring each column's bits to its place; `shifts` holds places by column.

    Columns of a word that are moved by as much share a field.
    """
    for place, word in enumerate(words):
        masks: dict[int, int] = {}
        for lane in range(word.lanes):
            shift = shifts.get(word.start + lane)
            if shift is not None:
                down = lane * word.bits - shift
                masks[down] = masks.get(down, 0) | ((1 << word.bits) - 1) << shift
        for down, mask in masks.items():
            yield Field(word=place, down=down, mask=mask)
