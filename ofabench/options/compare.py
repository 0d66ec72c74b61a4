"""Options of `compare`: the two tables, and the allowed difference."""

from dataclasses import dataclass
from pathlib import Path

from bench.options import SHARE, Options, option
from ofabench.options import shared


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions(Options):
    """Two latency tables, the allowed difference, and outputs."""

    first: Path = option(positional=True, metavar="A.parquet", help="first table")
    second: Path = option(positional=True, metavar="B.parquet", help="second table")
    fail_above: float | None = option(
        None,
        unit=SHARE,
        metavar="5%",
        help="fail if B is slower than A by more: all blocks together, or a significantly changed "
        "block",
    )
    out: Path | None = option(None, metavar="COMPARE.html", help="write an HTML page with charts")
    json: bool = shared.json()
