"""Sub-networks that a phase may draw."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.errors import InfeasibleError, InputError
from supernet.constraints.constraints import Constraint, Costs
from supernet.sampling.draws import Draws, UniformDraws
from supernet.sampling.estimate import LossEstimate
from supernet.sampling.focus import FocusedDraws
from supernet.sampling.limited import LimitedDraws
from supernet.sampling.sandwich import SandwichDraws
from supernet.space.codes import Layout
from supernet.space.space import ArchConfig, SearchSpace
from supernet.train.epoch import EpochPlan
from supernet.train.schedule import CHOICES, Phase
from supernet.weights.tensor_file import Tensors

Losses = Sequence[Sequence[float]]


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

    def estimate(self, learnt: Tensors) -> LossEstimate:
        """Take up what was learnt of losses, which all phases share; nothing at first."""
        if not learnt:
            return LossEstimate.empty(self._space.layout)
        return LossEstimate.from_tensors(self._space.layout, learnt)

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


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """What the sub-networks of a training are restricted to, and drawn towards.

    All but a sandwich's largest are within `limits`; `focus` ("best-up", "worst-up" or "") has
    those of like `costs` compete, see `FocusedDraws`. `tell` is given a line for each phase.
    """

    limits: tuple[Constraint, ...] = ()
    focus: str = ""
    costs: Costs | None = None
    tell: Callable[[str], None] = lambda line: None

    def within(self, space: PhaseSpace, phase: Phase, *, last: bool) -> Draws:
        """Draws of a phase within the limits.

        A phase none of whose networks is within them, as that of the full network alone, trains
        as it would without; of the last one that is an `InfeasibleError`.
        """
        uniform = UniformDraws(layout=space.layout)
        if not self.limits or (space.only() and not last):
            return uniform
        try:
            limited = LimitedDraws.of(space.layout, self.limits, space=f"the phase {phase.name!r}")
        except InfeasibleError:
            if last:
                raise
            self.tell(f"{phase.name}: none of its networks is within the limits, all are drawn")
            return uniform
        self.tell(f"{phase.name}: {limited.describe()}")
        return limited

    def check(self, space: SearchSpace, phases: Sequence[Phase]) -> None:
        """Raise `InfeasibleError` where the last phase will have no network within the limits."""
        quiet = replace(self, tell=lambda line: None)
        quiet.within(PhaseSpace(space, phases[-1]), phases[-1], last=True)

    def composed(self, draws: Draws, space: PhaseSpace, phase: Phase, learnt: Tensors) -> Draws:
        """Draws of an epoch: within limits, with the focus learnt so far, and the sandwich."""
        free = isinstance(draws, UniformDraws)
        if self.focus and self.costs is not None and not space.only():
            draws = FocusedDraws(
                draws=draws, estimate=space.estimate(learnt), costs=self.costs, how=self.focus
            )
        if phase.sandwich:
            # Where no network is within the limits all are drawn, and the smallest is wanted too.
            limits = () if free else self.limits
            draws = SandwichDraws.of(draws, space.layout, limits)
        return draws

    def learn(self, space: PhaseSpace, plan: EpochPlan, losses: Losses, learnt: Tensors) -> Tensors:
        """Learn from an epoch's losses, (steps, subnets), what the next epoch's focus uses."""
        if not self.focus or space.only():
            return learnt
        # A sandwich's largest network learns from labels alone: its loss is another thing.
        own = slice(1 if plan.phase.sandwich else 0, None)
        found = np.asarray(losses, dtype=np.float64)[:, own]
        return space.estimate(learnt).learnt(plan.codes[:, own], found).to_tensors()


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
