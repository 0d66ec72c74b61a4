"""Refit of a predictor on a few later networks, without the networks of its fit.

The relative residuals of the networks are a Gaussian process with two parts: a share that all
blocks have in common, and shares of similar blocks. So a network's latency stays a sum over its
blocks. Near the measured networks predictions follow them; far away the common share remains.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from bench.errors import InputError
from latency_models.networks.network_calibration import CalibrationChoice
from latency_models.predictors.network_blocks import NetworkBlocks
from latency_models.predictors.predictor import LatencyPredictor, network_key
from latency_models.regression.block_kernel import BETWEEN_NETWORKS
from latency_models.regression.features import block_sums
from latency_models.regression.robust_gp import NORMAL
from latency_models.regression.variance_components import VarianceComponents, grid_of

Floats = NDArray[np.float64]
Network = Sequence[BlockSpec]

FORM = "refitted on networks measured since"
# Relative standard deviations that are tried: of the common share, of similar blocks' shares, of
# noise.
COMMON, SIMILAR = (0.01, 0.03, 0.1, 0.3), (0.0, 0.02, 0.05, 0.15)
NOISE = (0.003, 0.01, 0.02, 0.04)
SPREAD_WORTH = 6.0  # measured networks that the predictor's own spread counts as


def refitted(
    predictor: LatencyPredictor,
    networks: Sequence[Network],
    measured_ms: Floats,
    blocks: Sequence[BlockSpec],
    *,
    evaluated: int | None = None,
) -> LatencyPredictor:
    """Return the predictor corrected by these networks (n,), latencies in ms as it predicts them.

    `blocks` are those of the space, which all get a cost. The predictor's spread becomes the
    leave-one-out error of the first `evaluated` networks (all where None), combined with the spread
    before. `InputError` where there are no networks, or a latency is not a number above 0.
    """
    ms = np.asarray(measured_ms, dtype=np.float64)
    if not len(networks) or ms.shape != (len(networks),):
        raise InputError(f"got {len(networks)} networks and latencies of shape {ms.shape}")
    if not (np.isfinite(ms) & (ms > 0)).all():
        raise InputError("a measured latency is no number above 0 ms: leave that network out")
    parts = NetworkBlocks.of(networks)
    predicted, _, part_costs = predictor.predict_blocks(parts)
    shares = block_sums(networks, parts.specs) * part_costs / predicted[:, None]
    values = ms / predicted - 1
    similar = shares @ BETWEEN_NETWORKS.between(parts.specs, parts.specs) @ shares.T
    process = VarianceComponents(
        values=values, fixed=0.0, parts=np.stack([np.ones_like(similar), similar])
    )
    scales, _ = process.choose(grid_of(COMMON, SIMILAR, NOISE, (1.0,)), NORMAL)
    solution = process.solve(scales[None], NORMAL)
    weights, left_out = solution.weights[0], solution.left_out[0]
    common = float(scales[0] ** 2 * weights.sum())
    factors = scales[1] ** 2 * (shares.T @ weights)
    specs = list(dict.fromkeys([*blocks, *predictor.known, *predictor.inferred, *parts.specs]))
    more = common + BETWEEN_NETWORKS.between(specs, parts.specs) @ factors
    corrected = _with_costs(predictor, specs, predictor.block_ms(specs) * (1 + more), 1 + common)
    errors = left_out[:evaluated] / (1 + values[:evaluated])
    return replace(
        corrected,
        fitted={
            **predictor.fitted,
            **{network_key(net): net_ms for net, net_ms in zip(networks, ms.tolist(), strict=True)},
        },
        composition=replace(corrected.composition, spread=_spread(predictor, errors)),
        composition_choice=_choice(predictor, errors),
    )


def scaled(
    predictor: LatencyPredictor, factor: float, blocks: Sequence[BlockSpec]
) -> LatencyPredictor:
    """Return the predictor with every latency times `factor`; `blocks` are those of the space."""
    specs = list(dict.fromkeys([*blocks, *predictor.known, *predictor.inferred]))
    return _with_costs(predictor, specs, factor * predictor.block_ms(specs), factor)


def _with_costs(
    predictor: LatencyPredictor, specs: Sequence[BlockSpec], costs: Floats, overhead: float
) -> LatencyPredictor:
    """Return the predictor with these costs of blocks, and its overhead times `overhead`."""
    pairs = zip(specs, costs.tolist(), strict=True)
    composition = predictor.composition
    return replace(
        predictor,
        inferred={spec: cost for spec, cost in pairs if np.isfinite(cost)},
        composition=replace(composition, overhead_ms=overhead * composition.overhead_ms),
    )


def _spread(predictor: LatencyPredictor, left_out: Floats) -> float:
    """Relative standard deviation of errors on networks, of the fit and of the refit."""
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
