"""Options of `compare`: what is compared, and the allowed difference."""

from dataclasses import dataclass
from pathlib import Path

from bench.options import SHARE, Options, option
from ofabench.options import shared


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions(Options):
    """Two latency tables or two results of `measure`, the allowed difference, and outputs."""

    first: Path = option(
        positional=True, metavar="A.parquet|.json|.sqlite", help="first table or result"
    )
    second: Path = option(positional=True, metavar="B.parquet|.json|.sqlite", help="second one")
    fail_above: float | None = option(
        None,
        unit=SHARE,
        metavar="5%",
        help="of tables: fail if B is slower than A by more: all blocks together, or a "
        "significantly changed block",
    )
    fail_slower: float | None = option(
        None,
        unit=SHARE,
        metavar="5%",
        help="of results of measure: fail if a model file is slower by more, beyond noise, or is "
        "absent",
    )
    out: Path | None = option(
        None, metavar="COMPARE.html", help="write an HTML page with charts (of tables)"
    )
    json: bool = shared.json()
