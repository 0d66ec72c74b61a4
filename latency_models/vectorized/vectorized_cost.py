"""Costs that are a sum or maximum over blocks, computed for many networks by array lookups."""

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
    compile_lookup_arrays,
)
from latency_models.vectorized.packed_codes import Codes

# Large enough that threads rarely wait for the interpreter's lock between numpy's calls, small
# enough for the caches. Measured, in million networks per second with one and two threads: 22 and
# 16 with 8192, 26 and 35 with 65536, 23 and 35 with 131072.
_NETWORKS_AT_ONCE = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorizedCost:
    """Sum or maximum of a figure over the blocks of a network."""

    arrays: LookupArrays

    def total(self, codes: Codes) -> Floats:
        """Return figures (n,) of codes (n, columns); `InputError` for codes outside the space.

        Large populations are divided among threads: numpy releases the interpreter's lock.
        """
        width = self.arrays.width
        if codes.ndim != 2 or codes.shape[1] < width:
            raise InputError(
                f"codes have shape {codes.shape}, expected (networks, {width} or more)"
            )
        codes = np.ascontiguousarray(codes, dtype="<i2")
        total = np.zeros(len(codes))

        def accumulate(start: int) -> None:
            part = slice(start, start + _NETWORKS_AT_ONCE)
            if not self.arrays.accumulate(total[part], codes[part]):
                self._raise_for_first_invalid(codes[part])

        starts = range(0, len(codes), _NETWORKS_AT_ONCE)
        with ThreadPoolExecutor(_cores()) if len(starts) > 1 else nullcontext() as pool:
            list(map(accumulate, starts) if pool is None else pool.map(accumulate, starts))
        return total

    @property
    def is_zero(self) -> bool:
        """Whether every network of the space has the figure 0."""
        return not any(np.nansum(np.abs(group.costs)) for group in self.arrays.groups)

    def _raise_for_first_invalid(self, codes: Codes) -> None:
        """Raise `InputError` for the first of these codes that is no network of the space."""
        while len(codes) > 1:
            half = len(codes) // 2
            clean = self.arrays.accumulate(np.zeros(half), codes[:half])
            codes = codes[half:] if clean else codes[:half]
        raise InputError(
            f"codes {codes[0].tolist()} are no network of the space: encode with the same space"
        )


def compile_sum(cost_of: CostOf, choices: Sequence[Position]) -> VectorizedCost:
    """Compile a figure that is summed over blocks: latency, MACs, parameters."""
    return VectorizedCost(arrays=compile_lookup_arrays(cost_of, choices))


def compile_max(cost_of: CostOf, choices: Sequence[Position]) -> VectorizedCost:
    """Compile a figure of 0 or more that is the maximum over blocks: peak memory."""
    return VectorizedCost(arrays=compile_lookup_arrays(cost_of, choices, np.maximum))


def _cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
