"""Estimate the drift since a predictor's sweep, from workloads measured with the verified file."""

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
    """Estimate the drift of the device since the predictor's sweep; None where unknown.

    The estimate uses the predictor's anchor networks. Without enough measured anchors, it uses the
    two reference workloads, which are less reliable: single blocks then serve as a second estimate
    that can only reject them (`docs/explanation/drift.md`, "Correcting for it"). An anchor that
    equals the verified `network` is not used.
    """
    log, now_ms = predictor.drift_log, _networks_ms(measurements)
    anchors = [] if log is None else [a for a in log.anchors if a.blocks != tuple(network)]
    by_anchors = drift_by_anchors(
        predictor.drift_mean * np.array([anchor.ms for anchor in anchors]),
        np.array([now_ms.get(anchor.blocks, np.nan) for anchor in anchors]),
    )
    if by_anchors is not None:
        return by_anchors
    references = predictor.provenance.get("references") or {}
    then_ms = {name: predictor.drift_mean * ms for name, ms in references.items()}
    blocks = drift_by_length("blocks", *blocks_ms(measurements, predictor))
    others = {} if blocks is None else {"blocks beside it": blocks.ratio}
    return drift_by_references(references_ms(measurements), then_ms, others)


def _networks_ms(measurements: Sequence[Measurement]) -> dict[tuple[BlockSpec, ...], float]:
    return {
        measurement.workload.blocks: measurement.median_ms
        for measurement in measurements
        if measurement.workload.role == "network"
    }


def blocks_ms(
    measurements: Sequence[Measurement], predictor: LatencyPredictor
) -> tuple[Floats, Floats]:
    """Return latencies of the predictor's measured blocks, then and now, (n,) each."""
    then_ms, now_ms = [], []
    for measurement in measurements:
        if (
            measurement.workload.role == "block"
            and measurement.workload.blocks[0] in predictor.known
        ):
            warm_ms, cold_ms = predictor.known[measurement.workload.blocks[0]]
            then_ms.append(cold_ms if measurement.cold else warm_ms)
            now_ms.append(measurement.median_ms)
    return np.array(then_ms), np.array(now_ms)


def references_ms(measurements: Sequence[Measurement]) -> dict[str, float]:
    """Return the latency of each reference workload, by its label."""
    return {
        measurement.workload.label: measurement.median_ms
        for measurement in measurements
        if measurement.workload.role == "reference"
    }
