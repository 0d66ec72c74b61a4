"""`ofabench compare`: compare two latency tables, such as before and after an update."""

import json
import sys

from ofabench.cli.derived.command import Command
from ofabench.options.compare import CompareOptions

EXIT_FAILED_CHECK = 1


def run(options: CompareOptions) -> int:
    """Print the differences; the exit code says whether they are allowed."""
    from bench.extras import check_extra
    from bench.files import write_text
    from ofabench.workflows.latency.compare import compare

    if options.out is not None:
        check_extra("plotly", "--out needs")
    comparison = compare(options.first, options.second, fail_above=options.fail_above)
    if options.out is not None:
        from ofabench.report.comparison import render_comparison

        names = (options.first.name, options.second.name)
        write_text(options.out, render_comparison(comparison.found, names))
        print(f"written to {options.out}", file=sys.stderr)
    print(json.dumps(comparison.to_dict(), allow_nan=False) if options.json else comparison)
    return EXIT_FAILED_CHECK if comparison.failures else 0


COMMAND = Command(
    name="compare",
    help="compare two latency tables: drift of all blocks, and changes of single blocks",
    description="Compares latencies block by block. Exit code 1 if --fail-above is given and the "
    "second table is slower by more.",
    options=CompareOptions,
    run=run,
)
