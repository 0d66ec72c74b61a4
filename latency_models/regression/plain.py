"""Ridge regression and a constant: simple candidates that every fit is compared with.

They are compared by leave-one-out errors on the same networks, and replace a fit only where the
paired differences are significant.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PENALTIES = np.logspace(-4, 4, 33)
RIDGE, CONSTANT = "ridge", "constant"
LEAST_TO_COMPARE = 20  # rows; the differences of fewer are uncertain
_SURE = 2.0  # standard errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A value is `intercept` plus its row times `coefficients` (m,).

    `left_out` (n,) is each value less its prediction from the others.
    """

    name: str
    coefficients: Floats
    intercept: float
    left_out: Floats


def better_plain(matrix: Floats, values: Floats, left_out: Floats, unit: Floats) -> Plain | None:
    """Return ridge or a constant, where its leave-one-out error is surely lower; None otherwise.

    `left_out` (n,) are the errors of the fit on values (n,); errors are compared relative to
    `unit` (n,).
    """
    if len(values) < LEAST_TO_COMPARE:
        return None
    plain = [fit_ridge(matrix, values), fit_constant(matrix, values)]
    place = surely_better(left_out / unit, [fit.left_out / unit for fit in plain])
    return None if place is None else plain[place]


def fit_ridge(matrix: Floats, values: Floats) -> Plain:
    """Fit values (n,) on rows (n, m); the penalty has the lowest leave-one-out error.

    That has a closed form (Hastie, Tibshirani and Friedman, 2009, 7.10). scikit-learn's RidgeCV
    gives the same, and takes three to six times as long from 900 rows on.
    """
    centre, middle = matrix.mean(axis=0), float(values.mean())
    centred, targets = matrix - centre, values - middle
    power, directions = np.linalg.eigh(centred @ centred.T)  # of rows
    power = np.maximum(power, 0.0)
    real = power > 1e-9 * max(float(power[-1]), 1e-300)
    inside, along = directions[:, real], directions[:, real].T @ targets
    outside = targets - inside @ along
    # What lies outside all directions of the rows is not fitted, except for the mean.
    free = np.maximum(1 - 1 / len(values) - (inside**2).sum(axis=1), 0.0)
    kept = PENALTIES[:, None] / (power[real] + PENALTIES[:, None])  # (p, r), not fitted
    residuals = (kept * along) @ inside.T + outside
    left_out = residuals / np.maximum(free + kept @ (inside**2).T, 1e-12)
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
    """Fit the median of values (n,), for every row (n, m)."""
    others = [np.median(np.delete(values, row)) for row in range(len(values))]
    return Plain(
        name=CONSTANT,
        coefficients=np.zeros(matrix.shape[1]),
        intercept=float(np.median(values)),
        left_out=values - np.array(others),
    )


def surely_better(errors: Floats, others: Sequence[Floats]) -> int | None:
    """Return the place of the best of `others` with surely smaller errors; None if there is none.

    All are leave-one-out errors of the same networks, (n,); their absolute values are compared.
    """
    gains = []
    for other in others:
        gain = np.abs(errors) - np.abs(other)
        doubt = _SURE * float(gain.std(ddof=1)) / np.sqrt(len(gain))
        gains.append(float(gain.mean()) if gain.mean() > doubt else -np.inf)
    best = int(np.argmax(gains))
    return best if gains[best] > 0 else None
