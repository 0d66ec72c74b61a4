"""`ofabench predict`: predict the latency of networks, one JSON line each."""

import json

from ofabench.cli.derived.command import Command
from ofabench.options.predict import PredictOptions


def run(options: PredictOptions) -> int:
    """Print each network with its latency, standard deviation and extrapolated parts."""
    from ofabench.workflows.latency.predict_file import predict_file
    from ofabench.workflows.latency.predictor import load_predictor

    predictor = load_predictor(options.predictor, space=options.space)
    for line in predict_file(predictor, options.archs):
        print(json.dumps(line))
    return 0


COMMAND = Command(
    name="predict",
    help="predict the latency of networks",
    options=PredictOptions,
    run=run,
)
