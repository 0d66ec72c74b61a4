"""Options of `predict`: the predictor and the networks."""

from dataclasses import dataclass
from pathlib import Path

from bench.options import Options, option


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictOptions(Options):
    """A predictor, and the networks whose latency it predicts."""

    predictor: Path = option(positional=True, metavar="P.parquet", help="")
    archs: Path = option(metavar="A.jsonl", help="networks, one a line, also as OFA prints them")
    space: str | None = option(
        None,
        metavar="NAME|FILE.toml|onehot",
        help="of networks that do not name theirs, where the predictor is older and does not say",
    )
