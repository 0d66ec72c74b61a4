"""Units of numbers: suffixes such as `ms` or `MiB`, converted to the unit of a field."""

import math
import re
from dataclasses import dataclass

_NUMBER = re.compile(r"(\d+(?:\.\d*)?|\.\d+)((?:[eE][+-]?\d{1,3})?)\s*([^\d\s.]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """The unit of a stored number, and the suffixes that are converted to it.

    `factors` gives, for each suffix, the fraction (numerator, denominator) that a number with it is
    multiplied by. `bare`: a number without a suffix is allowed, in this unit. `like` describes the
    expected text in error messages (default: "a number"). `above` and `minimum` apply if an option
    sets no bounds. `metavar` is the placeholder in a help text.
    """

    factors: dict[str, tuple[float, float]]
    metavar: str
    bare: bool = True
    like: str | None = None
    above: float | None = None
    minimum: float | None = None
    fold_case: bool = False

    def parse(self, text: str, *, bare: bool) -> float | None:
        """Return the number of the text in this unit; None if it is invalid."""
        match = _NUMBER.fullmatch(text.strip())
        if match is None:
            return _plain(text) if bare else None
        suffix = match[3]
        if not suffix:
            return _plain(text) if bare else None
        factor = self.factors.get(suffix.lower() if self.fold_case else suffix)
        if factor is None:
            return None
        value = float(match[1] + match[2]) * factor[0] / factor[1]
        return value if math.isfinite(value) else None

    def format(self, value: float, *, bare: bool) -> str:
        """Return the shortest text that `parse` reads as exactly this value."""
        if bare:
            return plain_text(value)
        for suffix, (up, down) in self.factors.items():
            count = value * down / up
            if count >= 1 and count == int(count) and int(count) * up / down == value:
                return f"{int(count)}{suffix}"
        same = next(suffix for suffix, (up, down) in self.factors.items() if up == down)
        return f"{plain_text(value)}{same}"


def _plain(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def plain_text(value: float) -> str:
    """Return a number as text, integers without a decimal point."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e16:
        return str(int(value))
    return str(value)


def _times(second: int) -> dict[str, tuple[float, float]]:
    """Return the suffixes of times, the longest first; `second` is a second in the stored unit."""
    parts = {"d": (86400, 1), "h": (3600, 1), "m": (60, 1), "min": (60, 1), "s": (1, 1)}
    parts |= {"ms": (1, 1000), "us": (1, 10**6), "µs": (1, 10**6)}
    result: dict[str, tuple[float, float]] = {}
    for suffix, (up, down) in parts.items():
        shared = math.gcd(up * second, down)
        result[suffix] = (up * second // shared, down // shared)
    return result


_SIZES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY_SIZES = {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}

SECONDS = Unit(
    factors=_times(1),
    metavar="TIME",
    bare=False,
    like="a time like 90s, 5m or 1h",
    above=0,
)
MILLISECONDS = Unit(factors=_times(1000), metavar="MS", above=0)
MILLIJOULES = Unit(
    factors={"J": (1000, 1), "mJ": (1, 1), "uJ": (1, 1000), "µJ": (1, 1000)},
    metavar="MJ",
    like="an energy like 5, 5mJ or 800uJ",
    above=0,
)
COUNT = Unit(
    factors={"k": (10**3, 1), "K": (10**3, 1), "M": (10**6, 1), "G": (10**9, 1), "T": (10**12, 1)},
    metavar="N",
    above=0,
)
BYTES = Unit(
    factors={
        prefix + end: (factor, 1)
        for prefix, factor in (_SIZES | _BINARY_SIZES).items()
        for end in ("", "b")
        if prefix + end
    },
    metavar="N",
    like="bytes like 20e6, 1.5M or 512Ki",
    above=0,
    fold_case=True,
)
KILOHERTZ = Unit(
    factors={"ghz": (10**6, 1), "mhz": (10**3, 1), "khz": (1, 1), "hz": (1, 1000)},
    metavar="KHZ",
    above=0,
    fold_case=True,
)
SHARE = Unit(
    factors={"%": (1, 100)},
    metavar="SHARE",
    like="a share like 5% or 0.05",
    minimum=0,
)
