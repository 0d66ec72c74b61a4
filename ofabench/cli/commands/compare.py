"""`ofabench compare`: two latency tables or measurements, such as before and after an update."""

import json
import sys

from ofabench.cli.derived.command import Command
from ofabench.options.compare import CompareOptions

EXIT_FAILED_CHECK = 1


def run(options: CompareOptions) -> int:
    """Print the differences; the exit code says whether they are allowed."""
    from bench.errors import InputError
    from bench.extras import check_extra
    from bench.files import write_text
    from ofabench.workflows.compare import TableComparison, compare

    if options.out is not None:
        check_extra("plotly", "--out needs")
    comparison = compare(
        options.first,
        options.second,
        fail_above=options.fail_above,
        fail_slower=options.fail_slower,
    )
    if options.out is not None:
        if not isinstance(comparison, TableComparison):
            raise InputError("--out draws two latency tables; of two measurements take --json")
        from ofabench.report.comparison import render_comparison

        names = (options.first.name, options.second.name)
        write_text(options.out, render_comparison(comparison.figures, names))
        print(f"written to {options.out}", file=sys.stderr)
    print(json.dumps(comparison.to_dict(), allow_nan=False) if options.json else comparison)
    return EXIT_FAILED_CHECK if comparison.failures else 0


COMMAND = Command(
    name="compare",
    help="compare two latency tables or two results of measure: what became slower",
    description="Compares two latency tables block by block, or two results of `measure` file by "
    "file. Exit code 1 where the second is slower by more than --fail-above (tables) or "
    "--fail-slower (results of measure).",
    options=CompareOptions,
    run=run,
)
