"""Values in frames: dataclasses as JSON, arrays and bytes in the frame's binary content.

In the JSON, an array is `{"$array": [dtype, shape, start]}` and bytes are
`{"$bytes": [start, length]}`; both refer to the binary content, in which arrays are in C order and
little-endian.
"""

import math
from collections.abc import Mapping
from typing import Any, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from bench.errors import DeviceLostError
from bench.reading import from_plain, plain_leaf, to_plain

ARRAY, BYTES = "$array", "$bytes"
DTYPES = frozenset(
    ["bool", "float16", "float32", "float64"]
    + [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
)
MAX_DIMENSIONS = 32
MAX_DEPTH = 64  # of lists and objects inside each other

T = TypeVar("T")


def pack_value(value: Any) -> tuple[Any, bytes]:
    """Return a value as JSON and binary content.

    `TypeError` for values that have no such form; arrays of Python objects are among them.
    """
    content = bytearray()

    def encode(leaf: Any) -> Any:
        start = len(content)
        if isinstance(leaf, np.ndarray):
            if leaf.dtype.name not in DTYPES:
                raise TypeError(f"an array of {leaf.dtype} has no form in a frame")
            ordered = np.ascontiguousarray(leaf, dtype=leaf.dtype.newbyteorder("<"))
            content.extend(ordered.tobytes())
            return {ARRAY: [leaf.dtype.name, list(leaf.shape), start]}
        if isinstance(leaf, bytes):
            content.extend(leaf)
            return {BYTES: [start, len(leaf)]}
        return plain_leaf(leaf)

    return to_plain(value, encode), bytes(content)


def unpack_value(data: Any, content: bytes) -> Any:
    """Return JSON with its arrays and bytes in place; `DeviceLostError` where one is invalid."""
    try:
        return _filled(data, content, MAX_DEPTH)
    except (ValueError, TypeError, OverflowError) as error:
        raise DeviceLostError(f"the other side sent a value that cannot be read: {error}") from None


def read_value(annotation: type[T], data: Any, where: str, *, other_keys: bool = False) -> T:
    """Return an unpacked value as the type that an annotation names; `DeviceLostError` for others.

    Keys that no field has are errors, unless `other_keys`: both sides are of the same version.
    """
    return from_plain(
        annotation, data, where, error=DeviceLostError, decode=_as_array, other_keys=other_keys
    )


def _filled(data: Any, content: bytes, depth: int) -> Any:
    if depth == 0:
        raise ValueError("it is nested too deep")
    if isinstance(data, list):
        return [_filled(inside, content, depth - 1) for inside in data]
    if not isinstance(data, Mapping):
        return data
    if data.keys() == {ARRAY}:
        dtype, shape, start = data[ARRAY]
        if dtype not in DTYPES:
            raise ValueError(f"an array of {dtype!r:.40}")
        return _array(np.dtype(dtype), shape, start, content)
    if data.keys() == {BYTES}:
        start, length = data[BYTES]
        return _part(content, start, length)
    return {key: _filled(inside, content, depth - 1) for key, inside in data.items()}


def _array(dtype: np.dtype[Any], shape: Any, start: Any, content: bytes) -> NDArray[Any]:
    if not isinstance(shape, list) or len(shape) > MAX_DIMENSIONS:
        raise ValueError(f"an array of shape {shape!r:.80}")
    part = _part(content, start, math.prod(shape) * dtype.itemsize)
    # Copied, so that it is aligned and can be written to.
    return np.frombuffer(part, dtype.newbyteorder("<")).astype(dtype).reshape(shape)


def _part(content: bytes, start: Any, length: Any) -> bytes:
    if type(start) is not int or type(length) is not int or start < 0 or length < 0:
        raise ValueError(f"content of {length!r:.40} bytes at {start!r:.40}")
    if start + length > len(content):
        raise ValueError(f"content of {length} bytes at {start}, the frame has {len(content)}")
    return content[start : start + length]


def _as_array(annotation: Any, value: Any) -> NDArray[Any]:
    """Return an array, if the annotation is one of its type."""
    dtypes = [get_args(part)[0] for part in get_args(annotation) if get_args(part)]
    if not isinstance(value, np.ndarray) or (dtypes and not _matches(value, dtypes[-1])):
        raise ValueError(f"an array {annotation}")
    return value


def _matches(value: NDArray[Any], wanted: Any) -> bool:
    return wanted is Any or np.issubdtype(value.dtype, wanted)
