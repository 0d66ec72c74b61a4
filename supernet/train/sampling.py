"""Sub-networks that a training phase draws."""

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
    """Part of a space that a phase trains: the same networks with fewer choices."""

    def __init__(self, space: SearchSpace, phase: Phase) -> None:
        self._space = space
        self.layout = _narrowed(space.layout, phase)

    @property
    def resolutions(self) -> tuple[int, ...]:
        """Sizes of images that the phase trains with, in pixels."""
        return self.layout.columns[0].values

    def only(self) -> list[ArchConfig]:
        """Return the network of each resolution where there is only one, else an empty list."""
        if self.layout.count() > 1:
            return []
        return [self._space.largest(resolution) for resolution in self.resolutions]

    def estimate(self, state: Tensors) -> LossEstimate:
        """Restore the loss estimate, which all phases share; empty at first."""
        if not state:
            return LossEstimate.empty(self._space.layout)
        return LossEstimate.from_tensors(self._space.layout, state)

    def hidden_widths(self) -> dict[str, tuple[int, ...]]:
        """Return the hidden widths that the phase trains, for each unit with elastic ones."""
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
    """Restrictions and preferences for the sub-networks of a training.

    All but the largest network of a sandwich are within `limits`. With `focus` ("best-up",
    "worst-up" or ""), networks of similar `costs` compete, see `FocusedDraws`. `report` gets a line
    per phase.
    """

    limits: tuple[Constraint, ...] = ()
    focus: str = ""
    costs: Costs | None = None
    report: Callable[[str], None] = lambda line: None

    def within(self, space: PhaseSpace, phase: Phase, *, last: bool) -> Draws:
        """Return the draws of a phase within the limits.

        A phase without such networks, such as that of the full network, is trained without limits;
        in the last phase this is an `InfeasibleError`.
        """
        uniform = UniformDraws(layout=space.layout)
        if not self.limits or (space.only() and not last):
            return uniform
        try:
            limited = LimitedDraws.of(space.layout, self.limits, space=f"the phase {phase.name!r}")
        except InfeasibleError:
            if last:
                raise
            self.report(f"{phase.name}: none of its networks is within the limits, all are drawn")
            return uniform
        self.report(f"{phase.name}: {limited.describe()}")
        return limited

    def check(self, space: SearchSpace, phases: Sequence[Phase]) -> None:
        """Raise `InfeasibleError` where the last phase has no network within the limits."""
        self.silent().within(PhaseSpace(space, phases[-1]), phases[-1], last=True)

    def silent(self) -> "Sampling":
        """Return the same restrictions without a report."""
        return replace(self, report=lambda line: None)

    def composed(self, draws: Draws, space: PhaseSpace, phase: Phase, estimate: Tensors) -> Draws:
        """Return the draws of an epoch: within limits, with focus, and with the sandwich rule."""
        unrestricted = isinstance(draws, UniformDraws)
        if self.focus and self.costs is not None and not space.only():
            draws = FocusedDraws(
                draws=draws, estimate=space.estimate(estimate), costs=self.costs, how=self.focus
            )
        if phase.sandwich:
            # Without feasible networks all are drawn, including the smallest.
            limits = () if unrestricted else self.limits
            draws = SandwichDraws.of(draws, space.layout, limits)
        return draws

    def learn(
        self, space: PhaseSpace, plan: EpochPlan, losses: Losses, estimate: Tensors
    ) -> Tensors:
        """Update the loss estimate with an epoch's losses, (steps, subnets)."""
        if not self.focus or space.only():
            return estimate
        # The largest network of a sandwich learns from labels only, so its loss is not comparable.
        subnets = slice(1 if plan.phase.sandwich else 0, None)
        subnet_losses = np.asarray(losses, dtype=np.float64)[:, subnets]
        return space.estimate(estimate).learnt(plan.codes[:, subnets], subnet_losses).to_tensors()


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
        largest = max((len(column.values) for column in group), default=0)
        if allowed is not None and group and allowed > largest:
            raise InputError(
                f"phase {phase.name!r} allows {allowed} {name}, the space has at most {largest}"
            )
        columns[groups[name]] = [
            column if allowed is None else replace(column, values=column.values[-allowed:])
            for column in group
        ]
    return replace(layout, columns=tuple(columns))
