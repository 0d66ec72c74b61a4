"""`ofabench evaluate`: predicted against measured networks, with baselines beside."""

import json

from ofabench.cli.derived.command import Command
from ofabench.options.evaluate import EvaluateOptions


def run(options: EvaluateOptions) -> int:
    """Print the figures as a table or as JSON."""
    from bench.extras import check_extra
    from latency_models.evaluation.plot import plot_predictions
    from ofabench.workflows.latency.predictor import load_predictor

    if options.plot is not None:
        check_extra("matplotlib", "--plot needs")
    found = load_predictor(options.predictor).evaluate(
        options.networks, column=options.column, space=options.space
    )
    if options.plot is not None:
        title = f"{found.column}, {options.space or ''}"
        plot_predictions(options.plot, found.predicted_ms, found.measured_ms, title)
    print(json.dumps(found.to_dict()) if options.json else found)
    return 0


COMMAND = Command(
    name="evaluate",
    help="judge a predictor on measured networks",
    options=EvaluateOptions,
    run=run,
)
