"""Active learning: what to measure next to learn most about networks per second.

Costs of blocks are taken for a Gaussian process, in relative terms, of which a measurement tells
one value. Chosen one after the other is what lowers the mean variance of random networks most for
its price (Krause, Singh and Guestrin, 2008, compare such criteria; this one is the A-optimal one).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from latency_models.regression.domain import values_of
from latency_models.regression.features import PHYSICAL, feature_matrix
from latency_models.regression.gaussian_process import kernel, places

Floats = NDArray[np.float64]

# Relative standard deviations: of what is smooth in a block's shape, of kinds of work, of a
# block's own, and of what a measurement misses.
ALIKE, WORK, OWN, NOISE = 0.15, 0.2, 0.02, 0.02
STRETCH = 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockPosterior:
    """`covariance` (n, n) of candidates, `cross` (targets, n) of what is asked with them."""

    covariance: Floats
    cross: Floats
    noise: float

    def given(self, measured: Sequence[int]) -> "BlockPosterior":
        """Return the posterior once these candidates are measured."""
        if not measured:
            return self
        rows = list(measured)
        noisy = self.covariance[np.ix_(rows, rows)] + self.noise**2 * np.eye(len(rows))
        told = np.linalg.solve(noisy, self.covariance[rows])
        return BlockPosterior(
            covariance=self.covariance - self.covariance[:, rows] @ told,
            cross=self.cross - self.cross[:, rows] @ told,
            noise=self.noise,
        )

    def choose(
        self, prices: Floats, budget: float, *, most: int | None = None, but: Sequence[int] = ()
    ) -> list[int]:
        """Candidates to measure, best first, for at most `budget`, in the unit of `prices` (n,).

        `but` are excluded.
        """
        covariance, cross = self.covariance.copy(), self.cross.copy()
        open_ = np.ones(len(prices), dtype=bool)
        open_[list(but)] = False
        chosen: list[int] = []
        while len(chosen) < (len(prices) if most is None else most):
            affordable = open_ & (prices <= budget)
            if not affordable.any():
                break
            variance = np.diag(covariance) + self.noise**2
            gain = np.sum(cross**2, axis=0) / variance / prices
            best = int(np.argmax(np.where(affordable, gain, -np.inf)))
            chosen.append(best)
            open_[best] = False
            budget -= float(prices[best])
            row = covariance[best] / variance[best]
            cross -= np.outer(cross[:, best], row)
            covariance -= np.outer(covariance[:, best], row)
        return chosen


def covering(
    specs: Sequence[BlockSpec], prices: Floats, budget: float, measured: Collection[int] = ()
) -> list[int]:
    """Blocks by which everything that any of them has was seen, for at most `budget`.

    After them no block is outside the predictor's domain. Cheapest by what each adds, greedily.
    """
    has = [{(spec.kind, *pair) for pair in values_of(spec)} for spec in specs]
    unseen = set().union(*has) - set().union(*(has[row] for row in measured))
    chosen: list[int] = []
    while unseen:
        adds = np.array([len(values & unseen) for values in has], dtype=np.float64)
        worth = np.where(prices <= budget, adds / prices, 0.0)
        best = int(np.argmax(worth))
        if worth[best] == 0:
            break
        chosen.append(best)
        budget -= float(prices[best])
        unseen -= has[best]
    return chosen


def block_beliefs(
    specs: Sequence[BlockSpec], networks: Sequence[Sequence[BlockSpec]], costs_ms: Floats
) -> BlockPosterior:
    """Prior of blocks' relative costs; the targets are networks whose blocks are all among `specs`.

    `costs_ms` (specs,) is roughly what each takes.
    """
    covariance = _covariance(specs, costs_ms)
    inside_ms = _inside_ms(specs, networks, costs_ms)
    shares = inside_ms / inside_ms.sum(axis=1, keepdims=True)
    return BlockPosterior(covariance=covariance, cross=shares @ covariance, noise=NOISE)


def network_beliefs(
    specs: Sequence[BlockSpec], networks: Sequence[Sequence[BlockSpec]], costs_ms: Floats
) -> BlockPosterior:
    """Prior of networks' relative latencies; the targets are all of them."""
    inside_ms = _inside_ms(specs, networks, costs_ms)
    totals_ms = inside_ms.sum(axis=1)
    shares = inside_ms / totals_ms[:, None]
    # A constant of each network, over its latency: what it pays besides its blocks.
    fixed = 1 / totals_ms / np.mean(1 / totals_ms)
    covariance = shares @ _covariance(specs, costs_ms) @ shares.T
    covariance = covariance + WORK**2 * np.outer(fixed, fixed)
    return BlockPosterior(covariance=covariance, cross=covariance.copy(), noise=NOISE)


def rough_ms(specs: Sequence[BlockSpec]) -> Floats:
    """What blocks take in proportion, where nothing is known: MACs, bytes and launches, (n,)."""
    matrix = feature_matrix(specs, ("launches", "bytes_in", "bytes_out", "bytes_inner"))
    macs = np.array([spec.macs for spec in specs], dtype=np.float64) / 1e6
    found: Floats = 0.02 * macs + 0.05 * matrix[:, 1:].sum(axis=1) + 0.005 * matrix[:, 0]
    return found


def _work_shares(specs: Sequence[BlockSpec], costs_ms: Floats) -> Floats:
    """Work by kind over a block's cost, so that each kind is about as large as any other."""
    amounts = feature_matrix(specs, PHYSICAL) / costs_ms[:, None]
    size = np.sqrt(np.mean(amounts**2, axis=0))
    found: Floats = amounts / np.where(size > 0, size, 1.0) / np.sqrt(len(PHYSICAL))
    return found


def _covariance(specs: Sequence[BlockSpec], costs_ms: Floats) -> Floats:
    """Of blocks' relative costs, (specs, specs)."""
    where = places(feature_matrix(specs)) / STRETCH
    kinds = np.array([spec.kind for spec in specs])
    alike = kernel(where, where) * (kinds[:, None] == kinds[None, :])
    work = _work_shares(specs, costs_ms)
    found: Floats = ALIKE**2 * alike + OWN**2 * np.eye(len(specs)) + WORK**2 * work @ work.T
    return found


def _inside_ms(
    specs: Sequence[BlockSpec], networks: Sequence[Sequence[BlockSpec]], costs_ms: Floats
) -> Floats:
    """What each block takes of each network, (networks, specs)."""
    place = {spec: column for column, spec in enumerate(specs)}
    found = np.zeros((len(networks), len(specs)))
    for row, network in enumerate(networks):
        columns = [place[block] for block in network]
        np.add.at(found[row], columns, costs_ms[columns])
    return found
