"""Correction of a network's sum of blocks, fitted on whole networks.

Some effects show in whole networks only: fused launches, caches that the previous block filled,
threads that are awake already. The residuals of networks are a Gaussian process with two parts,
kinds of work and similar blocks. The result is a cost to add to each block, so that a network's
latency stays a sum.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from latency_models.regression.block_kernel import BETWEEN_NETWORKS
from latency_models.regression.features import PHYSICAL, block_sums, feature_matrix, work_units
from latency_models.regression.robust_gp import solve_huber
from latency_models.regression.variance_components import VarianceComponents, grid_of

Floats = NDArray[np.float64]

# Relative standard deviations that are tried: of similar blocks' costs, of kinds of work, of noise.
SIMILAR, WORK, NOISE = (0.0, 0.03, 0.1), (0.0, 0.02, 0.06, 0.2, 0.6), (0.003, 0.01, 0.02, 0.04)
LEAST_NETWORKS = 8
_LEAST_MS = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """Cost to add to each block: base_ms * (similarity @ factors) + PHYSICAL @ per_unit_ms.

    Attributes:
        knots: blocks of the networks that were fitted.
        factors: (knots,), relative costs, by similarity to a knot.
        per_unit_ms: (PHYSICAL,), by kind of work.
    """

    knots: tuple[BlockSpec, ...] = ()
    factors: Floats = field(default_factory=lambda: np.zeros(0))
    per_unit_ms: Floats = field(default_factory=lambda: np.zeros(len(PHYSICAL)))

    @property
    def is_none(self) -> bool:
        return not self.knots and not self.per_unit_ms.any()

    def more_ms(self, specs: Sequence[BlockSpec], base_ms: Floats) -> Floats:
        """Return the cost of each block beyond `base_ms`, both (n,)."""
        more: Floats = feature_matrix(specs, PHYSICAL) @ self.per_unit_ms
        if self.knots:
            more = more + base_ms * (BETWEEN_NETWORKS.between(specs, self.knots) @ self.factors)
        return more


def fit_correction(
    networks: Sequence[Sequence[BlockSpec]],
    costs_ms: Sequence[Floats],
    overhead_ms: float,
    measured_ms: Floats,
) -> tuple[Correction, Floats | None]:
    """Fit on networks (n,) with base costs of their blocks, and an overhead.

    Returns the correction and the relative leave-one-out error of each network, (n,). Where the
    error does not fall by more than its noise, the correction is none, and no errors are returned.
    """
    if len(networks) < LEAST_NETWORKS:
        return Correction(), None
    specs = tuple(dict.fromkeys(block for network in networks for block in network))
    costs = block_sums(networks, specs, costs_ms)
    base_ms = np.maximum(costs.sum(axis=1) + overhead_ms, _LEAST_MS)
    shares = costs / base_ms[:, None]
    work = block_sums(networks, specs) @ feature_matrix(specs, PHYSICAL)
    units = work_units(work, float(np.median(base_ms)))
    amounts = work / units / base_ms[:, None]
    values = measured_ms / base_ms - 1
    similar = shares @ BETWEEN_NETWORKS.between(specs, specs) @ shares.T
    process = VarianceComponents(
        values=values, fixed=0.0, parts=np.stack([similar, amounts @ amounts.T])
    )
    grid = grid_of(SIMILAR, WORK, NOISE)
    solutions = [solve_huber(process.covariances(row[None, :2]), values, row[2:]) for row in grid]
    best = int(np.argmax([solution.evidence[0] for solution in solutions]))
    scales, weights = grid[best], solutions[best].weights[0]
    left_out = solutions[best].left_out[0] / (1 + values)
    # Paired, as forms of network calibration are compared.
    gain = np.abs(values / (1 + values)) - np.abs(left_out)
    pays = np.mean(gain) > np.std(gain) / np.sqrt(len(gain))
    if not pays or not scales[:2].any():
        return Correction(), None
    per_unit_ms = scales[1] ** 2 * (amounts.T @ weights) / units
    if not scales[0]:
        return Correction(per_unit_ms=per_unit_ms), left_out
    factors = scales[0] ** 2 * (shares.T @ weights)
    return Correction(knots=specs, factors=factors, per_unit_ms=per_unit_ms), left_out
