"""Calibration of sums of operators by models that were measured whole."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Floats = NDArray[np.float64]

LEAST_MODELS = 2  # below which nothing is calibrated
OVERHEAD_MODELS = 4  # below which no overhead is fitted
CACHE_MODELS = 8  # below which no cache is fitted
FOLDS = 10  # in which models are left out; fewer models are left out one by one
UNCALIBRATED_STD = 0.2  # relative, where there is no measured model
LEAST_STD = 0.01  # relative, of a sum of measured operators
LEAST_SHARE = 0.05  # of an operator's warm latency that it costs at least
CACHES_BYTES = tuple(n * 1e6 for n in (0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32))  # that are tried
_HUBER_LIMIT = 0.03  # relative error from which a model counts less (Huber's loss)
_REWEIGHTINGS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationModel:
    """A model measured whole, and its distinct operators, each measured by itself.

    Attributes:
        ms: latency of the model.
        counts: how often it has each operator, (operators,).
        warm_ms, cold_ms: latency of each by itself, (operators,).
        weight_bytes: constants that each reads, (operators,).
    """

    ms: float
    counts: Floats
    warm_ms: Floats
    cold_ms: Floats
    weight_bytes: Floats

    def sums(self) -> list[float]:
        """Return the sums of warm latencies and of cold ones, and less the number of operators."""
        return [
            float(self.counts @ self.warm_ms),
            float(self.counts @ self.cold_ms),
            -float(self.counts.sum()),
        ]

    def reloaded_bytes(self, cache_bytes: float) -> float:
        """Return the bytes of weights that are read again because they left the cache."""
        total = float(self.counts @ self.weight_bytes)
        return float(self.counts @ reloaded(self.weight_bytes, total, cache_bytes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What an operator costs in a model, by what it takes as a model of one node.

    Attributes:
        warm_share, cold_share: of its warm and cold latency.
        overhead_ms: of a run of a model of one node, which the operator in a graph does not pay.
        reload_ms_per_byte: cost of weights that the model's other weights drove out of the cache.
        cache_bytes: size of that cache.
        relative_std: standard deviation of models' errors, relative, each predicted from the
            others.
    """

    warm_share: float = 1.0
    cold_share: float = 0.0
    overhead_ms: float = 0.0
    reload_ms_per_byte: float = 0.0
    cache_bytes: float = float("inf")
    relative_std: float = UNCALIBRATED_STD

    def cost_ms(self, warm_ms: float, cold_ms: float) -> float:
        """Return what an operator costs in a model whose weights stay in the cache; above 0."""
        ms = self.warm_share * warm_ms + self.cold_share * cold_ms - self.overhead_ms
        return max(ms, LEAST_SHARE * warm_ms)

    def reload_ms(self, weight_bytes: float, model_weight_bytes: float) -> float:
        """Return what an operator waits for its weights in a model that has so many in all."""
        again = reloaded(np.array([weight_bytes]), model_weight_bytes, self.cache_bytes)
        return self.reload_ms_per_byte * float(again[0])


def reloaded(weight_bytes: Floats, model_weight_bytes: float, cache_bytes: float) -> Floats:
    """Return the bytes of each operator's weights that are read again in the model alone.

    Of data read in turns, a cache with random replacement lacks the share by which they exceed it.
    An operator that runs by itself lacks a part as well, once its weights fill half of the cache
    (the other half being its packed copies and tensors): that part is in its latency already.
    """
    alone = _missing_share(weight_bytes, cache_bytes / 2)
    together = _missing_share(np.array([model_weight_bytes]), cache_bytes)
    return weight_bytes * np.maximum(together - alone, 0.0)


def calibrate(models: Sequence[CalibrationModel]) -> Calibration:
    """Fit relative errors robustly, non-negative; the form with the smallest left-out error.

    The forms have shares of warm and cold latency; from four models an overhead as well, and from
    eight a cache that weights leave, of one of the sizes `CACHES_BYTES`.
    """
    if not models:
        return Calibration()
    ms = np.array([model.ms for model in models])
    sums = np.array([model.sums() for model in models]) / ms[:, None]
    forms = [(sums[:, :2], float("inf"))]
    if len(models) >= OVERHEAD_MODELS:
        forms.append((sums, float("inf")))
    if len(models) >= CACHE_MODELS:
        for size_bytes in CACHES_BYTES:
            again = np.array([model.reloaded_bytes(size_bytes) for model in models]) / ms
            forms.append((np.column_stack([sums, again / 1e9]), size_bytes))
    errors = [_left_out_errors(rows) for rows, _ in forms]
    best = int(np.argmin([np.mean(np.abs(each)) for each in errors]))
    rows, cache_bytes = forms[best]
    warm, cold, overhead, reload = (*map(float, _fit(rows)), 0.0, 0.0)[:4]
    std = max(float(np.sqrt(np.mean(np.square(errors[best])))), LEAST_STD)
    return Calibration(
        warm_share=warm,
        cold_share=cold,
        overhead_ms=overhead,
        reload_ms_per_byte=reload / 1e9,
        cache_bytes=cache_bytes,
        relative_std=UNCALIBRATED_STD if len(models) < LEAST_MODELS else std,
    )


def _missing_share(size_bytes: Floats, cache_bytes: float) -> Floats:
    if not np.isfinite(cache_bytes):
        return np.zeros_like(size_bytes)
    return np.maximum(0.0, 1.0 - cache_bytes / np.maximum(size_bytes, 1.0))


def _fit(rows: Floats) -> Floats:
    """Return non-negative coefficients for rows that should sum to 1, by Huber's loss."""
    weights = np.ones(len(rows))
    for _ in range(_REWEIGHTINGS):
        roots = np.sqrt(weights)
        coefficients, _ = nnls(rows * roots[:, None], roots)
        errors = np.abs(rows @ coefficients - 1)
        weights = _HUBER_LIMIT / np.maximum(errors, _HUBER_LIMIT)
    return np.asarray(coefficients, dtype=np.float64)


def _left_out_errors(rows: Floats) -> Floats:
    """Return the relative error of each row, predicted from rows of other folds."""
    if len(rows) < LEAST_MODELS:
        return np.zeros(len(rows))
    folds = np.arange(len(rows)) % min(len(rows), FOLDS)
    errors = np.empty(len(rows))
    for fold in range(int(folds.max()) + 1):
        out = folds == fold
        errors[out] = rows[out] @ _fit(rows[~out]) - 1
    return errors
