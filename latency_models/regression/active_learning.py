"""Active learning: which measurements reduce the uncertainty of networks most per second.

Relative costs of blocks are a Gaussian process, and a measurement observes one value of it.
Candidates are chosen greedily, each the one that lowers the mean variance of random networks most
for its price (the A-optimal criterion; Krause, Singh and Guestrin, 2008, compare it with others).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from latency_models.regression.block_kernel import WITHIN_KIND
from latency_models.regression.domain import values_of
from latency_models.regression.features import PHYSICAL, block_sums, feature_matrix
from latency_models.regression.gaussian_process import GaussianProcess

Floats = NDArray[np.float64]

# Relative standard deviations: of a block's cost by its shape, by kinds of work, independent of
# others, and of a measurement.
SIMILAR, WORK, INDEPENDENT, NOISE = 0.15, 0.2, 0.02, 0.02
KERNEL = replace(WITHIN_KIND, stretch=1.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockPosterior:
    """Covariance of candidates that can be measured, and with the targets to predict.

    Attributes:
        covariance: (n, n), of the candidates.
        cross: (targets, n).
        noise: standard deviation of a measurement.
    """

    covariance: Floats
    cross: Floats
    noise: float

    def given(self, measured: Sequence[int]) -> "BlockPosterior":
        """Return the posterior once these candidates are measured."""
        if not measured:
            return self
        rows = list(measured)
        square = self.covariance[np.ix_(rows, rows)]
        process = GaussianProcess.of(square[None], self.noise**2)
        (whitened,) = process.whiten(self.covariance[rows])
        (targets,) = process.whiten(self.cross[:, rows].T)
        return BlockPosterior(
            covariance=self.covariance - whitened.T @ whitened,
            cross=self.cross - targets.T @ whitened,
            noise=self.noise,
        )

    def choose(
        self,
        prices: Floats,
        budget: float,
        *,
        most: int | None = None,
        excluded: Sequence[int] = (),
    ) -> list[int]:
        """Return candidates to measure, best first, for at most `budget`.

        Args:
            prices: (n,), of measuring each, in the unit of `budget`.
            budget: for all together.
            most: how many at most; all where None.
            excluded: candidates that are not chosen.
        """
        covariance, cross = self.covariance.copy(), self.cross.copy()
        left = np.ones(len(prices), dtype=bool)
        left[list(excluded)] = False
        chosen: list[int] = []
        while len(chosen) < (len(prices) if most is None else most):
            affordable = left & (prices <= budget)
            if not affordable.any():
                break
            variance = np.diag(covariance) + self.noise**2
            gain = np.sum(cross**2, axis=0) / variance / prices
            best = int(np.argmax(np.where(affordable, gain, -np.inf)))
            chosen.append(best)
            left[best] = False
            budget -= float(prices[best])
            row = covariance[best] / variance[best]
            cross -= np.outer(cross[:, best], row)
            covariance -= np.outer(covariance[:, best], row)
        return chosen


def covering(
    specs: Sequence[BlockSpec], prices: Floats, budget: float, measured: Collection[int] = ()
) -> list[int]:
    """Return blocks that together have every value that any of `specs` has, for at most `budget`.

    After them no block is outside the predictor's domain. Blocks are chosen one at a
    time, by new values for the price; `measured` are rows of `specs` that need no more.
    """
    values = [{(spec.kind, *pair) for pair in values_of(spec)} for spec in specs]
    unseen = set().union(*values) - set().union(*(values[row] for row in measured))
    chosen: list[int] = []
    while unseen:
        new = np.array([len(own & unseen) for own in values], dtype=np.float64)
        worth = np.where(prices <= budget, new / prices, 0.0)
        best = int(np.argmax(worth))
        if worth[best] == 0:
            break
        chosen.append(best)
        budget -= float(prices[best])
        unseen -= values[best]
    return chosen


def block_prior(
    specs: Sequence[BlockSpec], networks: Sequence[Sequence[BlockSpec]], costs_ms: Floats
) -> BlockPosterior:
    """Return the prior of blocks' relative costs; the targets are networks of these blocks.

    `costs_ms` (specs,) are rough costs.
    """
    covariance = _covariance(specs, costs_ms)
    parts_ms = block_sums(networks, specs) * costs_ms
    shares = parts_ms / parts_ms.sum(axis=1, keepdims=True)
    return BlockPosterior(covariance=covariance, cross=shares @ covariance, noise=NOISE)


def network_prior(
    specs: Sequence[BlockSpec], networks: Sequence[Sequence[BlockSpec]], costs_ms: Floats
) -> BlockPosterior:
    """Return the prior of networks' relative latencies; the targets are all of the networks."""
    parts_ms = block_sums(networks, specs) * costs_ms
    totals_ms = parts_ms.sum(axis=1)
    shares = parts_ms / totals_ms[:, None]
    # A constant overhead of each network, relative to its latency.
    overhead = 1 / totals_ms / np.mean(1 / totals_ms)
    covariance = shares @ _covariance(specs, costs_ms) @ shares.T
    covariance = covariance + WORK**2 * np.outer(overhead, overhead)
    return BlockPosterior(covariance=covariance, cross=covariance.copy(), noise=NOISE)


def rough_ms(specs: Sequence[BlockSpec]) -> Floats:
    """Return costs (n,) by MACs, bytes and launches, right in proportion where nothing is known."""
    matrix = feature_matrix(specs, ("launches", "bytes_in", "bytes_out", "bytes_inner"))
    macs = np.array([spec.macs for spec in specs], dtype=np.float64) / 1e6
    costs_ms: Floats = 0.02 * macs + 0.05 * matrix[:, 1:].sum(axis=1) + 0.005 * matrix[:, 0]
    return costs_ms


def _covariance(specs: Sequence[BlockSpec], costs_ms: Floats) -> Floats:
    """Covariance of blocks' relative costs, (specs, specs)."""
    amounts = feature_matrix(specs, PHYSICAL) / costs_ms[:, None]
    # Every kind of work has the same mean square.
    size = np.sqrt(np.mean(amounts**2, axis=0))
    work = amounts / np.where(size > 0, size, 1.0) / np.sqrt(len(PHYSICAL))
    covariance: Floats = (
        SIMILAR**2 * KERNEL.between(specs, specs)
        + INDEPENDENT**2 * np.eye(len(specs))
        + WORK**2 * work @ work.T
    )
    return covariance
