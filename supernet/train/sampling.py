"""Which sub-networks a phase may draw, and in what order it sees the images."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from bench.errors import InputError
from supernet.codes import Layout
from supernet.space import ArchConfig, SearchSpace
from supernet.train.schedule import CHOICES, Phase


class PhaseSpace:
    """The part of a space that a phase trains: the same networks with fewer choices."""

    def __init__(self, space: SearchSpace, phase: Phase) -> None:
        self._space = space
        self._layout = _narrowed(space.layout, phase)

    @property
    def resolutions(self) -> tuple[int, ...]:
        """Sizes of images that the phase trains with, in pixels."""
        return self._layout.columns[0].values

    def draw(self, rng: np.random.Generator, n: int) -> list[ArchConfig]:
        """Draw `n` sub-networks of one resolution, each other choice uniform."""
        resolution = self.resolutions[rng.integers(len(self.resolutions))]
        return self._space.decode(self._layout.sample(rng, n, (resolution,)))

    def hidden_widths(self) -> dict[str, tuple[int, ...]]:
        """Hidden widths that the phase trains, for each unit with a choice of them."""
        row = self._space.encode([self._space.largest()])[0].tolist()
        widths = {}
        for unit in self._space.units:
            column = unit.expand_column
            if column is not None:
                rows = [
                    [*row[:column], code, *row[column + 1 :]]
                    for code in self._layout.columns[column].values
                ]
                specs = [unit.spec(codes) for codes in rows]
                widths[unit.name] = tuple(s.mid_channels for s in specs if s is not None)
        return widths


def batches(n: int, size: int, rng: np.random.Generator) -> Iterator[torch.Tensor]:
    """Indices of one epoch's batches in a new random order; what is short of a batch is left."""
    order = torch.from_numpy(rng.permutation(n))
    for start in range(0, n - size + 1, size):
        yield order[start : start + size]


def _narrowed(layout: Layout, phase: Phase) -> Layout:
    kernels, expands = layout.groups
    groups = {
        "resolutions": slice(0, 1),
        "depths": slice(1, layout.kernel_start),
        "kernels": kernels,
        "expands": expands,
        "widths": slice(layout.width_start, None),
    }
    columns = list(layout.columns)
    for name in CHOICES:
        allowed = getattr(phase, name)
        group = layout.columns[groups[name]]
        most = max((len(column.values) for column in group), default=0)
        if allowed is not None and group and allowed > most:
            raise InputError(
                f"phase {phase.name!r} allows {allowed} {name}, the space has at most {most}"
            )
        columns[groups[name]] = [
            column if allowed is None else replace(column, values=column.values[-allowed:])
            for column in group
        ]
    return replace(layout, columns=tuple(columns))
