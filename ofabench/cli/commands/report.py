"""`ofabench report`: write one HTML page of sweeps, fits, searches and trainings."""

import sys
from dataclasses import dataclass
from pathlib import Path

from bench.options import Options, option
from ofabench.cli.derived.command import Command
from ofabench.options import shared


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportCommand(Options):
    """Options of `ofabench report`."""

    given: tuple[Path, ...] = option(
        positional=True,
        metavar="RUN",
        help="a file, or a folder of files such as that of `ofabench quickstart`",
    )
    out: Path = shared.out("REPORT.html")


def run(options: ReportCommand) -> int:
    """Write the page."""
    from bench.extras import check_extra

    check_extra("plotly", "report pages need")
    from ofabench.report.write import write_report

    print(write_report(options.given, options.out), file=sys.stderr)
    return 0


COMMAND = Command(
    name="report",
    help="write one HTML page with charts of runs, which opens offline",
    description="Folders and files in any mix, recognised by content: sweeps, latency tables, "
    "networks tables, predictors, searches, verified networks, training logs.",
    options=ReportCommand,
    run=run,
)
