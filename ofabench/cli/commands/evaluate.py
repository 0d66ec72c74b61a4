"""`ofabench evaluate`: compare predictions with measured networks, and with baselines."""

import json

from ofabench.cli.derived.command import Command
from ofabench.options.evaluate import EvaluateOptions


def run(options: EvaluateOptions) -> int:
    """Print the figures as a table or as JSON."""
    from bench.notebook.plot import check_charts, check_name
    from ofabench.workflows.latency.predictor import load_predictor

    if options.plot is not None:
        check_charts()
        check_name(options.plot)
    evaluation = load_predictor(options.predictor).evaluate(
        options.networks, column=options.column, space=options.space
    )
    if options.plot is not None:
        evaluation.plot().save(options.plot)
    print(json.dumps(evaluation.to_dict()) if options.json else evaluation)
    return 0


COMMAND = Command(
    name="evaluate",
    help="evaluate a predictor on measured networks",
    options=EvaluateOptions,
    run=run,
)
