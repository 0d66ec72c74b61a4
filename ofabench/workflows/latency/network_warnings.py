"""Warnings about implausible rows in a table of measured networks, logged."""

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from bench.blocks.spec import BlockSpec
    from latency_models.networks.plausibility import Floats
    from latency_models.predictors.predictor import LatencyPredictor
    from latency_models.tables.networks import NetworksTable

_log = logging.getLogger(__name__)


def warn_of_implausible(
    column: str,
    codes: "NDArray[Any]",
    measured_ms: "Floats",
    baselines: "Mapping[str, Floats]",
    macs: "Floats | None" = None,
) -> None:
    """Log implausible networks: rows of codes (n, columns) and latencies (n,).

    `baselines` are expected latencies by name; `macs` are the networks' MACs, if known.
    """
    from latency_models.networks.plausibility import duplicates, other_unit

    duplicated, unit = duplicates(codes, measured_ms), other_unit(measured_ms, baselines, macs)
    if duplicated:
        _log.warning("ofabench: warning: %s", duplicated)
    if unit:
        _log.warning("ofabench: warning: latencies of %r: %s", column, unit)


def sums_of_blocks(
    predictor: "LatencyPredictor", networks: "Sequence[Sequence[BlockSpec]]"
) -> "Floats":
    """Return the sums of a predictor's blocks, ms (n,), without network calibration."""
    specs = _unique(networks)
    ms = dict(zip(specs, predictor.alone_ms(specs)[0].tolist(), strict=True))
    return np.array([sum(ms[spec] for spec in network) for network in networks])


def macs_of(networks: "Sequence[Sequence[BlockSpec]]") -> "Floats":
    """Return the multiply-accumulates of networks, (n,)."""
    macs = {spec: float(spec.macs) for spec in _unique(networks)}
    return np.array([sum(macs[spec] for spec in network) for network in networks])


def _unique(networks: "Sequence[Sequence[BlockSpec]]") -> "list[BlockSpec]":
    return list(dict.fromkeys(spec for network in networks for spec in network))


def other_columns(networks: "NetworksTable", column: str) -> "dict[str, Floats]":
    """Return latencies of the same networks on other targets, by column; NaN if missing."""
    from latency_models.tables.columns import numbers_of

    names = [str(name) for name in networks.frame.columns if str(name).endswith("_ms")]
    return {name: numbers_of(networks.frame[name]) for name in names if name != column}
