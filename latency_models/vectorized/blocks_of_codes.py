"""Decode the blocks of many encoded networks by array lookups."""

from collections.abc import Sequence

import numpy as np

from bench.blocks.spec import BlockSpec
from latency_models.predictors.network_blocks import ABSENT, NetworkBlocks
from latency_models.vectorized.lookup_arrays import Floats, Position
from latency_models.vectorized.packed_codes import Codes
from latency_models.vectorized.vectorized_cost import compile_sum


def blocks_of_codes(choices: Sequence[Position], codes: Codes) -> NetworkBlocks:
    """Return the blocks of codes (n, columns); `InputError` for codes outside the space."""
    number_of: dict[BlockSpec, int] = {}

    def numbers(specs: Sequence[BlockSpec]) -> Floats:
        assigned = [number_of.setdefault(spec, 1 + len(number_of)) for spec in specs]
        return np.array(assigned, dtype=np.float64)  # exact: a space has fewer than 2^53 blocks

    # The sum over a single position is the number of its block, 0 where it is absent.
    columns = [compile_sum(numbers, [position]).total(codes) for position in choices]
    all_numbers = np.column_stack(columns).astype(np.intp)
    # Renumber by first use, and keep only the blocks that a network uses.
    numbers_used, first_use = np.unique(all_numbers, return_index=True)
    numbers_used, first_use = numbers_used[numbers_used > 0], first_use[numbers_used > 0]
    order = numbers_used[np.argsort(first_use, kind="stable")]
    index_of = np.full(1 + len(number_of), ABSENT, dtype=np.intp)
    index_of[order] = np.arange(len(order))
    specs = list(number_of)
    return NetworkBlocks(tuple(specs[i - 1] for i in order.tolist()), index_of[all_numbers])
