"""Ridge and constant: simple candidates that every fit is compared with.

They are compared by their leave-one-out errors on the same networks, and take the
place of a fit only where they are surely better: by more than chance, as the differences network
by network say.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PENALTIES = np.logspace(-4, 4, 33)
RIDGE, CONSTANT = "ridge", "constant"
LEAST_TO_WEIGH = 20  # rows; the differences of fewer say little
_SURE = 2.0  # standard errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A value is `intercept` plus its row times `coefficients` (m,).

    `left_out` (n,) is how far each value lies from what the others say.
    """

    name: str
    coefficients: Floats
    intercept: float
    left_out: Floats


def better_plain(matrix: Floats, values: Floats, left_out: Floats, unit: Floats) -> Plain | None:
    """Ridge or a constant, where it misses rows left out by surely less than a fit; else None.

    `left_out` (n,) is what the fit misses values (n,) by, `unit` (n,) what errors are relative to.
    """
    if len(values) < LEAST_TO_WEIGH:
        return None
    plain = [fit_ridge(matrix, values), fit_constant(matrix, values)]
    place = surely_better(left_out / unit, [one.left_out / unit for one in plain])
    return None if place is None else plain[place]


def fit_ridge(matrix: Floats, values: Floats) -> Plain:
    """Fit values (n,) on rows (n, m); the penalty is the one that misses rows left out by least.

    What was left out comes in closed form (Hastie, Tibshirani and Friedman, 2009, 7.10).
    """
    centre, middle = matrix.mean(axis=0), float(values.mean())
    centred, wanted = matrix - centre, values - middle
    power, directions = np.linalg.eigh(centred @ centred.T)  # of rows
    power = np.maximum(power, 0.0)
    real = power > 1e-9 * max(float(power[-1]), 1e-300)
    inside, along = directions[:, real], directions[:, real].T @ wanted
    outside = wanted - inside @ along
    # All that no direction of the rows says is missed; the mean takes its part of the rest.
    free = np.maximum(1 - 1 / len(values) - (inside**2).sum(axis=1), 0.0)
    kept = PENALTIES[:, None] / (power[real] + PENALTIES[:, None])  # (p, r): what is not fitted
    missed = (kept * along) @ inside.T + outside
    left_out = missed / np.maximum(free + kept @ (inside**2).T, 1e-12)
    best = int(np.argmin(np.abs(left_out).mean(axis=1)))
    dual = inside @ (along / (power[real] + PENALTIES[best]))
    coefficients = centred.T @ dual
    return Plain(
        name=RIDGE,
        coefficients=coefficients,
        intercept=middle - float(centre @ coefficients),
        left_out=left_out[best],
    )


def fit_constant(matrix: Floats, values: Floats) -> Plain:
    """Say the median of values (n,) of every row (n, m)."""
    others = [np.median(np.delete(values, row)) for row in range(len(values))]
    return Plain(
        name=CONSTANT,
        coefficients=np.zeros(matrix.shape[1]),
        intercept=float(np.median(values)),
        left_out=values - np.array(others),
    )


def surely_better(errors: Floats, others: Sequence[Floats]) -> int | None:
    """Place of the best of others whose errors (n,) are surely smaller than these; None if none.

    All are errors of the same networks, each left out; what counts is their size.
    """
    gains = []
    for other in others:
        gain = np.abs(errors) - np.abs(other)
        doubt = _SURE * float(gain.std(ddof=1)) / np.sqrt(len(gain))
        gains.append(float(gain.mean()) if gain.mean() > doubt else -np.inf)
    best = int(np.argmax(gains))
    return best if gains[best] > 0 else None
