"""`ofabench compare`: latency tables or measurements, such as before and after an update."""

import json
import sys
from typing import TYPE_CHECKING

from ofabench.cli.derived.command import Command
from ofabench.options.compare import CompareOptions

if TYPE_CHECKING:
    from ofabench.workflows.compare import SeveralTablesComparison, TableComparison

EXIT_FAILED_CHECK = 1


def run(options: CompareOptions) -> int:
    """Print the differences; the exit code says whether they are allowed."""
    from bench.errors import InputError
    from bench.extras import check_extra
    from ofabench.workflows.compare import SeveralTablesComparison, TableComparison, compare

    if options.out is not None:
        check_extra("plotly", "--out needs")
    comparison = compare(
        *options.inputs, fail_above=options.fail_above, fail_slower=options.fail_slower
    )
    if isinstance(comparison, TableComparison | SeveralTablesComparison):
        _write(comparison, options)
    elif options.out is not None or options.csv is not None:
        raise InputError("--out and --csv are of latency tables; of two measurements take --json")
    print(json.dumps(comparison.to_dict(), allow_nan=False) if options.json else comparison)
    return EXIT_FAILED_CHECK if comparison.failures else 0


def _write(
    comparison: "TableComparison | SeveralTablesComparison", options: CompareOptions
) -> None:
    """Write the page and the wide CSV that are requested."""
    from bench.files import write_text

    texts = {}
    if options.csv is not None:
        texts[options.csv] = comparison.wide.to_csv(index=False)
    if options.out is not None:
        texts[options.out] = _page(comparison, options)
    for path, text in texts.items():
        write_text(path, text)
        print(f"written to {path}", file=sys.stderr)


def _page(comparison: "TableComparison | SeveralTablesComparison", options: CompareOptions) -> str:
    from ofabench.report.comparison import render_comparison
    from ofabench.report.targets_comparison import render_targets
    from ofabench.workflows.compare import TableComparison

    if not isinstance(comparison, TableComparison):
        return render_targets(comparison.figures)
    labels = [*comparison.side_by_side.targets]
    names = [path.name for path in options.inputs] if len(options.inputs) == 2 else labels
    return render_comparison(comparison.figures, (names[0], names[1]))


COMMAND = Command(
    name="compare",
    help="compare latency tables or two results of measure: what became slower",
    description="Compares latency tables block by block, those of before and after an update or of "
    "several targets, or two results of `measure` file by file. Exit code 1 where another is "
    "slower than the first by more than --fail-above (tables) or --fail-slower (results of "
    "measure).",
    options=CompareOptions,
    run=run,
)
