"""Drift since a predictor's sweep, by workloads measured beside the verified file."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from bench.timing.measurement import Measurement
from bench.timing.session_drift import (
    SessionDrift,
    drift_by_anchors,
    drift_by_length,
    drift_by_references,
)
from latency_models.predictors.predictor import LatencyPredictor

Floats = NDArray[np.float64]


def drift_since_sweep(
    measurements: Sequence[Measurement],
    predictor: LatencyPredictor,
    network: Sequence[BlockSpec] = (),
) -> SessionDrift | None:
    """Estimate how much slower the device is than the predictor says; None where unknown.

    By the predictor's anchor networks. Where it has none, or too few of them were measured, by the
    two reference workloads, which are weak: single blocks that the predictor knows are then an
    estimate that can only speak against them (`docs/deploy.md`, "Drift"). An anchor that is the
    `network` judged is left out: it would follow itself.
    """
    log, now_ms = predictor.drift_log, _networks_ms(measurements)
    anchors = [] if log is None else [a for a in log.anchors if a.blocks != tuple(network)]
    by_anchors = drift_by_anchors(
        predictor.drift_mean * np.array([anchor.ms for anchor in anchors]),
        np.array([now_ms.get(anchor.blocks, np.nan) for anchor in anchors]),
    )
    if by_anchors is not None:
        return by_anchors
    then = predictor.provenance.get("references") or {}
    then_ms = {name: predictor.drift_mean * ms for name, ms in then.items()}
    blocks = drift_by_length("blocks", *blocks_ms(measurements, predictor))
    others = {} if blocks is None else {"blocks beside it": blocks.ratio}
    return drift_by_references(references_ms(measurements), then_ms, others)


def _networks_ms(measurements: Sequence[Measurement]) -> dict[tuple[BlockSpec, ...], float]:
    return {
        one.workload.blocks: one.median_ms for one in measurements if one.workload.role == "network"
    }


def blocks_ms(
    measurements: Sequence[Measurement], predictor: LatencyPredictor
) -> tuple[Floats, Floats]:
    """Latencies of the blocks that the predictor knows, then and now, (n,) each."""
    then_ms, now_ms = [], []
    for one in measurements:
        if one.workload.role == "block" and one.workload.blocks[0] in predictor.known:
            warm_ms, cold_ms = predictor.known[one.workload.blocks[0]]
            then_ms.append(cold_ms if one.cold else warm_ms)
            now_ms.append(one.median_ms)
    return np.array(then_ms), np.array(now_ms)


def references_ms(measurements: Sequence[Measurement]) -> dict[str, float]:
    """Latency of each reference workload, by its label."""
    return {
        one.workload.label: one.median_ms
        for one in measurements
        if one.workload.role == "reference"
    }
