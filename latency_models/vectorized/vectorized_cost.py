"""A cost of every block compiled for a space: array lookups for many networks."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np

from bench.errors import InputError
from latency_models.vectorized.lookup_arrays import (
    CostOf,
    Floats,
    LookupArrays,
    Position,
    compile_gathers,
)
from latency_models.vectorized.packed_codes import Codes

# Large enough that threads seldom wait for the interpreter's lock between numpy's calls, small
# enough for the caches. Seen, in million networks a second by one and two threads: with 8192
# 22 and 16, with 65536 26 and 35, with 131072 23 and 35.
_NETWORKS_AT_ONCE = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorizedCost:
    """Sum, or largest, over a network's blocks of a figure that each block has by itself."""

    gathers: LookupArrays

    def total(self, codes: Codes) -> Floats:
        """Figures (n,) of codes (n, columns); `InputError` for codes outside the space.

        Large populations are shared among threads: numpy lets go of the interpreter's lock.
        """
        width = self.gathers.width
        if codes.ndim != 2 or codes.shape[1] < width:
            raise InputError(
                f"codes have shape {codes.shape}, expected (networks, {width} or more)"
            )
        codes = np.ascontiguousarray(codes, dtype="<i2")
        total = np.zeros(len(codes))

        def put(start: int) -> None:
            part = slice(start, start + _NETWORKS_AT_ONCE)
            if not self.gathers.put_into(total[part], codes[part]):
                self._tell_first(codes[part])

        starts = range(0, len(codes), _NETWORKS_AT_ONCE)
        with ThreadPoolExecutor(_cores()) if len(starts) > 1 else nullcontext() as pool:
            list(map(put, starts) if pool is None else pool.map(put, starts))
        return total

    @property
    def is_zero(self) -> bool:
        """Whether every network of the space has 0."""
        return not any(np.nansum(np.abs(group.costs)) for group in self.gathers.groups)

    def _tell_first(self, codes: Codes) -> None:
        """Raise `InputError` for the first of these codes that is of no network."""
        while len(codes) > 1:
            half = len(codes) // 2
            clean = self.gathers.put_into(np.zeros(half), codes[:half])
            codes = codes[half:] if clean else codes[:half]
        raise InputError(
            f"codes {codes[0].tolist()} are no network of the space: encode with the same space"
        )


def compile_sum(cost_of: CostOf, choices: Sequence[Position]) -> VectorizedCost:
    """Arrays for a figure that adds up: latency, MACs, parameters, being extrapolated."""
    return VectorizedCost(gathers=compile_gathers(cost_of, choices))


def compile_max(cost_of: CostOf, choices: Sequence[Position]) -> VectorizedCost:
    """Arrays for a figure, 0 or more, of which a network has its blocks' largest: peak memory."""
    return VectorizedCost(gathers=compile_gathers(cost_of, choices, np.maximum))


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
