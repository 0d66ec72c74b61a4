"""`ofabench predict`: the latency of networks of a search space, or of model files."""

import json
from dataclasses import dataclass

from ofabench.cli.derived.command import Command
from ofabench.options import shared
from ofabench.options.predict import PredictOptions

EXIT_BAD_INPUT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictCommand(PredictOptions):
    """What is predicted, and how it is shown."""

    progress: str = shared.progress()
    json: bool = shared.json()


def run(options: PredictCommand) -> int:
    """Print the latency of each network as a JSON line, or of each model file."""
    return _networks(options) if options.latency is None else _models(options)


def _networks(options: PredictCommand) -> int:
    """Print each network with its latency, standard deviation and extrapolated parts."""
    from ofabench.workflows.latency.predict_file import predict_file
    from ofabench.workflows.latency.predictor import load_predictor

    assert options.archs is not None
    predictor = load_predictor(options.files[0], space=options.space)
    for line in predict_file(predictor, options.archs):
        print(json.dumps(line))
    return 0


def _models(options: PredictCommand) -> int:
    from ofabench.display.progress import get_sweep_progress
    from ofabench.workflows.models.predict_models import predict_models

    assert options.latency is not None
    predicted = predict_models(
        options.files,
        options.latency,
        options=options.model,
        progress=get_sweep_progress(options.progress),
    )
    if options.out is not None:
        predicted.predictor.save(options.out)
    print(json.dumps(predicted.to_dict(), allow_nan=False) if options.json else predicted)
    return EXIT_BAD_INPUT if predicted.failures else 0


COMMAND = Command(
    name="predict",
    help="predict the latency of networks, or of ONNX or TFLite files",
    description="Networks of a search space: `predict P.parquet --archs A.jsonl`, a JSON object a "
    "line. ONNX or TFLite files of any origin: `predict MODEL.onnx --latency OPERATORS.parquet`; "
    "exit code 2 where a file cannot be predicted, the others are.",
    options=PredictCommand,
    run=run,
)
