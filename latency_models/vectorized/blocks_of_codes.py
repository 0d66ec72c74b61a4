"""Blocks of encoded networks by array lookups."""

from collections.abc import Sequence

import numpy as np

from bench.blocks.spec import BlockSpec
from latency_models.predictors.network_blocks import ABSENT, NetworkBlocks
from latency_models.vectorized.lookup_arrays import Floats, Position
from latency_models.vectorized.packed_codes import Codes
from latency_models.vectorized.vectorized_cost import compile_sum


def blocks_of_codes(choices: Sequence[Position], codes: Codes) -> NetworkBlocks:
    """Return the blocks of codes (n, columns); `InputError` for codes outside the space."""
    number: dict[BlockSpec, int] = {}

    def numbers(specs: Sequence[BlockSpec]) -> Floats:
        found = [number.setdefault(spec, 1 + len(number)) for spec in specs]
        return np.array(found, dtype=np.float64)  # exact: a space has no 2^53 blocks

    # The sum over a single position is the number of its block, 0 where it is absent.
    columns = [compile_sum(numbers, [position]).total(codes) for position in choices]
    all_numbers = np.column_stack(columns).astype(np.intp)
    # Numbered again by who comes first, and by those alone that any network has.
    found, first = np.unique(all_numbers, return_index=True)
    found, first = found[found > 0], first[found > 0]
    order = found[np.argsort(first, kind="stable")]
    place_of = np.full(1 + len(number), ABSENT, dtype=np.intp)
    place_of[order] = np.arange(len(order))
    specs = list(number)
    return NetworkBlocks(tuple(specs[i - 1] for i in order.tolist()), place_of[all_numbers])
