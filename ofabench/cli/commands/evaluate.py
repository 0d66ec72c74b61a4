"""`ofabench evaluate`: compare predictions with measured networks, and with baselines."""

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
    evaluation = load_predictor(options.predictor).evaluate(
        options.networks, column=options.column, space=options.space
    )
    if options.plot is not None:
        title = f"{evaluation.column}, {options.space or ''}"
        plot_predictions(options.plot, evaluation.predicted_ms, evaluation.measured_ms, title)
    print(json.dumps(evaluation.to_dict()) if options.json else evaluation)
    return 0


COMMAND = Command(
    name="evaluate",
    help="evaluate a predictor on measured networks",
    options=EvaluateOptions,
    run=run,
)
