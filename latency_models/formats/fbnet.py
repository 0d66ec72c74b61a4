"""Read FBNet's look-up tables: JSON lists of layers, each null or microseconds by operator.

A null layer has no choice (first and last convolution, norms, pooling, classifier) and was not
measured. The others are the 22 positions of the space, in order; operators are in the order of
`OPERATORS`. A layer that changes the shape has no `skip`, so its list is one shorter. `BlockSpec`
supports neither grouped convolutions nor an expansion by 1 that is a convolution, so the result is
a table of costs by category, which predictors of `--space onehot` take as a prior.
Source: jh88/fbnet, `lookup_table_pi.json`: TensorFlow run eagerly, 32 px, mean of 10 runs.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.errors import FileError, InputError, first_line
from bench.files import parse_json, read_bytes
from bench.protocol.target import Target
from latency_models.networks.categories.predictor import CategoryPredictor
from latency_models.tables.storage import decoded, origin

# Kernel, expansion, groups of both 1x1 convolutions. An expansion by 1 is also a convolution.
OPERATORS = ("k3_e1", "k3_e1_g2", "k3_e3", "k3_e6", "k5_e1", "k5_e1_g2", "k5_e3", "k5_e6", "skip")
_US_PER_MS = 1e3


def from_fbnet(path: Path, target: Target) -> CategoryPredictor:
    """Read an FBNet look-up table; `FileError` names the layer and the problem.

    Columns are `op0`, `op1`, ...; categories are indices in `OPERATORS`, as in a networks table of
    the space. A null is an operator that was not measured: it has no cost (not 0), and networks
    with it count as extrapolated. The first and last layers are in no cost.
    """
    try:
        layers = _layers(parse_json(decoded(read_bytes(path))))
    except (InputError, ValueError) as error:
        raise FileError(f"{path} is no FBNet look-up table: {first_line(error)}") from error
    costs_ms = {f"op{index}": _costs_ms(layer) for index, layer in enumerate(layers)}
    provenance = {
        "source": path.name,
        "format": "FBNet",
        "categories": list(OPERATORS),
        "not_measured": [
            f"{column}/{name}"
            for column, costs in costs_ms.items()
            for code, name in enumerate(OPERATORS)
            if code not in costs
        ],
        "layers_without_choice": "not measured",
        **origin(),
    }
    seen = {column: frozenset(costs) for column, costs in costs_ms.items()}
    return CategoryPredictor(target=target, provenance=provenance, costs_ms=costs_ms, seen=seen)


def _costs_ms(layer: Sequence[float | None]) -> dict[int, float]:
    return {code: us / _US_PER_MS for code, us in enumerate(layer) if us is not None}


def _layers(data: Any) -> list[list[float | None]]:
    """Return the layers with a choice; `InputError` where the data are not such a table."""
    if not isinstance(data, list):
        hint = "; figures by keys of blocks are --format ofa" if isinstance(data, dict) else ""
        raise InputError(f"it is a {type(data).__name__}, expected a list of layers{hint}")
    layers = [_layer(layer, index) for index, layer in enumerate(data) if layer is not None]
    if not layers:
        raise InputError("no layer has latencies, expected lists of microseconds")
    return layers


def _layer(layer: Any, index: int) -> list[float | None]:
    if not isinstance(layer, list) or len(layer) not in (len(OPERATORS) - 1, len(OPERATORS)):
        raise InputError(
            f"layer {index} is {layer!r:.40}, expected null or a list of 8 or 9 numbers"
        )
    if all(value is None for value in layer):
        raise InputError(f"layer {index} has no latency at all, expected some, or null")
    return [None if value is None else _microseconds(value, index) for value in layer]


def _microseconds(value: Any, index: int) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value < 1e15 or not math.isfinite(value):
        raise InputError(f"layer {index} holds {value!r:.40}, expected microseconds above 0")
    return float(value)
