"""`LimitedDraws`: uniform draws restricted to the sub-networks within limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from bench.errors import InfeasibleError
from supernet.constraints.additive_costs import AdditiveCost
from supernet.constraints.constraints import Constraint
from supernet.constraints.feasible import (
    Floats,
    Limits,
    Propose,
    cheapest,
    draw_within_limits,
    sequence,
    uniform,
)
from supernet.sampling.counting import Counting
from supernet.sampling.mutation import RandomWalk
from supernet.space.codes import Codes, Layout

RARE = 0.01  # acceptance rate below which rejection sampling of uniform draws is not used
_PILOT = 1024  # candidates per resolution for estimating the acceptance rate


@dataclass(frozen=True, kw_only=True)
class RejectionSampling:
    """Rejection sampling: draws from `propose`, conditioned on meeting all limits."""

    propose: Propose
    limits: Limits
    acceptance: float  # estimated acceptance rate

    def plan(self, rng: np.random.Generator, steps: int, subnets: int) -> Codes:
        """Draw (steps, subnets, columns); the first network of a step determines its resolution."""
        any_resolution = np.zeros(steps, dtype=np.int16)
        firsts = draw_within_limits(self.propose, self.limits, rng, any_resolution, self.acceptance)
        resolutions = np.repeat(firsts[:, 0], subnets - 1)
        others = draw_within_limits(self.propose, self.limits, rng, resolutions, self.acceptance)
        return np.concatenate(
            [firsts[:, None], others.reshape(steps, subnets - 1, firsts.shape[1])], axis=1
        )


@dataclass(frozen=True, kw_only=True)
class LimitedDraws:
    """Uniform draws of resolution and choices, restricted to networks within all limits.

    The first network of a step is drawn this way, so resolutions are weighted by their share of
    such networks; the others are drawn at its resolution. `method` is "rejection" or "counting",
    which are exact, or "mutation", which is approximate (see supernet.sampling.mutation).
    `acceptance` (by resolution) is the estimated share of uniform draws within the limits; NaN for
    "mutation".
    """

    method: str
    resolutions: tuple[int, ...]
    acceptance: tuple[float, ...]
    sampler: RejectionSampling | RandomWalk

    @classmethod
    def of(
        cls,
        layout: Layout,
        limits: Sequence[Constraint],
        *,
        space: str = "the space",
        rare: float = RARE,
    ) -> Self:
        """Choose the method: rejection sampling, or counting where acceptance is below `rare`.

        `InfeasibleError` names the limit that no network meets, and the lowest cost. `space` is the
        name of the space in messages.
        """
        all_limits = Limits(tuple(limits))
        resolutions = tuple(layout.columns[0].values)
        shares = _shares(uniform(layout), all_limits, resolutions)
        acceptance = float(shares.mean())
        if acceptance >= rare and acceptance > 0:
            rejection = RejectionSampling(
                propose=uniform(layout), limits=all_limits, acceptance=acceptance
            )
            return cls._of("rejection", resolutions, shares, rejection)
        decomposed = [AdditiveCost.of(layout, limit.costs) for limit in limits]
        _check_each(layout, limits, decomposed, space)
        countings = [
            Counting.of(additive, limit.limit)
            for additive, limit in zip(decomposed, limits, strict=True)
            if additive is not None
        ]
        if countings:
            tightest = min(countings, key=lambda counting: float(counting.shares.sum()))
            shares, acceptance = _counted_shares(tightest, all_limits)
            if acceptance >= RARE:
                rejection = RejectionSampling(
                    propose=tightest.propose, limits=all_limits, acceptance=acceptance
                )
                return cls._of("counting", resolutions, shares, rejection)
        walk = RandomWalk.burned_in(layout, all_limits)
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
        sampler: RejectionSampling | RandomWalk,
    ) -> Self:
        acceptance = tuple(shares.tolist())
        return cls(method=method, resolutions=resolutions, acceptance=acceptance, sampler=sampler)

    def plan(self, rng: np.random.Generator, steps: int, subnets: int) -> Codes:
        """Draw (steps, subnets, columns) codes, see `Draws.plan`."""
        return self.sampler.plan(rng, steps, subnets)

    def describe(self) -> str:
        """Describe the method, the share within the limits and the resolutions in one line."""
        possible = [r for r, s in zip(self.resolutions, self.acceptance, strict=True) if s != 0]
        share = float(np.mean(self.acceptance))
        share_text = "fewer than 1 %" if np.isnan(share) else f"{100 * share:.3g} %"
        return (
            f"{self.method}, {share_text} of networks within the limits, "
            f"resolutions {sequence(possible)} of {len(self.resolutions)}"
        )


def _shares(propose: Propose, limits: Limits, resolutions: Sequence[int]) -> Floats:
    """Return the share of candidates within the limits by resolution, (resolutions,)."""
    count = max(_PILOT, 16 * _PILOT // max(1, len(resolutions)))
    requested = np.repeat(np.array(resolutions, dtype=np.int16), count)
    met = limits.met(propose(np.random.default_rng(0), requested))
    return np.asarray(met.reshape(len(resolutions), count).mean(axis=1))


def _counted_shares(counting: Counting, limits: Limits) -> tuple[Floats, float]:
    """Return shares of uniform draws within all limits by resolution, and of the counted draws."""
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
    decomposed: Sequence[AdditiveCost | None],
    space: str,
) -> None:
    """Raise `InfeasibleError` for the first limit that no network meets by itself."""
    for limit, additive in zip(limits, decomposed, strict=True):
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
                f"{limit.limit:g} {limit.unit} was requested, {subject} {least:.4g} {limit.unit} "
                f"({proof}); {hint}"
            )


def _none_together(limits: Sequence[Constraint], space: str) -> str:
    listed = ", ".join(f"{limit.name} of {limit.limit:g} {limit.unit}" for limit in limits)
    return (
        f"no network of {space} was found within all limits together ({listed}), although each "
        "can be met by itself; raise the least important one"
    )
