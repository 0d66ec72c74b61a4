"""Model averaging: several models of the same networks, weighted by their evidence.

An explanation is a candidate (what a latency would be, up to unknown parts) and scales (how large
those parts and the noise may be). From few networks none is sure, so all are averaged by their
evidence; from many, the likeliest is refined.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latency_models.regression.hyperparameters import STEP, Likelihood, posterior, refine, starts_of
from latency_models.regression.robust_gp import FEW_ROUNDS, ROUNDS, Posterior

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

MOST_TO_AVERAGE = 40  # networks; more leave little doubt, and cost their cube by explanation
TO_START_FROM = 32  # networks, where there are more than are averaged over
TO_REFINE_COARSELY = 80  # networks, from every start
MOST_TO_REFINE = 200
MOST_TO_FIT = 1500
REFINED = 4  # of the candidates, and of where their starts lead
_SMALLEST_SHARE = 1e-3
_LEVEL_ROUNDS, _LEVEL_FREEDOM, _LEVEL_WIDTH, _LEVEL_DOUBT = 30, 3.0, 0.04, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One candidate under scales (k parts, noise, skew); its `share` of the blend.

    `weights` (n,) are those of the rows: what a part adds is its covariance with them, times these.
    `left_out` (n,) is how far each row lies from what the others say.
    """

    candidate: int
    scales: Floats
    share: float
    weights: Floats
    left_out: Floats


ProblemOf = Callable[[int, Rows], Likelihood]  # of a candidate, on some of the networks


def blend(
    problem_of: ProblemOf, candidates: int, networks: int, grid: Floats
) -> tuple[Rows, list[Explanation]]:
    """Explanations worth counting, and the rows that their weights are of.

    `grid` (g, k + 2) holds the scales to try.
    """
    few = networks <= MOST_TO_AVERAGE
    rows = spread_rows(networks, networks if few else TO_START_FROM)
    rounds = ROUNDS if few else FEW_ROUNDS
    tried = [posterior(problem_of(one, rows), grid, rounds) for one in range(candidates)]
    evidence = np.array([found.evidence for found in tried])  # (candidates, g)
    if few:
        return rows, _average(evidence, tried, grid)
    ends = _refined(problem_of, evidence, grid, networks)
    rows = spread_rows(networks, MOST_TO_FIT)
    if networks > MOST_TO_REFINE:
        ends = ends[:1]  # there is little doubt left, and each costs the cube of its networks
    found = [posterior(problem_of(one, rows), scales[None]) for one, scales in ends]
    shares = _shares(np.array([one.evidence[0] for one in found]))
    return rows, [
        _explanation(one, scales, share, last, 0)
        for (one, scales), share, last in zip(ends, shares.tolist(), found, strict=True)
        if share > 0
    ]


def _refined(
    problem_of: ProblemOf, evidence: Floats, grid: Floats, networks: int
) -> list[tuple[int, Floats]]:
    """Candidates and scales, the likeliest first, from several starts of each good candidate."""
    skews = np.unique(grid[:, -1]).tolist()
    best = np.argsort(-evidence.max(axis=1), kind="stable")[:REFINED].tolist()
    coarse = spread_rows(networks, TO_REFINE_COARSELY)
    ends = [
        (one, refine(problem, start, STEP, skews, FEW_ROUNDS))
        for one in best
        for problem in [problem_of(one, coarse)]
        for start in starts_of(evidence[one], grid)
    ]
    more = spread_rows(networks, MOST_TO_REFINE)
    problems = {one: problem_of(one, more) for one in best}
    ends = _likeliest(problems, ends)[:REFINED]
    one, scales = ends[0]
    finer = refine(problems[one], scales, STEP**0.5, skews, FEW_ROUNDS)
    return _likeliest(problems, [(one, finer), *ends[1:]])


def _likeliest(
    problems: Mapping[int, Likelihood], ends: Sequence[tuple[int, Floats]]
) -> list[tuple[int, Floats]]:
    """Each once, the likeliest first."""
    once = list({(one, tuple(scales.tolist())): (one, scales) for one, scales in ends}.values())
    evidence = [posterior(problems[one], scales[None]).evidence[0] for one, scales in once]
    return [once[place] for place in np.argsort(-np.array(evidence), kind="stable").tolist()]


def spread_rows(networks: int, most: int) -> Rows:
    """At most so many of the networks, evenly spread."""
    return np.linspace(0, networks - 1, min(most, networks)).round().astype(np.int64)


def grid_of(*choices: Sequence[float]) -> Floats:
    """Every combination, (combinations, len(choices))."""
    return np.stack(np.meshgrid(*choices, indexing="ij"), axis=-1).reshape(-1, len(choices))


def _average(evidence: Floats, tried: Sequence[Posterior], grid: Floats) -> list[Explanation]:
    shares = _shares(evidence)
    return [
        _explanation(one, grid[place], float(shares[one, place]), tried[one], place)
        for one, place in np.argwhere(shares > 0).tolist()
    ]


def _shares(evidence: Floats) -> Floats:
    shares: Floats = np.exp(evidence - evidence.max())
    shares[shares < _SMALLEST_SHARE * shares.max()] = 0.0
    shares /= shares.sum()
    return shares


def _explanation(
    candidate: int, scales: Floats, share: float, found: Posterior, place: int
) -> Explanation:
    return Explanation(
        candidate=candidate,
        scales=scales,
        share=share,
        weights=found.weights[place],
        left_out=found.left_out[place],
    )


def level_of(measured_ms: Floats, left_out_ms: Floats) -> float:
    """Factor on all predictions that puts most networks close, told by those left out, (n,) each.

    A mode rather than a mean: slow outliers are no reason to predict the others slower. Few
    networks hardly tell it.
    """
    missed = np.log(measured_ms / left_out_ms)
    level = float(np.median(missed))
    for _ in range(_LEVEL_ROUNDS):
        trust = 1 / (_LEVEL_FREEDOM + ((missed - level) / _LEVEL_WIDTH) ** 2)
        level = float(trust @ missed / trust.sum())
    return float(np.exp(level * len(missed) / (len(missed) + _LEVEL_DOUBT)))
