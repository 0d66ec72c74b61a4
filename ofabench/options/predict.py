"""Options of `predict`: the predictor, and what it predicts."""

from dataclasses import dataclass
from pathlib import Path

from bench.errors import InputError
from bench.options import Options, nested, option
from ofabench.options.models import PredictModelOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictOptions(Options):
    """A predictor and networks of a search space, or model files and their predictor."""

    files: tuple[Path, ...] = option(
        positional=True,
        metavar="P.parquet|MODEL",
        help="with --archs the predictor; with --latency ONNX or TFLite files",
    )
    archs: Path | None = option(
        None, metavar="A.jsonl", help="networks, one in each line, also as OFA prints them"
    )
    space: str | None = option(
        None,
        metavar="NAME|FILE.toml|onehot",
        help="space of networks that name none, for older predictors without a space",
    )
    latency: Path | None = option(
        None, metavar="P.parquet", help="predictor of models, from `ofabench fit --models`"
    )
    model: PredictModelOptions = nested(PredictModelOptions, group="model files")
    out: Path | None = option(
        None,
        metavar="P2.parquet",
        help="with --measure-missing: write the predictor with the operators measured",
    )

    def check(self) -> None:
        """See whether networks or model files are predicted."""
        if (self.archs is None) == (self.latency is None):
            raise InputError(
                "give a predictor and --archs, for networks of a search space; or model files "
                "and --latency"
            )
        if self.archs is not None and len(self.files) != 1:
            raise InputError(f"one predictor predicts --archs, got {len(self.files)} files")
        if self.out is not None and not self.model.measure_missing:
            raise InputError("--out writes what --measure-missing measured: give both, or neither")
