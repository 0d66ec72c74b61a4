"""Model averaging: several models of the same networks, weighted by their evidence.

A hypothesis is a candidate (latencies up to unknown parts) with hyperparameters (the size of
those parts and of the noise). With few networks all hypotheses are averaged by their evidence;
with many the likeliest is refined.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.protocol.progress import NoProgress, Progress
from latency_models.regression.robust_gp import FEW_ROUNDS, ROUNDS
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
class CandidateMean:
    """Hypotheses of one candidate, averaged with their shares; shares of all add up to 1.

    Attributes:
        candidate: its number.
        share: of all its hypotheses.
        weights: (n,), of the rows, summed with shares: a mean is a covariance with the rows,
            times these.
        parts: (k, n), the same for each part, times its variance.
        left_out: (n,), each row less its mean given the others, summed with shares.
    """

    candidate: int
    share: float
    weights: Floats
    parts: Floats
    left_out: Floats


ProblemOf = Callable[[int, Rows], VarianceComponents]  # of a candidate, on these networks


def average(
    problem_of: ProblemOf,
    names: Sequence[str],
    networks: int,
    grid: Floats,
    progress: Progress | None = None,
) -> tuple[Rows, list[CandidateMean]]:
    """Return the rows that were fitted, and candidates with a share, that of the likeliest first.

    `names` are those of the candidates, which `progress` shows; `grid` (g, k + 2) has the
    hyperparameters to try.
    """
    candidates, shown = len(names), progress or NoProgress()
    shown.start(candidates, "fitting networks")
    few = networks <= MOST_TO_AVERAGE
    rows = spread_rows(networks, networks if few else TO_START_FROM)
    rounds = ROUNDS if few else FEW_ROUNDS
    tried = []
    for place, name in enumerate(names):
        shown.advance(0, name)
        tried.append(problem_of(place, rows).solve(grid, rounds))
        shown.advance(1, name if few or place + 1 < candidates else "refining the best")
    evidence = np.array([solution.evidence for solution in tried])  # (candidates, g)
    if few:
        shares = _shares(evidence)
        numbers, places = np.nonzero(shares)
        weights, left_out = (
            np.stack([getattr(tried[n], name)[p] for n, p in zip(numbers, places, strict=True)])
            for name in ("weights", "left_out")
        )
        return rows, _means(numbers, grid[places], shares[numbers, places], weights, left_out)
    ends = _refined(problem_of, evidence, grid, networks)
    rows = spread_rows(networks, MOST_TO_FIT)
    if networks > MOST_TO_REFINE:
        ends = ends[:1]  # there is little doubt left, and each takes time by the cube of networks
    last = [problem_of(candidate, rows).solve(scales[None]) for candidate, scales in ends]
    return rows, _means(
        np.array([candidate for candidate, _ in ends]),
        np.stack([scales for _, scales in ends]),
        _shares(np.array([solution.evidence[0] for solution in last])),
        np.concatenate([solution.weights for solution in last]),
        np.concatenate([solution.left_out for solution in last]),
    )


def _means(
    candidates: Rows, scales: Floats, shares: Floats, weights: Floats, left_out: Floats
) -> list[CandidateMean]:
    """Average hypotheses, each a row of the arguments, by candidate."""
    means = []
    for number in dict.fromkeys(candidates[np.argsort(-shares, kind="stable")].tolist()):
        own = (candidates == number) & (shares > 0)
        if own.any():
            share = shares[own]
            variances = scales[own, :-2] ** 2
            means.append(
                CandidateMean(
                    candidate=number,
                    share=float(share.sum()),
                    weights=share @ weights[own],
                    parts=(share[:, None] * variances).T @ weights[own],
                    left_out=share @ left_out[own],
                )
            )
    return means


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


def _shares(evidence: Floats) -> Floats:
    shares: Floats = np.exp(evidence - evidence.max())
    shares[shares < _SMALLEST_SHARE * shares.max()] = 0.0
    shares /= shares.sum()
    return shares


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
