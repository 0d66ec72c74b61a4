"""Packed codes: several columns of a network's encoding in one integer.

Columns with small codes are narrow: their bits are used directly as digits of an index. Four
neighbours are read as one 64-bit integer and compacted by two shifts. Codes of a wide column are
looked up. An OR over all values detects bits that no code of the space has.
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
    values: NDArray[np.int64]  # values that occur, ascending, not negative

    @property
    def narrow(self) -> bool:
        return int(self.values[-1]) <= _NARROW

    @property
    def bits(self) -> int:
        return int(self.values[-1]).bit_length()

    @property
    def size(self) -> int:
        """Number of digits; the last one of a wide column stands for unknown codes."""
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
        """Return integers (n,), first column in the lowest bits, and whether all are valid.

        Bits above `lanes * bits` are undefined; `BitField` masks them.
        """
        lanes = codes[:, self.start : self.start + self.lanes]
        packed = lanes.view(f"<u{2 * self.lanes}")[:, 0].astype(np.uint64)
        allowed = sum(((1 << self.bits) - 1) << (_LANE * lane) for lane in range(self.lanes))
        clean = not int(np.bitwise_or.reduce(packed)) & ~allowed
        if self.lanes > 1:
            packed |= packed >> np.uint64(_LANE - self.bits)
        if self.lanes > 2:
            packed |= packed >> np.uint64(2 * (_LANE - self.bits))
        return packed, clean


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """Digits of the codes of one wide column; the last entry is for codes out of range."""

    column: int
    table: Numbers

    def read(self, codes: Codes) -> Numbers:
        return self.table.take(codes[:, self.column].view(np.uint16), mode="clip")


@dataclass(frozen=True, slots=True, kw_only=True)
class BitField:
    """Bits of a packed code that are bits of an index: shifted down, or up where `down` < 0."""

    source: int
    down: int
    mask: int

    def take(self, packed: Numbers) -> Numbers:
        if self.down > 0:
            bits = packed >> np.uint64(self.down)
        elif self.down < 0:
            bits = packed << np.uint64(-self.down)
        else:
            return packed & np.uint64(self.mask)
        bits &= np.uint64(self.mask)
        return bits


def pack_columns(columns: Sequence[Column]) -> tuple[PackedCode, ...]:
    """Pack the narrow columns: up to four neighbours of equal width into one code."""
    narrow = [column for column in columns if column.narrow]
    packed = []
    # In a run of neighbours, the number minus the position in the list is constant.
    for (bits, _), run in groupby(
        enumerate(narrow), key=lambda pair: (pair[1].bits, pair[1].number - pair[0])
    ):
        numbers = [column.number for _, column in run]
        while numbers:
            lanes = 4 if len(numbers) >= 4 else 2 if len(numbers) >= 2 else 1
            packed.append(PackedCode(start=numbers[0], lanes=lanes, bits=bits))
            numbers = numbers[lanes:]
    return tuple(packed)


def lookups_of(columns: Sequence[Column]) -> tuple[Lookup, ...]:
    """Return lookups of the wide columns."""
    lookups = []
    for column in columns:
        if not column.narrow:
            table = np.full(int(column.values[-1]) + 2, len(column.values), dtype=np.uint64)
            table[column.values] = np.arange(len(column.values))
            lookups.append(Lookup(column=column.number, table=table))
    return tuple(lookups)


def fields_of(packed: Sequence[PackedCode], shifts: dict[int, int]) -> Iterator[BitField]:
    """Yield the fields that move the bits of each column; `shifts` holds target bits by column.

    Columns of one packed code with the same shift share a field.
    """
    for index, code in enumerate(packed):
        masks: dict[int, int] = {}
        for lane in range(code.lanes):
            shift = shifts.get(code.start + lane)
            if shift is not None:
                down = lane * code.bits - shift
                masks[down] = masks.get(down, 0) | ((1 << code.bits) - 1) << shift
        for down, mask in masks.items():
            yield BitField(source=index, down=down, mask=mask)
