"""Static costs of encoded networks, such as MACs and sizes: computed from the blocks alone.

Each cost is compiled for a space's positions, so that a population takes a few array lookups (see
vectorized.vectorized_cost). Networks outside the space raise `InputError`.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.blocks.activation_memory import peak_values
from bench.blocks.spec import BlockSpec
from bench.blocks.weight_bytes import check_precision, weight_bytes
from latency_models.vectorized.vectorized_cost import VectorizedCost, compile_max, compile_sum
from supernet.space.coded_space import Costs
from supernet.space.codes import Codes
from supernet.space.shared_blocks import Position


def macs(choices: Sequence[Position]) -> Costs:
    """Return the cost of multiply-accumulates at batch 1."""
    return SummedCost(choices, lambda block: float(block.macs))


def params(choices: Sequence[Position]) -> Costs:
    """Return the cost of trainable parameters."""
    return SummedCost(choices, lambda block: float(block.params))


def model_size(choices: Sequence[Position], precision: str = "fp32") -> Costs:
    """Return the cost of weights in bytes as an exported file stores them, with norms folded in.

    `precision` is fp32, fp16 (biases stay float32) or int8 (int32 biases, a float32 scale a
    channel), else an `InputError`. A file is larger by its graph. Measured on networks of
    `ofa-mbv3-w1.0`: by 20 to 37 kB as fp32 TFLite, 14 to 28 kB as ONNX (both at most 0.2 % of the
    weights), 25 to 47 kB as fp16 TFLite (0.4 %) and 3 % to 4 % as int8 TFLite, which also stores
    zero points. On the small networks of `tiny`: by 5 to 15 kB (at most 1.6 %) as fp32, and 11 % to
    14 % as int8.
    """
    check_precision(precision)
    return SummedCost(choices, lambda block: float(weight_bytes(block, precision)))


def peak_memory(choices: Sequence[Position], bytes_per_value: int = 4) -> Costs:
    """Return the cost of peak activation memory in bytes, for one image.

    Layers run in order; counted are a layer's input, its output and the input of an open shortcut;
    other operations run in place. bench.blocks.activation_memory has the full definition.
    """

    def of_blocks(blocks: Sequence[BlockSpec]) -> NDArray[np.float64]:
        return np.array([bytes_per_value * peak_values(block) for block in blocks], np.float64)

    return compile_max(of_blocks, choices).total


class SummedCost:
    """Cost that is a sum over blocks, for codes of shape (n, columns)."""

    def __init__(self, choices: Sequence[Position], cost_of: Callable[[BlockSpec], float]) -> None:
        def of_blocks(blocks: Sequence[BlockSpec]) -> NDArray[np.float64]:
            return np.array([cost_of(block) for block in blocks], dtype=np.float64)

        self._costs: VectorizedCost = compile_sum(of_blocks, choices)

    def __call__(self, codes: Codes) -> NDArray[np.float64]:
        return self._costs.total(codes)
