"""Which state of the caches adds up to networks: cold or warm samples of blocks."""

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
    """`ratio` is the median of sum over network; `spread` that of the remaining deviations.

    Of two states, the one whose spread is smaller adds up better, whatever its ratio.
    """

    state: str
    networks: int
    ratio: float
    spread: float  # standard deviation of the logarithm


def additivity(
    table: LatencyTable, networks: Sequence[Sequence[BlockSpec]], measured_ms: Floats
) -> list[Additivity]:
    """Both states' figures, for a table whose `latency_ms` are later calls.

    `MissingEntryError` where the table lacks a block.
    """
    for network in networks:
        for block in network:
            table.lookup(block)
    place = {spec: row for row, spec in enumerate(table.specs)}
    found = []
    for state, column in STATES.items():
        ms = table.rows[column].to_numpy(dtype=np.float64)
        sums = np.array([ms[[place[block] for block in network]].sum() for network in networks])
        logs = np.log(sums / measured_ms)
        found.append(
            Additivity(
                state=state,
                networks=len(networks),
                ratio=float(np.exp(np.median(logs))),
                spread=float(np.std(logs, ddof=1)),
            )
        )
    return found
