"""Many explanations of the same networks, each weighed by how likely it makes them.

An explanation is a candidate (what a latency would be, up to unknown parts) and scales (how large
those parts and the noise may be). From few networks none is sure, so all are averaged by their
evidence; from many, the likeliest is refined.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from latency_models.regression.robust_gp import Posterior, solve

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

MOST_TO_AVERAGE = 40  # networks; more leave little doubt, and cost their cube by explanation
TO_START_FROM = 32  # networks, where there are more than are averaged over
MOST_TO_REFINE = 200
MOST_TO_FIT = 1500
REFINED = 4  # of the candidates
_SMALLEST_SHARE = 1e-3
_WORTHWHILE = 0.1  # of evidence: less is not worth another look at every scale
_LEVEL_ROUNDS, _LEVEL_FREEDOM, _LEVEL_WIDTH, _LEVEL_DOUBT = 30, 3.0, 0.04, 10
_LEAST, _MOST, _STEP = 1e-3, 0.6, 2.0  # of scales, relative


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A candidate's view of n networks, in relative latency.

    `values` (n,) is what it missed; `fixed` (n, n) the covariance of what it leaves open at any
    scales; `parts` (k, n, n) those that scales multiply; `log_odds` its prior, and the logarithm
    of what turns a density of `values` into one of latencies.
    """

    values: Floats
    fixed: Floats
    parts: Floats
    log_odds: float


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


ProblemOf = Callable[[int, Rows], Problem]  # of a candidate, on some of the networks


def blend(
    problem_of: ProblemOf, candidates: int, networks: int, grid: Floats
) -> tuple[Rows, list[Explanation]]:
    """Explanations worth counting, and the rows that their weights are of.

    `grid` (g, k + 2) holds the scales to try.
    """
    few = networks <= MOST_TO_AVERAGE
    rows = spread_rows(networks, networks if few else TO_START_FROM)
    tried = [_try(problem_of(one, rows), grid) for one in range(candidates)]
    evidence = np.array([found.evidence for found in tried])  # (candidates, g)
    if few:
        return rows, _average(evidence, tried, grid)
    more = spread_rows(networks, MOST_TO_REFINE)
    best = np.argsort(-evidence.max(axis=1), kind="stable")[:REFINED].tolist()
    problems = [problem_of(one, more) for one in best]
    refined = [
        _refine(problem, grid[evidence[one].argmax()], _STEP)
        for one, problem in zip(best, problems, strict=True)
    ]
    place = int(np.argmax([found for found, _ in refined]))
    _, scales = _refine(problems[place], refined[place][1], _STEP**0.5)
    rows = spread_rows(networks, MOST_TO_FIT)
    last = _try(problem_of(best[place], rows), scales[None])
    return rows, [_explanation(best[place], scales, 1.0, last, 0)]


def spread_rows(networks: int, most: int) -> Rows:
    """At most so many of the networks, evenly spread."""
    return np.linspace(0, networks - 1, min(most, networks)).round().astype(np.int64)


def grid_of(*choices: Sequence[float]) -> Floats:
    """Every combination, (combinations, len(choices))."""
    return np.stack(np.meshgrid(*choices, indexing="ij"), axis=-1).reshape(-1, len(choices))


def _try(problem: Problem, grid: Floats) -> Posterior:
    """Solve under each of the scales; the evidence is that of latencies, with the prior odds."""
    covariances = problem.fixed + np.tensordot(grid[:, :-2] ** 2, problem.parts, axes=1)
    found = solve(covariances, problem.values, grid[:, -2], grid[:, -1])
    return replace(found, evidence=found.evidence + problem.log_odds)


def _average(evidence: Floats, tried: Sequence[Posterior], grid: Floats) -> list[Explanation]:
    shares = np.exp(evidence - evidence.max())
    shares[shares < _SMALLEST_SHARE * shares.max()] = 0.0
    shares /= shares.sum()
    return [
        _explanation(one, grid[place], float(shares[one, place]), tried[one], place)
        for one, place in np.argwhere(shares > 0).tolist()
    ]


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


def _refine(problem: Problem, start: Floats, step: float) -> tuple[float, Floats]:
    """Multiply and divide one scale at a time while that makes the networks likelier."""
    best, scales = float(_try(problem, start[None]).evidence[0]), start
    improved = True
    while improved:
        improved = False
        for place in range(len(scales) - 1):  # all but the skew
            tries = np.stack([_moved(scales, place, step), _moved(scales, place, 1 / step)])
            found = _try(problem, tries).evidence
            if found.max() > best + _WORTHWHILE:
                best, scales, improved = float(found.max()), tries[found.argmax()], True
    return best, scales


def _moved(scales: Floats, place: int, factor: float) -> Floats:
    moved = scales.copy()
    # A part that was left out may come in, and a tiny one go.
    moved[place] = np.clip(max(moved[place], _LEAST) * factor, _LEAST, _MOST)
    return moved


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
