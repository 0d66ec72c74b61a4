"""`ofabench report`: whatever was measured, fitted, searched or trained, as one HTML file."""

import sys
from dataclasses import dataclass
from pathlib import Path

from bench.options import Options, option
from ofabench.cli.command import Command
from ofabench.options import shared


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportCommand(Options):
    """What is reported, and the page's file."""

    given: tuple[Path, ...] = option(
        positional=True,
        metavar="RUN",
        help="a file, or a folder of them as `ofabench quickstart` leaves",
    )
    out: Path = shared.out("REPORT.html")


def run(options: ReportCommand) -> int:
    """Write the page."""
    from bench.files import write_text
    from ofabench.report.assemble import render_report
    from ofabench.report.inputs import check_out

    check_out(options.out, options.given)
    page, inputs = render_report(options.given)
    write_text(options.out, page)
    passed = f"; passed over {len(inputs.passed)} files of other kinds" if inputs.passed else ""
    size = f"{len(page.encode()) / 1e6:.1f} MB"
    print(f"{inputs.count} files, {size}, written to {options.out}{passed}", file=sys.stderr)
    return 0


COMMAND = Command(
    name="report",
    help="pictures of runs as one page that opens offline",
    description="Folders and files in any mix, told apart by content: sweeps, latency tables, "
    "networks tables, predictors, searches, verified networks, training logs.",
    options=ReportCommand,
    run=run,
)
