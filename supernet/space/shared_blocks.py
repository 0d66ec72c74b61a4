"""Shared blocks of a supernet, and the static blocks that choices select from them."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.blocks.spec import BlockSpec
from supernet.space.codes import Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockPlace:
    """Position of an elastic block: its stage, and its index in the stage, both from 0."""

    stage: int
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """Width in channels: fixed, or determined by a column of the encoding."""

    by_code: tuple[tuple[int, int], ...] = ((0, 0),)  # (code, channels); code 0 when fixed
    column: int | None = None

    @classmethod
    def fixed(cls, channels: int) -> "Channels":
        return cls(by_code=((0, channels),))

    def at(self, row: Sequence[int]) -> int:
        """Return the width for one row of an encoding."""
        if self.column is None:
            return self.by_code[0][1]
        return dict(self.by_code)[row[self.column]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Block of the supernet; its columns are positions in a row of the encoding.

    `strides` are those of all previous units and determine its input size at any resolution.
    Without a `kernel_column` the kernel is `kernel`; without an `expand_column` the hidden width of
    an inverted residual is its input width. The unit is absent where the code in `presence` is 0.
    With `fixed` it is this block, whatever the other fields.
    """

    name: str
    kind: str
    out_channels: Channels
    in_channels: Channels = Channels()
    strides: tuple[int, ...] = ()
    stride: int = 1
    kernel: int = 1
    act: str = "none"
    se: bool = False
    residual: bool = False  # adds its input wherever the shape is kept
    divisor: int = 8
    expand_scale: int = 1
    presence: int | None = None
    kernel_column: int | None = None
    expand_column: int | None = None
    place: BlockPlace | None = None
    fixed: BlockSpec | None = None

    @property
    def columns(self) -> tuple[int, ...]:
        """Columns of the encoding that determine the block, ascending; 0 is the resolution."""
        deciding = (
            0,
            self.presence,
            self.kernel_column,
            self.expand_column,
            self.in_channels.column,
            self.out_channels.column,
        )
        return tuple(sorted({column for column in deciding if column is not None}))

    def spec(self, row: Sequence[int]) -> BlockSpec | None:
        """Return the block for one row of an encoding; None where it is absent."""
        if self.fixed is not None:
            return self.fixed
        if self.presence is not None and row[self.presence] == 0:
            return None
        in_channels, out_channels = self.in_channels.at(row), self.out_channels.at(row)
        mid = self._mid_channels(row, in_channels, out_channels)
        same_shape = self.stride == 1 and in_channels == out_channels
        return BlockSpec(
            kind=self.kind,
            in_size=self.in_size(row[0]),
            in_channels=in_channels,
            mid_channels=mid,
            out_channels=out_channels,
            kernel=self.kernel if self.kernel_column is None else row[self.kernel_column],
            stride=self.stride,
            act=self.act,
            se=make_divisible(mid // 4, self.divisor) if self.se else 0,
            residual=self.kind == "bottleneck" or (self.residual and same_shape),
        )

    def in_size(self, resolution: int) -> int:
        """Return the input size in pixels: 'same' padding, so each stride rounds up."""
        if self.kind in ("feature_mix", "classifier"):
            return 1  # after the global pooling
        size = resolution
        for stride in self.strides:
            size = (size - 1) // stride + 1
        return size

    def _mid_channels(self, row: Sequence[int], in_channels: int, out_channels: int) -> int:
        if self.kind not in ("mbconv", "bottleneck"):
            return 0
        if self.expand_column is None:
            return in_channels
        expand = row[self.expand_column] / self.expand_scale
        base = in_channels if self.kind == "mbconv" else out_channels
        return make_divisible(round(base * expand), self.divisor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Position of a network for vectorized evaluation: its columns and its options.

    `columns` are indices in a row of the encoding. Each option pairs their values with the blocks
    that they select: one block, or none where it is absent.
    """

    name: str
    columns: tuple[int, ...]
    options: tuple[tuple[tuple[int, ...], tuple[BlockSpec, ...]], ...]


def position_of(unit: Unit, layout: Layout) -> Position:
    """Return the options of a unit's position, over all values of its columns."""
    slots = (unit.kernel_column, unit.expand_column)
    slot_columns = [column for column in slots if column is not None]
    columns, allowed = unit.columns, _allowed(unit, layout)
    row = [0] * len(layout.columns)
    options = []
    for values in itertools.product(*allowed):
        for column, value in zip(columns, values, strict=True):
            row[column] = value
        # An absent block has neither kernel nor expand; only one of them is invalid.
        if len({row[column] == 0 for column in slot_columns}) < 2:
            spec = unit.spec(row)
            options.append((values, () if spec is None else (spec,)))
    return Position(name=unit.name, columns=columns, options=tuple(options))


def count_options(unit: Unit, layout: Layout) -> int:
    """Return the number of options that `position_of` tries."""
    return math.prod(map(len, _allowed(unit, layout)))


def _allowed(unit: Unit, layout: Layout) -> list[tuple[int, ...]]:
    """Return the values of each column of a unit, including 0 for absent blocks."""
    slots = (unit.kernel_column, unit.expand_column)
    values = [(column, layout.columns[column].values) for column in unit.columns]
    return [
        (0, *column_values) if column in slots else tuple(column_values)
        for column, column_values in values
    ]


def make_divisible(value: float, divisor: int) -> int:
    """Round to a positive multiple of `divisor` that is at least 90 % of `value`."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * value else rounded + divisor
