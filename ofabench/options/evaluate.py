"""Options of `evaluate`: the held-out networks."""

from dataclasses import dataclass
from pathlib import Path

from bench.options import Options, option
from ofabench.options import shared


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateOptions(Options):
    """A predictor, measured networks, and outputs."""

    predictor: Path = option(positional=True, metavar="P.parquet", help="latency predictor")
    networks: Path = option(metavar="N.parquet", help="measured networks")
    column: str | None = option(
        None, metavar="C", help="column of the latency; default: the only one"
    )
    space: str | None = option(
        None,
        metavar="NAME|FILE.toml|onehot",
        help="space of the networks, if neither the table nor the predictor has it",
    )
    plot: Path | None = option(
        None,
        metavar="FILE.svg",
        help="write a chart of predicted against measured, as .svg, .png, .pdf or .html "
        "(needs the extra report)",
    )
    json: bool = shared.json()
