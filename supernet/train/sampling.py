"""Which sub-networks a phase may draw."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.errors import InputError
from supernet.codes import Codes, Layout
from supernet.sampling.draws import Draws, UniformDraws
from supernet.space import ArchConfig, SearchSpace
from supernet.tensor_file import Tensors
from supernet.train.schedule import CHOICES, Phase


class PhaseSpace:
    """The part of a space that a phase trains: the same networks with fewer choices."""

    def __init__(self, space: SearchSpace, phase: Phase) -> None:
        self._space = space
        self.layout = _narrowed(space.layout, phase)

    @property
    def resolutions(self) -> tuple[int, ...]:
        """Sizes of images that the phase trains with, in pixels."""
        return self.layout.columns[0].values

    def only(self) -> list[ArchConfig]:
        """Return the one network of each resolution where there is just one, else none."""
        if self.layout.count() > 1:
            return []
        return [self._space.largest(resolution) for resolution in self.resolutions]

    def hidden_widths(self) -> dict[str, tuple[int, ...]]:
        """Hidden widths that the phase trains, for each unit with a choice of them."""
        row = self._space.encode([self._space.largest()])[0].tolist()
        widths = {}
        for unit in self._space.units:
            column = unit.expand_column
            if column is not None:
                rows = [
                    [*row[:column], code, *row[column + 1 :]]
                    for code in self.layout.columns[column].values
                ]
                specs = [unit.spec(codes) for codes in rows]
                widths[unit.name] = tuple(s.mid_channels for s in specs if s is not None)
        return widths


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """What the sub-networks of a training are restricted to, and drawn towards."""

    def draws(self, space: PhaseSpace, phase: Phase, *, last: bool, learnt: Tensors) -> Draws:
        """Say how a phase's sub-networks are drawn."""
        del phase, last, learnt
        return UniformDraws(layout=space.layout)

    def learn(self, draws: Draws, codes: Codes, losses: Sequence[tuple[float, ...]]) -> Tensors:
        """Learn from an epoch's losses what the next epoch's draws may use."""
        del draws, codes, losses
        return {}


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
