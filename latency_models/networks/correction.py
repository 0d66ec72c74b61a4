"""Correction of a network's sum of blocks, fitted on whole networks by their blocks.

Fused launches, caches that a neighbour filled, threads that are awake already: such effects show
in whole networks only. What networks were missed by is told apart by kinds of work, and by blocks
that are alike, as a Gaussian process; the result is one cost more or less for each block, so that
a network stays a sum.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from latency_models.regression.features import PHYSICAL, feature_matrix
from latency_models.regression.similarity import similarity

Floats = NDArray[np.float64]

# Relative standard deviations tried: of alike blocks' costs, of kinds of work, of noise.
ALIKE, WORK, NOISE = (0.0, 0.03, 0.1), (0.0, 0.02, 0.06, 0.2, 0.6), (0.003, 0.01, 0.02, 0.04)
LEAST_NETWORKS = 8
FAR_OFF = 2.0  # standard deviations
ROUNDS = 6  # of reweighting
_LEAST_MS = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """Cost more or less, by block: base_ms * (similarity @ factors) + PHYSICAL @ per_unit_ms."""

    knots: tuple[BlockSpec, ...] = ()
    factors: Floats = field(default_factory=lambda: np.zeros(0))  # (knots,)
    per_unit_ms: Floats = field(default_factory=lambda: np.zeros(len(PHYSICAL)))

    @property
    def is_none(self) -> bool:
        return not self.knots and not self.per_unit_ms.any()

    def more_ms(self, specs: Sequence[BlockSpec], base_ms: Floats) -> Floats:
        """What each block costs beyond `base_ms`, both (n,)."""
        more: Floats = feature_matrix(specs, PHYSICAL) @ self.per_unit_ms
        if self.knots:
            more = more + base_ms * (similarity(specs, self.knots) @ self.factors)
        return more


@dataclass(frozen=True, slots=True, kw_only=True)
class _Views:
    """Networks by rows: each block's share of the base's latency, work by kind over it."""

    specs: tuple[BlockSpec, ...]
    base_ms: Floats  # (n,)
    shares: Floats  # (n, specs)
    amounts: Floats  # (n, PHYSICAL)
    units: Floats  # (PHYSICAL,)


def fit_correction(
    networks: Sequence[Sequence[BlockSpec]],
    costs_ms: Sequence[Floats],
    overhead_ms: float,
    measured_ms: Floats,
) -> tuple[Correction, Floats | None]:
    """Fit on networks, each with its blocks' base costs; none where it would not pay.

    The second is each network's relative error when left out, (n,), where there is a correction.
    """
    if len(networks) < LEAST_NETWORKS:
        return Correction(), None
    views = _views(networks, costs_ms, overhead_ms)
    values = measured_ms / views.base_ms - 1
    alike = similarity(views.specs, views.specs)
    of_blocks = views.shares @ alike @ views.shares.T
    of_work = views.amounts @ views.amounts.T
    found = max(
        (
            _solve(alike_std, work_std, noise, of_blocks, of_work, values)
            for alike_std, work_std, noise in product(ALIKE, WORK, NOISE)
        ),
        key=lambda one: one.evidence,
    )
    left_out = found.left_out / (1 + values)
    # Paired, as forms of composition are compared: better by more than its noise, or not at all.
    gain = np.abs(values / (1 + values)) - np.abs(left_out)
    pays = np.mean(gain) > np.std(gain) / np.sqrt(len(gain))
    if not pays or not (found.alike_std or found.work_std):
        return Correction(), None
    factors = found.alike_std**2 * (views.shares.T @ found.weights)
    per_unit_ms = found.work_std**2 * (views.amounts.T @ found.weights) / views.units
    if not found.alike_std:
        return Correction(per_unit_ms=per_unit_ms), left_out
    return Correction(knots=views.specs, factors=factors, per_unit_ms=per_unit_ms), left_out


@dataclass(frozen=True, slots=True, kw_only=True)
class _Solution:
    """`weights` (n,) of the networks, and how far each is from what the others say (n,)."""

    alike_std: float
    work_std: float
    weights: Floats
    left_out: Floats
    evidence: float


def _solve(  # noqa: PLR0913, PLR0917
    alike_std: float,
    work_std: float,
    noise: float,
    of_blocks: Floats,
    of_work: Floats,
    values: Floats,
) -> _Solution:
    """Fit by one set of standard deviations; a network far off counts less (Huber's weights)."""
    covariance = alike_std**2 * of_blocks + work_std**2 * of_work
    trust = np.ones(len(values))
    for _ in range(ROUNDS):
        inverse = np.linalg.inv(covariance + np.diag(noise**2 / trust))
        weights = inverse @ values
        missed = noise**2 / trust * weights  # what is left of each value besides the latent one
        trust = np.minimum(1.0, FAR_OFF * noise / np.maximum(np.abs(missed), 1e-12))
    variance = 1 / np.diag(inverse)
    left_out = weights * variance
    spread = np.sqrt(np.maximum(variance - noise**2 / trust, 0.0) + noise**2)
    scaled = np.abs(left_out / spread)
    tails = np.where(scaled < FAR_OFF, scaled**2 / 2, FAR_OFF * (scaled - FAR_OFF / 2))
    return _Solution(
        alike_std=alike_std,
        work_std=work_std,
        weights=weights,
        left_out=left_out,
        evidence=float(-np.mean(tails + np.log(spread))),
    )


def _views(
    networks: Sequence[Sequence[BlockSpec]], costs_ms: Sequence[Floats], overhead_ms: float
) -> _Views:
    specs = tuple(dict.fromkeys(block for network in networks for block in network))
    place = {spec: column for column, spec in enumerate(specs)}
    counts = np.zeros((len(networks), len(specs)))
    costs = np.zeros_like(counts)
    for row, (network, costs_of_one) in enumerate(zip(networks, costs_ms, strict=True)):
        columns = [place[block] for block in network]
        np.add.at(counts[row], columns, 1)
        np.add.at(costs[row], columns, costs_of_one)
    base_ms = np.maximum(costs.sum(axis=1) + overhead_ms, _LEAST_MS)
    work = counts @ feature_matrix(specs, PHYSICAL)
    # So much of each kind of work takes about an equal part of a usual network.
    usual = work.mean(axis=0)
    units = np.where(usual > 0, usual, 1.0) / float(np.median(base_ms)) * np.sqrt(len(PHYSICAL))
    return _Views(
        specs=specs,
        base_ms=base_ms,
        shares=costs / base_ms[:, None],
        amounts=work / units / base_ms[:, None],
        units=units,
    )
