"""`ofabench compare`: two latency tables, before and after a driver's update, or two devices."""

import json
import sys

from ofabench.cli.derived.command import Command
from ofabench.options.compare import CompareOptions

EXIT_FAILED_CHECK = 1


def run(options: CompareOptions) -> int:
    """Print what moved; say by the exit code whether it is too much."""
    from bench.extras import check_extra
    from bench.files import write_text
    from ofabench.workflows.latency.compare import compare

    if options.out is not None:
        check_extra("plotly", "--out needs")
    compared = compare(options.first, options.second, fail_above=options.fail_above)
    if options.out is not None:
        from ofabench.report.comparison import render_comparison

        names = (options.first.name, options.second.name)
        write_text(options.out, render_comparison(compared.found, names))
        print(f"written to {options.out}", file=sys.stderr)
    print(json.dumps(compared.to_dict(), allow_nan=False) if options.json else compared)
    return EXIT_FAILED_CHECK if compared.failures else 0


COMMAND = Command(
    name="compare",
    help="two latency tables: what moved all blocks, and what moved beside it",
    description="Exit code 1 where --fail-above is given and the second table is slower.",
    options=CompareOptions,
    run=run,
)
