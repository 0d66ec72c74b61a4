"""Options of `evaluate`: the held-out networks."""

from dataclasses import dataclass
from pathlib import Path

from bench.options import Options, option
from ofabench.options import shared


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateOptions(Options):
    """A predictor, the measured networks that it is judged on, and what is shown of it."""

    predictor: Path = option(positional=True, metavar="P.parquet", help="")
    networks: Path = option(metavar="N.parquet", help="measured networks")
    column: str | None = option(None, metavar="C", help="latency; default: the only one")
    space: str | None = option(
        None,
        metavar="NAME|FILE.toml|onehot",
        help="of the networks, where neither the table nor the predictor says it",
    )
    plot: Path | None = option(None, metavar="FILE.png", help="needs matplotlib")
    json: bool = shared.json()
