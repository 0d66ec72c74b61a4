"""Compare sums of cold and of warm block latencies with measured networks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from latency_models.tables.table import LatencyTable

Floats = NDArray[np.float64]
STATES = {"warm": "latency_ms", "cold": "cold_ms"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Additivity:
    """How well the block latencies of one cache state add up to networks.

    `ratio` is the median of sum over measured latency. Of two states, the one with the smaller
    `spread` adds up better, whatever its ratio.
    """

    state: str
    networks: int
    ratio: float
    spread: float  # standard deviation of the log of sum over measured latency


def additivity(
    table: LatencyTable, networks: Sequence[Sequence[BlockSpec]], measured_ms: Floats
) -> list[Additivity]:
    """Return the figures of both states, for a table whose `latency_ms` are warm samples.

    Raises `MissingEntryError` where the table lacks a block.
    """
    for network in networks:
        for block in network:
            table.lookup(block)
    row_of = {spec: row for row, spec in enumerate(table.specs)}
    result = []
    for state, column in STATES.items():
        ms = table.rows[column].to_numpy(dtype=np.float64)
        sums = np.array([ms[[row_of[block] for block in network]].sum() for network in networks])
        logs = np.log(sums / measured_ms)
        result.append(
            Additivity(
                state=state,
                networks=len(networks),
                ratio=float(np.exp(np.median(logs))),
                spread=float(np.std(logs, ddof=1)),
            )
        )
    return result
