"""Network calibration: overhead + sum of what each block costs inside a network.

A block's cost inside a network is linear in its latency alone (warm, and how much more it takes
cold). So a network stays a sum over its blocks, which vectorized evaluation looks up.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_ROUNDS = 20  # of reweighting; the weights converge within ten
_HUBER = 0.02  # relative error beyond which a network counts less


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkCalibration:
    """ms = overhead_ms + sum over blocks of (slope * warm + cold_slope * (cold - warm) + block_ms).

    `block_ms` may be negative, where a block alone pays for a call that a network makes once; the
    others may not. The default is the plain sum of warm blocks. `spread` is the relative standard
    deviation of held-out networks.
    """

    overhead_ms: float = 0.0
    slope: float = 1.0
    cold_slope: float = 0.0
    block_ms: float = 0.0
    spread: float = 0.0

    def block_cost(self, warm_ms: Floats, cold_ms: Floats) -> Floats:
        """Return what each block adds to a network, in ms, (n,).

        It may be below 0 for the smallest blocks where `block_ms` is. There is no floor, because
        the fit has none: sums of whole networks would no longer be those of the fit.
        """
        work = self.slope * warm_ms + self.cold_slope * np.maximum(cold_ms - warm_ms, 0.0)
        return work + self.block_ms

    def link(self, total_ms: Floats) -> Floats:
        """Return network latency in ms from the sum of its blocks' costs; monotone."""
        return self.overhead_ms + total_ms

    def std_ms(self, ms: Floats, variance: Floats) -> Floats:
        """Return standard deviations in ms of latencies (n,), with their blocks' variances (n,)."""
        std_ms: Floats = np.sqrt((self.spread * ms) ** 2 + variance)
        return std_ms

    def to_items(self) -> dict[str, float]:
        """Return its fields by name, as the constructor takes them."""
        return asdict(self)


# Simplest first: a later one must be better by more than the noise of the comparison.
_FORMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("slope", ("slope",)),
    ("overhead, slope", ("overhead_ms", "slope")),
    ("slope, blocks", ("slope", "block_ms")),
    ("slope, cold", ("slope", "cold_slope")),
    ("overhead, slope, blocks", ("overhead_ms", "slope", "block_ms")),
    ("overhead, slope, cold", ("overhead_ms", "slope", "cold_slope")),
    ("overhead, slope, cold, blocks", ("overhead_ms", "slope", "cold_slope", "block_ms")),
)
_SIGNED = "block_ms"
_ROUNDING = 1e-9  # relative errors that differ by less are equal: processors round differently


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationChoice:
    """Chosen form, and the leave-one-out mean absolute relative error of each form tried."""

    form: str
    networks: int
    errors: tuple[tuple[str, float], ...]


def spread_of(error: float) -> float:
    """Return the standard deviation of relative errors from their mean size, as of a normal one."""
    return float(error * np.sqrt(np.pi / 2))


def fit_calibration(
    warm_ms: Sequence[Floats], cold_ms: Sequence[Floats], measured_ms: Floats
) -> tuple[NetworkCalibration, CalibrationChoice]:
    """Fit on networks (n,), given as arrays of their blocks' warm and cold latencies in ms.

    Forms, the plain sum among them, are compared by their leave-one-out errors; of forms that are
    equal within the standard error the simplest is chosen.
    """
    pairs = list(zip(warm_ms, cold_ms, strict=True))
    columns = {
        "overhead_ms": np.ones(len(measured_ms)),
        "slope": np.array([np.sum(warm) for warm in warm_ms]),
        "cold_slope": np.array([np.sum(np.maximum(cold - warm, 0)) for warm, cold in pairs]),
        "block_ms": np.array([float(len(warm)) for warm in warm_ms]),
    }
    errors = {"sum": np.abs(columns["slope"] / measured_ms - 1)}
    for name, terms in _FORMS:
        if len(measured_ms) > len(terms) + 1:
            errors[name] = _leave_one_out(columns, terms, measured_ms)
    form = _simplest_of_the_best(errors)
    choice = CalibrationChoice(
        form=form,
        networks=len(measured_ms),
        errors=tuple((name, float(np.mean(error))) for name, error in errors.items()),
    )
    spread = spread_of(float(np.mean(errors[form])))
    if form == "sum":
        return NetworkCalibration(spread=spread), choice
    fitted = _fit_terms(columns, dict(_FORMS)[form], measured_ms)
    return NetworkCalibration(**{"slope": 0.0, **fitted, "spread": spread}), choice


def fit_robust(design: Floats, measured_ms: Floats) -> Floats:
    """Return non-negative weights of the columns with the least Huber loss of relative errors."""
    from scipy.optimize import nnls

    relative = design / measured_ms[:, None]
    scale = np.maximum(np.sqrt(np.mean(relative**2, axis=0)), 1e-300)
    unit = relative / scale
    trust = np.ones(len(measured_ms))
    before = np.zeros(design.shape[1])
    for _ in range(_ROUNDS):
        root = np.sqrt(trust)
        weights, _ = nnls(unit * root[:, None], root)
        errors = np.abs(unit @ weights - 1)
        trust = np.minimum(1.0, _HUBER / np.maximum(errors, 1e-12))
        if np.allclose(weights, before, rtol=1e-9, atol=0):
            break
        before = weights
    result: Floats = weights / scale
    return result


def _fit_terms(
    columns: dict[str, Floats], terms: tuple[str, ...], measured_ms: Floats
) -> dict[str, float]:
    """Fit terms, none of them negative except the signed one."""
    design = [columns[term] for term in terms]
    if _SIGNED in terms:
        design.append(-columns[_SIGNED])
    weights = fit_robust(np.stack(design, axis=1), measured_ms).tolist()
    fitted = dict(zip(terms, weights, strict=False))
    if _SIGNED in terms:
        fitted[_SIGNED] -= weights[-1]
    return fitted


def _leave_one_out(
    columns: dict[str, Floats], terms: tuple[str, ...], measured_ms: Floats
) -> Floats:
    errors = np.empty(len(measured_ms))
    for out in range(len(measured_ms)):
        kept = np.arange(len(measured_ms)) != out
        others = {name: column[kept] for name, column in columns.items()}
        fitted = _fit_terms(others, terms, measured_ms[kept])
        predicted = sum(weight * columns[term][out] for term, weight in fitted.items())
        errors[out] = abs(predicted / measured_ms[out] - 1)
    return errors


def _simplest_of_the_best(errors: dict[str, Floats]) -> str:
    best = min(errors, key=lambda name: float(np.mean(errors[name])))
    for name, error in errors.items():
        # Paired, because the same networks are difficult for every form.
        excess = error - errors[best]
        noise = float(np.std(excess)) / np.sqrt(len(excess))
        if float(np.mean(excess)) <= noise + _ROUNDING:
            return name
    return best
