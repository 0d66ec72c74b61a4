"""Encodings: networks as rows of small integers, processed a million at a time.

A row is `resolution, d0.., ks0.., e0.., w0..`. Resolutions, depths and kernels stand for
themselves; expands and widths too where all are whole, else times 100. What a network lacks is 0.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from bench.errors import InputError

Codes = npt.NDArray[np.int16]
_ROWS_AT_ONCE = 16384  # so that what is made on the way stays small


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of an encoding: its name and the codes it may hold, ascending."""

    name: str
    values: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Columns of a space's encoding, in groups, and which elastic block each is of.

    `slots` has one pair (stage, index) for each block that the space can have; the kernels' and
    the expands' columns follow its order. Stage `i` has the depth column `d{i}`.
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
        """Columns of the kernels, then of the expands: what a left-out block has none of."""
        yield slice(self.kernel_start, self.expand_start)
        yield slice(self.expand_start, self.width_start)

    @cached_property
    def scales(self) -> npt.NDArray[np.float64]:
        """What a value is multiplied by to be a code, by column."""
        scales = np.ones(len(self.columns))
        scales[self.expand_start : self.width_start] = self.expand_scale
        scales[self.width_start :] = self.width_scale
        return scales

    @cached_property
    def _slot_places(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int16]]:
        """Of each elastic block: the column of its stage's depth, and its index in the stage."""
        columns = np.array([1 + stage for stage, _ in self.slots], dtype=np.intp)
        return columns, np.array([index for _, index in self.slots], dtype=np.int16)

    @cached_property
    def _allowed(self) -> npt.NDArray[np.bool_]:
        """Whether a column (first axis) may hold a code (second axis; as an unsigned number)."""
        allowed = np.zeros((len(self.columns), 2**16), dtype=np.bool_)
        for j, column in enumerate(self.columns):
            allowed[j, list(column.values)] = True
        return allowed

    def present(self, codes: Codes) -> npt.NDArray[np.bool_]:
        """Which elastic blocks each network has, (n, slots)."""
        columns, indices = self._slot_places
        return np.asarray(codes[:, columns] > indices)

    def canonical(self, codes: Codes) -> Codes:
        """Return a copy with 0 for all that absent blocks would have had."""
        codes, present = codes.copy(), self.present(codes)
        for group in self.groups:
            codes[:, group] *= present
        return codes

    def sample(
        self, rng: np.random.Generator, n: int, resolutions: Sequence[int] | None = None
    ) -> Codes:
        """Draw `n` networks, each choice uniform and independent (as OFA draws them)."""
        return self.canonical(self._draw(rng, n, resolutions))

    def mutate(
        self,
        codes: Codes,
        rng: np.random.Generator,
        p: float,
        resolutions: Sequence[int] | None = None,
    ) -> Codes:
        """Draw each choice anew with probability `p`; a block that appears is drawn whole."""
        fresh = self._draw(rng, len(codes), resolutions)
        hidden = np.zeros(codes.shape, dtype=np.bool_)
        present = self.present(codes)
        for group in self.groups:
            hidden[:, group] = ~present
        return self.canonical(
            np.where(hidden | (rng.random(codes.shape, dtype=np.float32) < p), fresh, codes)
        )

    def cross(self, a: Codes, b: Codes, rng: np.random.Generator) -> Codes:
        """Take each choice from `a` or `b`, evenly; what only one has comes from that one."""
        child = np.where(rng.random(a.shape, dtype=np.float32) < 0.5, a, b)
        for group in self.groups:
            kept = child[:, group]
            child[:, group] = np.where(kept == 0, np.maximum(a[:, group], b[:, group]), kept)
        return self.canonical(child)

    def check(self, codes: Codes, space: str, given: npt.NDArray[np.float64] | None = None) -> None:
        """Raise `InputError` for the first code that its column does not allow.

        What absent blocks have is not looked at. `given` is what the codes were made from; where
        it is there, the message is in its terms.
        """
        if codes.ndim != 2 or codes.shape[1] != len(self.columns):
            raise InputError(
                f"an encoding of {space} has {len(self.columns)} columns, got {codes.shape}"
            )
        for start in range(0, len(codes), _ROWS_AT_ONCE):
            part = codes[start : start + _ROWS_AT_ONCE]
            bad = ~self._allowed[np.arange(len(self.columns)), part.astype(np.uint16)]
            present = self.present(part)
            for group in self.groups:
                bad[:, group] &= present
            if bad.any():
                row, j = (int(found[0]) for found in np.nonzero(bad))
                got = part[row, j] if given is None else given[start + row, j]
                scale = 1 if given is None else self.scales[j]
                allowed = ", ".join(f"{value / scale:g}" for value in self.columns[j].values)
                name = self.columns[j].name
                raise InputError(
                    f"{name} of network {start + row} is {got:g}, {space} allows {allowed}"
                )

    def narrowed(self, resolutions: Sequence[int]) -> "Layout":
        """Return the same with only these resolutions."""
        first, *others = self.columns
        return replace(self, columns=(replace(first, values=tuple(resolutions)), *others))

    def count(self) -> int:
        """Exact number of networks of one resolution."""
        by_stage: list[dict[int, int]] = [{0: 1} for _ in range(self.depths)]
        for slot, (stage, index) in enumerate(self.slots):
            kernels = self.columns[self.kernel_start + slot].values
            expands = self.columns[self.expand_start + slot].values
            by_stage[stage][index + 1] = by_stage[stage][index] * len(kernels) * len(expands)
        total = math.prod(len(c.values) for c in self.columns[self.width_start :])
        for stage, networks in enumerate(by_stage):
            # A stage without elastic blocks (ResNet's stem) is a choice of its depth alone.
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
