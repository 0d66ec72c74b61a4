"""Bytes of a block's weights in an exported file, by precision.

Norms are folded in, so each layer with weights has a weight and a bias, as
`bench.blocks.model.Weights` has them; an ONNX or TFLite file stores these besides its graph.
"""

from functools import lru_cache
from math import prod

from bench.blocks.model import weight_shapes
from bench.blocks.spec import BlockSpec
from bench.errors import InputError

# Bytes of each weight, and of each output channel: a bias (float32 with float16 weights, as
# ai-edge-quantizer leaves it; int32 with int8) and, for int8, a scale.
_BYTES = {"fp32": (4, 4), "fp16": (2, 4), "int8": (1, 8)}
PRECISIONS = tuple(_BYTES)


def check_precision(precision: str) -> None:
    """Raise `InputError` for a precision that files are not exported in."""
    if precision not in _BYTES:
        raise InputError(
            f"precision of a model file is {precision!r}, expected one of {', '.join(PRECISIONS)}"
        )


@lru_cache(maxsize=65536)
def weight_bytes(spec: BlockSpec, precision: str = "fp32") -> int:
    """Return the bytes of all weights of a block; `InputError` for an unknown precision."""
    check_precision(precision)
    of_weight, of_channel = _BYTES[precision]
    return sum(
        of_channel * shape[0] if name.endswith(".bias") else of_weight * prod(shape)
        for name, shape in weight_shapes(spec).items()
    )
