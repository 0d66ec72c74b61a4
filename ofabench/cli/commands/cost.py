"""`ofabench cost`: compare one supernet for N devices with one training for each device."""

import json
from dataclasses import dataclass

from bench.options import Options, nested
from ofabench.cli.derived.command import Command
from ofabench.options import shared
from ofabench.options.cost import CostOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class CostCommand(Options):
    """Options of `ofabench cost`."""

    cost: CostOptions = nested(CostOptions)
    json: bool = shared.json()


def run(options: CostCommand) -> int:
    """Print both tables and every assumption."""
    from ofabench.workflows.cost import training_cost
    from ofabench.workflows.cost_table import cost_lines

    data = training_cost(options.cost).to_dict()
    if options.json:
        print(json.dumps(data, indent=2, allow_nan=False))
    else:
        print("\n".join(cost_lines(data)))
    return 0


COMMAND = Command(
    name="cost",
    help="compare the cost of a supernet with one training for each device",
    description="Uses the time and energy metered in the training, and shows the paper's figures "
    "too.",
    options=CostCommand,
    run=run,
)
