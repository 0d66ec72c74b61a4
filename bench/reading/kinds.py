"""Annotations that restrict a field's values: ranges, and rules of one value."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any

from msgspec import Meta


@dataclass(frozen=True, slots=True)
class Rule:
    """Condition on a value of a field, as in `Annotated[int, Rule(is_odd, "an odd number")]`.

    `holds` is called with the converted value; `expected` completes "expected ..." in the error,
    for values of a wrong type too.
    """

    holds: Callable[[Any], bool]
    expected: str


def is_ascending(values: Sequence[float]) -> bool:
    """Return whether each value is above the one before; not for an empty sequence."""
    return len(values) > 0 and all(a < b for a, b in pairwise(values))


Text = Annotated[str, Meta(min_length=1)]
PositiveInt = Annotated[int, Meta(ge=1, le=(1 << 63) - 1)]
Count = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Positive = Annotated[float, Meta(gt=0, le=sys.float_info.max)]
Number = Annotated[float, Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
NonNegative = Annotated[float, Meta(ge=0, le=sys.float_info.max)]
