"""Options declared once, as frozen dataclasses: for Python, command line, TOML and provenance.

    from dataclasses import dataclass
    from bench.options import SECONDS, Options, nested, option

    @dataclass(frozen=True, slots=True, kw_only=True)
    class SweepOptions(Options):
        \"\"\"What a sweep measures, and how often.\"\"\"

        replicates: int = option(3, minimum=1, aliases=("--loads",), help="models created afresh")
        budget_s: float | None = option(None, flag="--budget", unit=SECONDS, help="so long")
        resolutions: tuple[int, ...] | None = option(None, separator=",", minimum=1, help="...")
        phone: PhoneOptions = nested(PhoneOptions, group="phones (adb:...)")

`SweepOptions(budget_s="5m")`, `--budget 5m` and `budget = "5m"` give the same. Types: `int`,
`float`, `str`, `bool`, `Path`, a `Literal`, each also `| None` or as `tuple[X, ...]`.
One dataclass may inherit from another, not from two that have fields: use `nested` instead.
"""

from bench.options.base import Options
from bench.options.declare import nested, option
from bench.options.units import (
    BYTES,
    COUNT,
    KILOHERTZ,
    MILLIJOULES,
    MILLISECONDS,
    SECONDS,
    SHARE,
    Unit,
)

__all__ = [
    "BYTES",
    "COUNT",
    "KILOHERTZ",
    "MILLIJOULES",
    "MILLISECONDS",
    "SECONDS",
    "SHARE",
    "Options",
    "Unit",
    "nested",
    "option",
]
