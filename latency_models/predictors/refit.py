"""A predictor refitted on a few networks that were measured since, without those of its fit.

What the networks were missed by is taken as a share that all blocks have in common and shares
that alike blocks have in common, a Gaussian process, so that a network stays a sum over its blocks.
Near the measured networks predictions follow them; far from them the share in common remains.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from bench.errors import InputError
from latency_models.networks.network_calibration import CalibrationChoice
from latency_models.predictors.network_blocks import NetworkBlocks
from latency_models.predictors.predictor import LatencyPredictor, network_key
from latency_models.regression.similarity import similarity

Floats = NDArray[np.float64]
Network = Sequence[BlockSpec]

FORM = "refitted on networks measured since"
# Relative standard deviations tried: of the share in common, of alike blocks' shares, of noise.
COMMON, ALIKE = (0.01, 0.03, 0.1, 0.3), (0.0, 0.02, 0.05, 0.15)
NOISE = (0.003, 0.01, 0.02, 0.04)
SPREAD_WORTH = 6.0  # how many measured networks the predictor's own spread counts as


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shares:
    """What each network of n was missed by as a share, and each block's share of it."""

    specs: tuple[BlockSpec, ...]
    missed: Floats  # (n,)
    of_blocks: Floats  # (n, specs)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Solution:
    """The most likely process: its weights (n,), and how far the others leave each out (n,)."""

    common_std: float
    alike_std: float
    weights: Floats
    left_out: Floats
    likelihood: float


def refitted(
    predictor: LatencyPredictor,
    networks: Sequence[Network],
    measured_ms: Floats,
    blocks: Sequence[BlockSpec],
    *,
    judged: int | None = None,
) -> LatencyPredictor:
    """Return the predictor as these networks (n,) correct it, latencies on its own scale, in ms.

    `blocks` are those of the space, which all get a cost. The predictor's spread becomes that by
    which the first `judged` networks (all where None) are missed when left out, together with what
    it was before. `InputError` where there are no networks, or a latency is no number above 0.
    """
    ms = np.asarray(measured_ms, dtype=np.float64)
    if not len(networks) or ms.shape != (len(networks),):
        raise InputError(f"got {len(networks)} networks and latencies of shape {ms.shape}")
    if not (np.isfinite(ms) & (ms > 0)).all():
        raise InputError("a measured latency is no number above 0 ms: leave that network out")
    shares = _shares(predictor, networks, ms)
    solution = _most_likely(shares)
    common = solution.common_std**2 * float(solution.weights.sum())
    factors = solution.alike_std**2 * (shares.of_blocks.T @ solution.weights)
    specs = list(dict.fromkeys([*blocks, *predictor.known, *predictor.inferred, *shares.specs]))
    costs = predictor.block_ms(specs)
    more = common + (similarity(specs, shares.specs) @ factors if solution.alike_std else 0.0)
    found = _with_costs(predictor, specs, costs * (1 + more), 1 + common)
    left_out = solution.left_out[:judged] / (1 + shares.missed[:judged])
    return replace(
        found,
        fitted={
            **predictor.fitted,
            **{network_key(one): of_one for one, of_one in zip(networks, ms.tolist(), strict=True)},
        },
        composition=replace(found.composition, spread=_spread(predictor, left_out)),
        composition_choice=_choice(predictor, left_out),
    )


def scaled(
    predictor: LatencyPredictor, factor: float, blocks: Sequence[BlockSpec]
) -> LatencyPredictor:
    """Return the predictor with every latency so many times as high; `blocks` are the space's."""
    specs = list(dict.fromkeys([*blocks, *predictor.known, *predictor.inferred]))
    return _with_costs(predictor, specs, factor * predictor.block_ms(specs), factor)


def _with_costs(
    predictor: LatencyPredictor, specs: Sequence[BlockSpec], costs: Floats, overhead: float
) -> LatencyPredictor:
    """The predictor with these blocks' costs in a network, and an overhead so many times its."""
    pairs = zip(specs, costs.tolist(), strict=True)
    composition = predictor.composition
    return replace(
        predictor,
        inferred={spec: cost for spec, cost in pairs if np.isfinite(cost)},
        composition=replace(composition, overhead_ms=overhead * composition.overhead_ms),
    )


def _shares(predictor: LatencyPredictor, networks: Sequence[Network], ms: Floats) -> _Shares:
    held = NetworkBlocks.of(networks)
    predicted, _, costs = predictor.predict_blocks(held)
    of_blocks = np.zeros((len(networks), len(held.specs)))
    for row, places in enumerate(held.places):
        there = places[places >= 0]
        np.add.at(of_blocks[row], there, costs[there] / predicted[row])
    return _Shares(specs=held.specs, missed=ms / predicted - 1, of_blocks=of_blocks)


def _most_likely(shares: _Shares) -> _Solution:
    alike = shares.of_blocks @ similarity(shares.specs, shares.specs) @ shares.of_blocks.T
    tried = product(COMMON, ALIKE, NOISE)
    return max((_solve(shares.missed, alike, *stds) for stds in tried), key=lambda s: s.likelihood)


def _solve(
    missed: Floats, alike: Floats, common_std: float, alike_std: float, noise: float
) -> _Solution:
    covariance = common_std**2 + alike_std**2 * alike + noise**2 * np.eye(len(missed))
    inverse = np.linalg.inv(covariance)
    weights = inverse @ missed
    return _Solution(
        common_std=common_std,
        alike_std=alike_std,
        weights=weights,
        left_out=weights / np.diag(inverse),
        likelihood=float(-0.5 * (missed @ weights + np.linalg.slogdet(covariance)[1])),
    )


def _spread(predictor: LatencyPredictor, left_out: Floats) -> float:
    """Relative standard deviation of errors on networks, of the fit and since."""
    before = predictor.composition.spread
    worth = SPREAD_WORTH if before > 0 else 0.0
    squares = worth * before**2 + float(np.sum(left_out**2))
    return float(np.sqrt(squares / (worth + len(left_out))))


def _choice(predictor: LatencyPredictor, left_out: Floats) -> CalibrationChoice:
    before = predictor.composition_choice
    errors = () if before is None else before.errors
    return CalibrationChoice(
        form=FORM,
        networks=len(left_out) + (0 if before is None else before.networks),
        errors=(*errors, (FORM, float(np.mean(np.abs(left_out))))),
    )
