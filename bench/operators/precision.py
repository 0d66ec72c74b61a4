"""Precision of an operator: the element types of what it reads and writes."""

from collections.abc import Sequence

NARROW = frozenset({"int2", "int4", "uint4", "int8", "uint8", "int16", "uint16"})
CONVERSION = " to "  # between the types of an operator that reads one and writes another
_WEIGHTS = " weights"
_CASTS = frozenset({"CAST", "Cast"})
# They multiply integers inside, and scale the sums to floats.
_INTEGER_PRODUCTS = frozenset(
    {"DynamicQuantizeLSTM", "DynamicQuantizeMatMul", "MatMulIntegerToFloat", "QAttention"}
)


def precision_of(
    kind: str, inputs: Sequence[tuple[str, int]], outputs: Sequence[tuple[str, int]]
) -> str:
    """Return an operator's precision: "uint8", "float32 to uint8", "int8 weights".

    An operator's values have more dimensions than the scales, zero points and axes beside them, so
    the first input of the most dimensions decides, with the first output. Float values times
    quantised weights are "int8 weights": the runtime quantises the values for the product.

    Args:
        kind: the operator's name, with or without its domain; one of TFLite ends in "int8 weights"
            where only these are quantised.
        inputs: element type and number of dimensions of each, in their order.
        outputs: the same.
    """
    if kind.rpartition(".")[2] in _INTEGER_PRODUCTS:
        return next((f"{dtype}{_WEIGHTS}" for dtype, _ in inputs[1:] if dtype in NARROW), "")
    if kind.endswith(_WEIGHTS):
        return " ".join(kind.split()[-2:])
    read = max(inputs, key=lambda tensor: tensor[1], default=None)  # the first of equals
    sides = [tensor[0] for tensor in (read, *outputs[:1]) if tensor is not None]
    return CONVERSION.join(dict.fromkeys(sides))


def float_types(precision: str) -> list[str]:
    """Return the float types that an operator of a precision reads or writes."""
    return [dtype for dtype in precision.split(CONVERSION) if "float" in dtype]


def is_quantised(kind: str, precision: str) -> bool:
    """Whether an operator is one of a quantised model; a cast of an image's bytes is not."""
    types = precision.removesuffix(_WEIGHTS).split(CONVERSION)
    return kind not in _CASTS and not NARROW.isdisjoint(types)


def quantised_kind(
    kind: str, inputs: Sequence[tuple[str, int]], outputs: Sequence[tuple[str, int]]
) -> str:
    """Return a kind with the narrow type that it computes in, if it is quantised: "MaxPool uint8".

    Arguments are those of `precision_of`.
    """
    precision = precision_of(kind, inputs, outputs)
    if not is_quantised(kind, precision):
        return kind
    weights = _WEIGHTS if precision.endswith(_WEIGHTS) else ""
    types = precision.removesuffix(_WEIGHTS).split(CONVERSION)
    return f"{kind} {next(each for each in types if each in NARROW)}{weights}"
