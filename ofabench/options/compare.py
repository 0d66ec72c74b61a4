"""Options of `compare`: the two tables, and the allowed difference."""

from dataclasses import dataclass
from pathlib import Path

from bench.options import SHARE, Options, option
from ofabench.options import shared


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions(Options):
    """Two latency tables, and what is made of their differences."""

    first: Path = option(positional=True, metavar="A.parquet", help="")
    second: Path = option(positional=True, metavar="B.parquet", help="")
    fail_above: float | None = option(
        None,
        unit=SHARE,
        metavar="5%",
        help="fail where B is slower than A by more: all blocks, or a significantly changed one",
    )
    out: Path | None = option(None, metavar="COMPARE.html", help="write a page with pictures")
    json: bool = shared.json()
