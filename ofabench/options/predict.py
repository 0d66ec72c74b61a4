"""Options of `predict`: the predictor and the networks."""

from dataclasses import dataclass
from pathlib import Path

from bench.options import Options, option


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictOptions(Options):
    """A predictor, and the networks to predict."""

    predictor: Path = option(positional=True, metavar="P.parquet", help="latency predictor")
    archs: Path = option(
        metavar="A.jsonl", help="networks, one in each line, also as OFA prints them"
    )
    space: str | None = option(
        None,
        metavar="NAME|FILE.toml|onehot",
        help="space of networks that name none, for older predictors without a space",
    )
