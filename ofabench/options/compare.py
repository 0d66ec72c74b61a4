"""Options of `compare`: what is compared, and the allowed difference."""

from dataclasses import dataclass
from pathlib import Path

from bench.options import SHARE, Options, option
from ofabench.options import shared


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions(Options):
    """Latency tables or two results of `measure`, the allowed difference, and outputs."""

    inputs: tuple[Path, ...] = option(
        positional=True,
        metavar="A.parquet|.sqlite|.json",
        help="latency tables, tables of several targets, or sweeps, with which the first is "
        "compared; or two results of measure",
    )
    fail_above: float | None = option(
        None,
        unit=SHARE,
        metavar="5%",
        help="of tables: fail if another is slower than the first by more: all blocks together, "
        "or a significantly changed block",
    )
    fail_slower: float | None = option(
        None,
        unit=SHARE,
        metavar="5%",
        help="of results of measure: fail if a model file is slower by more, beyond noise, or is "
        "absent",
    )
    csv: Path | None = option(
        None,
        metavar="WIDE.csv",
        help="write tables side by side: a row a block, columns for each target, and the ratio to "
        "the first",
    )
    out: Path | None = option(
        None, metavar="COMPARE.html", help="write an HTML page with charts (of tables)"
    )
    json: bool = shared.json()
