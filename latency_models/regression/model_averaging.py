"""Model averaging: several models of the same networks, weighted by their evidence.

A hypothesis is a candidate (latencies up to unknown parts) with hyperparameters (the size of
those parts and of the noise). With few networks all hypotheses are averaged by their evidence;
with many the likeliest is refined.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latency_models.regression.robust_gp import FEW_ROUNDS, ROUNDS, RobustPosterior
from latency_models.regression.variance_components import (
    STEP,
    Rows,
    VarianceComponents,
    refine,
    spread_rows,
    starts_of,
)

Floats = NDArray[np.float64]

MOST_TO_AVERAGE = 40  # networks; more leave little doubt, and take time by their cube
TO_START_FROM = 32  # networks, where there are more than are averaged over
TO_REFINE_COARSELY = 80  # networks, from every start
MOST_TO_REFINE = 200
MOST_TO_FIT = 1500
REFINED = 4  # candidates, and ends of their refinements
_SMALLEST_SHARE = 1e-3
_BIAS_ROUNDS, _BIAS_FREEDOM, _BIAS_WIDTH, _BIAS_DOUBT = 30, 3.0, 0.04, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """One candidate under one set of hyperparameters.

    Attributes:
        candidate: its number.
        scales: (k + 2,), standard deviations of the parts and the noise, and its skew.
        share: weight in the average; all add up to 1.
        weights: (n,) of the rows: a part's mean is its covariance with them, times these.
        left_out: (n,), each row less its mean given the others.
    """

    candidate: int
    scales: Floats
    share: float
    weights: Floats
    left_out: Floats


ProblemOf = Callable[[int, Rows], VarianceComponents]  # of a candidate, on these networks


def average(
    problem_of: ProblemOf, candidates: int, networks: int, grid: Floats
) -> tuple[Rows, list[Hypothesis]]:
    """Return the hypotheses with a share, and the rows that they were fitted on.

    `grid` (g, k + 2) has the hyperparameters to try.
    """
    few = networks <= MOST_TO_AVERAGE
    rows = spread_rows(networks, networks if few else TO_START_FROM)
    rounds = ROUNDS if few else FEW_ROUNDS
    tried = [problem_of(place, rows).solve(grid, rounds) for place in range(candidates)]
    evidence = np.array([solution.evidence for solution in tried])  # (candidates, g)
    if few:
        return rows, _average(evidence, tried, grid)
    ends = _refined(problem_of, evidence, grid, networks)
    rows = spread_rows(networks, MOST_TO_FIT)
    if networks > MOST_TO_REFINE:
        ends = ends[:1]  # there is little doubt left, and each takes time by the cube of networks
    last = [problem_of(candidate, rows).solve(scales[None]) for candidate, scales in ends]
    shares = _shares(np.array([solution.evidence[0] for solution in last]))
    return rows, [
        _hypothesis(candidate, scales, share, solution, 0)
        for (candidate, scales), share, solution in zip(ends, shares.tolist(), last, strict=True)
        if share > 0
    ]


def _refined(
    problem_of: ProblemOf, evidence: Floats, grid: Floats, networks: int
) -> list[tuple[int, Floats]]:
    """Candidates with hyperparameters, the likeliest first, from several starts each."""
    skews = np.unique(grid[:, -1]).tolist()
    best = np.argsort(-evidence.max(axis=1), kind="stable")[:REFINED].tolist()
    coarse = spread_rows(networks, TO_REFINE_COARSELY)
    ends = [
        (candidate, refine(problem, start, STEP, skews, FEW_ROUNDS))
        for candidate in best
        for problem in [problem_of(candidate, coarse)]
        for start in starts_of(evidence[candidate], grid)
    ]
    more = spread_rows(networks, MOST_TO_REFINE)
    problems = {candidate: problem_of(candidate, more) for candidate in best}
    ends = _likeliest(problems, ends)[:REFINED]
    candidate, scales = ends[0]
    finer = refine(problems[candidate], scales, STEP**0.5, skews, FEW_ROUNDS)
    return _likeliest(problems, [(candidate, finer), *ends[1:]])


def _likeliest(
    problems: Mapping[int, VarianceComponents], ends: Sequence[tuple[int, Floats]]
) -> list[tuple[int, Floats]]:
    """Return the ends without repetitions, the likeliest first."""
    once = list(
        {(number, tuple(scales.tolist())): (number, scales) for number, scales in ends}.values()
    )
    evidence = [problems[number].solve(scales[None]).evidence[0] for number, scales in once]
    return [once[place] for place in np.argsort(-np.array(evidence), kind="stable").tolist()]


def _average(evidence: Floats, tried: Sequence[RobustPosterior], grid: Floats) -> list[Hypothesis]:
    shares = _shares(evidence)
    return [
        _hypothesis(number, grid[place], float(shares[number, place]), tried[number], place)
        for number, place in np.argwhere(shares > 0).tolist()
    ]


def _shares(evidence: Floats) -> Floats:
    shares: Floats = np.exp(evidence - evidence.max())
    shares[shares < _SMALLEST_SHARE * shares.max()] = 0.0
    shares /= shares.sum()
    return shares


def _hypothesis(
    candidate: int, scales: Floats, share: float, solution: RobustPosterior, place: int
) -> Hypothesis:
    return Hypothesis(
        candidate=candidate,
        scales=scales,
        share=share,
        weights=solution.weights[place],
        left_out=solution.left_out[place],
    )


def bias_factor(measured_ms: Floats, left_out_ms: Floats) -> float:
    """Return the factor on all predictions that fits most networks, from left-out ones, (n,) each.

    It is a mode rather than a mean: slow outliers do not make the others slower. It is shrunk
    towards 1 where networks are few.
    """
    ratios = np.log(measured_ms / left_out_ms)
    bias = float(np.median(ratios))
    for _ in range(_BIAS_ROUNDS):
        trust = 1 / (_BIAS_FREEDOM + ((ratios - bias) / _BIAS_WIDTH) ** 2)
        bias = float(trust @ ratios / trust.sum())
    return float(np.exp(bias * len(ratios) / (len(ratios) + _BIAS_DOUBT)))
