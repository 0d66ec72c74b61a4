"""`LimitedDraws`: uniform draws restricted to the sub-networks within limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from bench.errors import InfeasibleError
from supernet.constraints.additive_costs import Additive
from supernet.constraints.constraints import Constraint
from supernet.constraints.feasible import (
    Floats,
    Limits,
    Propose,
    cheapest,
    draw_met,
    sequence,
    uniform,
)
from supernet.sampling.counting import Counting
from supernet.sampling.mutation import Walk
from supernet.space.codes import Codes, Layout

RARE = 0.01  # where fewer candidates are taken, something better than rejection is tried
_PILOT = 1024  # candidates of each resolution that acceptance is estimated on


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """Candidates drawn until they meet every limit: exactly `propose`, conditioned on that."""

    propose: Propose
    limits: Limits
    taken: float  # estimated share of candidates that meet the limits

    def plan(self, rng: np.random.Generator, steps: int, subnets: int) -> Codes:
        """Draw (steps, subnets, columns); a step's first network decides its resolution."""
        anywhere = np.zeros(steps, dtype=np.int16)
        firsts = draw_met(self.propose, self.limits, rng, anywhere, self.taken)
        same = np.repeat(firsts[:, 0], subnets - 1)
        others = draw_met(self.propose, self.limits, rng, same, self.taken)
        return np.concatenate(
            [firsts[:, None], others.reshape(steps, subnets - 1, firsts.shape[1])], axis=1
        )


@dataclass(frozen=True, kw_only=True)
class LimitedDraws:
    """P(resolution, choices) is that of uniform draws, restricted to networks within all limits.

    A step's first network is drawn so, hence resolutions weigh by their share of such networks;
    the others are drawn alike at its resolution. `method` is "rejection" or "counting", which are
    exact, or "mutation", which comes near (see supernet.sampling.mutation). `acceptance` (by
    resolution) is what share of uniform draws meets the limits, estimated; NaN for "mutation".
    """

    method: str
    resolutions: tuple[int, ...]
    acceptance: tuple[float, ...]
    drawn_by: Rejection | Walk

    @classmethod
    def of(
        cls,
        layout: Layout,
        limits: Sequence[Constraint],
        *,
        space: str = "the space",
        rare: float = RARE,
    ) -> Self:
        """Choose how to draw: rejection, where less than `rare` is within the limits counting.

        `InfeasibleError` names the limit that no network meets, and what the fastest takes.
        `space` is what messages call the layout's networks.
        """
        together = Limits(tuple(limits))
        resolutions = tuple(layout.columns[0].values)
        shares = _shares(uniform(layout), together, resolutions)
        taken = float(shares.mean())
        if taken >= rare and taken > 0:
            rejection = Rejection(propose=uniform(layout), limits=together, taken=taken)
            return cls._of("rejection", resolutions, shares, rejection)
        taken_apart = [Additive.of(layout, limit.costs) for limit in limits]
        _check_each(layout, limits, taken_apart, space)
        counted = [
            Counting.of(additive, limit.limit)
            for additive, limit in zip(taken_apart, limits, strict=True)
            if additive is not None
        ]
        if counted:
            tightest = min(counted, key=lambda one: float(one.shares.sum()))
            shares, taken = _counted_shares(tightest, together)
            if taken >= RARE:
                rejection = Rejection(propose=tightest.propose, limits=together, taken=taken)
                return cls._of("counting", resolutions, shares, rejection)
        walk = Walk.settled(layout, together)
        if walk is None:
            raise InfeasibleError(_none_together(limits, space))
        reached = np.isin(resolutions, walk.walkers[:, 0])
        return cls._of("mutation", resolutions, np.where(reached, np.nan, 0.0), walk)

    @classmethod
    def _of(
        cls,
        method: str,
        resolutions: tuple[int, ...],
        shares: Floats,
        drawn_by: Rejection | Walk,
    ) -> Self:
        acceptance = tuple(shares.tolist())
        return cls(method=method, resolutions=resolutions, acceptance=acceptance, drawn_by=drawn_by)

    def plan(self, rng: np.random.Generator, steps: int, subnets: int) -> Codes:
        """Draw (steps, subnets, columns) codes, see `Draws.plan`."""
        return self.drawn_by.plan(rng, steps, subnets)

    def describe(self) -> str:
        """How networks are drawn, in one line: method, share within the limits, resolutions."""
        left = [r for r, s in zip(self.resolutions, self.acceptance, strict=True) if s != 0]
        share = float(np.mean(self.acceptance))
        told = "fewer than 1 %" if np.isnan(share) else f"{100 * share:.3g} %"
        return (
            f"{self.method}, {told} of networks within the limits, "
            f"resolutions {sequence(left)} of {len(self.resolutions)}"
        )


def _shares(propose: Propose, limits: Limits, resolutions: Sequence[int]) -> Floats:
    """Share of candidates of each resolution that meet the limits, (resolutions,)."""
    each = max(_PILOT, 16 * _PILOT // max(1, len(resolutions)))
    asked = np.repeat(np.array(resolutions, dtype=np.int16), each)
    met = limits.met(propose(np.random.default_rng(0), asked))
    return np.asarray(met.reshape(len(resolutions), each).mean(axis=1))


def _counted_shares(counting: Counting, limits: Limits) -> tuple[Floats, float]:
    """Share of uniform draws within all limits by resolution, and that of the counted ones."""
    possible = counting.shares > 0
    within = np.zeros(len(possible))
    within[possible] = _shares(
        counting.propose, limits, counting.additive.resolutions[possible].tolist()
    )
    shares = counting.shares * within
    return shares, float(shares.sum() / max(counting.shares.sum(), np.finfo(float).tiny))


def _check_each(
    layout: Layout,
    limits: Sequence[Constraint],
    taken_apart: Sequence[Additive | None],
    space: str,
) -> None:
    """Raise `InfeasibleError` for the first limit that no network meets by itself."""
    for limit, additive in zip(limits, taken_apart, strict=True):
        if additive is None:
            _, costs = cheapest(layout, limit.costs)
            least, proof = float(costs.min()), "found by descent"
        else:
            least, proof = float(additive.least.min()), "exact"
        if least > limit.limit * (1 + 1e-9):
            subject = "the fastest takes" if limit.unit == "ms" else "the least is"
            hint = limit.hint or "raise the limit, or let the phase draw smaller networks"
            raise InfeasibleError(
                f"no network of {space} is within the limit on {limit.name}: "
                f"{limit.limit:g} {limit.unit} was asked, {subject} {least:.4g} {limit.unit} "
                f"({proof}); {hint}"
            )


def _none_together(limits: Sequence[Constraint], space: str) -> str:
    asked = ", ".join(f"{limit.name} of {limit.limit:g} {limit.unit}" for limit in limits)
    return (
        f"no network of {space} was found within all limits together ({asked}), though each by "
        "itself can be met; raise the one that matters least"
    )
