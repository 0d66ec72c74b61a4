"""Encoding of networks as rows of small integers, processed in large batches.

A row is `resolution, d0.., ks0.., e0.., w0..`. Resolutions, depths and kernels are stored directly;
expands and widths also, where all are whole, else times 100. Absent blocks have 0.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from bench.errors import InputError

Codes = npt.NDArray[np.int16]
_ROWS_AT_ONCE = 16384  # limits the memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Column of an encoding: its name and its possible codes, ascending."""

    name: str
    values: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Columns of a space's encoding, and the elastic block of each.

    `slots` has a pair (stage, index) for each possible block; the columns of kernels and expands
    follow its order. Stage `i` has the depth column `d{i}`.
    """

    columns: tuple[Column, ...]
    slots: tuple[tuple[int, int], ...]
    depths: int
    widths: int
    expand_scale: int = 1
    width_scale: int = 1

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def kernel_start(self) -> int:
        return 1 + self.depths

    @property
    def expand_start(self) -> int:
        return self.kernel_start + len(self.slots)

    @property
    def width_start(self) -> int:
        return self.expand_start + len(self.slots)

    @property
    def groups(self) -> Iterator[slice]:
        """Columns of the kernels, then of the expands; both are 0 for absent blocks."""
        yield slice(self.kernel_start, self.expand_start)
        yield slice(self.expand_start, self.width_start)

    @cached_property
    def scales(self) -> npt.NDArray[np.float64]:
        """Factor from value to code, by column."""
        scales = np.ones(len(self.columns))
        scales[self.expand_start : self.width_start] = self.expand_scale
        scales[self.width_start :] = self.width_scale
        return scales

    @cached_property
    def _slot_positions(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int16]]:
        """Depth column, and index in the stage, of each elastic block."""
        columns = np.array([1 + stage for stage, _ in self.slots], dtype=np.intp)
        return columns, np.array([index for _, index in self.slots], dtype=np.int16)

    @cached_property
    def _allowed(self) -> npt.NDArray[np.bool_]:
        """Whether a column (first axis) allows a code (second axis; as an unsigned number)."""
        allowed = np.zeros((len(self.columns), 2**16), dtype=np.bool_)
        for j, column in enumerate(self.columns):
            allowed[j, list(column.values)] = True
        return allowed

    def present(self, codes: Codes) -> npt.NDArray[np.bool_]:
        """Return which elastic blocks each network has, (n, slots)."""
        columns, indices = self._slot_positions
        return np.asarray(codes[:, columns] > indices)

    def canonical(self, codes: Codes) -> Codes:
        """Return a copy with 0 for the choices of absent blocks."""
        codes, present = codes.copy(), self.present(codes)
        for group in self.groups:
            codes[:, group] *= present
        return codes

    def sample(
        self, rng: np.random.Generator, n: int, resolutions: Sequence[int] | None = None
    ) -> Codes:
        """Draw `n` networks with uniform, independent choices (as OFA does)."""
        return self.canonical(self._draw(rng, n, resolutions))

    def mutate(
        self,
        codes: Codes,
        rng: np.random.Generator,
        p: float,
        resolutions: Sequence[int] | None = None,
    ) -> Codes:
        """Redraw each choice with probability `p`; all choices of a new block are drawn."""
        fresh = self._draw(rng, len(codes), resolutions)
        hidden = np.zeros(codes.shape, dtype=np.bool_)
        present = self.present(codes)
        for group in self.groups:
            hidden[:, group] = ~present
        return self.canonical(
            np.where(hidden | (rng.random(codes.shape, dtype=np.float32) < p), fresh, codes)
        )

    def cross(self, a: Codes, b: Codes, rng: np.random.Generator) -> Codes:
        """Take each choice from `a` or `b` with equal probability, or from the only one with it."""
        child = np.where(rng.random(a.shape, dtype=np.float32) < 0.5, a, b)
        for group in self.groups:
            choices = child[:, group]
            child[:, group] = np.where(choices == 0, np.maximum(a[:, group], b[:, group]), choices)
        return self.canonical(child)

    def check(self, codes: Codes, space: str, given: npt.NDArray[np.float64] | None = None) -> None:
        """Raise `InputError` for the first code that its column does not allow.

        Choices of absent blocks are ignored. `given` are the values that the codes were made from,
        used in the message where they are given.
        """
        if codes.ndim != 2 or codes.shape[1] != len(self.columns):
            raise InputError(
                f"an encoding of {space} has {len(self.columns)} columns, got {codes.shape}"
            )
        for start in range(0, len(codes), _ROWS_AT_ONCE):
            chunk = codes[start : start + _ROWS_AT_ONCE]
            bad = ~self._allowed[np.arange(len(self.columns)), chunk.astype(np.uint16)]
            present = self.present(chunk)
            for group in self.groups:
                bad[:, group] &= present
            if bad.any():
                row, j = (int(indices[0]) for indices in np.nonzero(bad))
                value_there = chunk[row, j] if given is None else given[start + row, j]
                scale = 1 if given is None else self.scales[j]
                allowed = ", ".join(f"{value / scale:g}" for value in self.columns[j].values)
                name = self.columns[j].name
                raise InputError(
                    f"{name} of network {start + row} is {value_there:g}, {space} allows {allowed}"
                )

    def with_resolutions(self, resolutions: Sequence[int]) -> "Layout":
        """Return a copy with only these resolutions."""
        first, *others = self.columns
        return replace(self, columns=(replace(first, values=tuple(resolutions)), *others))

    def count(self) -> int:
        """Return the exact number of networks of one resolution."""
        by_stage: list[dict[int, int]] = [{0: 1} for _ in range(self.depths)]
        for slot, (stage, index) in enumerate(self.slots):
            kernels = self.columns[self.kernel_start + slot].values
            expands = self.columns[self.expand_start + slot].values
            by_stage[stage][index + 1] = by_stage[stage][index] * len(kernels) * len(expands)
        total = math.prod(len(c.values) for c in self.columns[self.width_start :])
        for stage, networks in enumerate(by_stage):
            # A stage without elastic blocks (ResNet's stem) has only a choice of depth.
            depths = self.columns[1 + stage].values
            total *= sum(networks.get(depth, 1) for depth in depths)
        return total

    def _draw(self, rng: np.random.Generator, n: int, resolutions: Sequence[int] | None) -> Codes:
        codes = np.empty((n, len(self.columns)), dtype=np.int16)
        for j, column in enumerate(self.columns):
            values = column.values if j or resolutions is None else tuple(resolutions)
            codes[:, j] = np.array(values, dtype=np.int16)[
                rng.integers(len(values), size=n, dtype=np.int16)
            ]
        return codes
