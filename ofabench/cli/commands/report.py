"""`ofabench report`: whatever was measured, fitted, searched or trained, as one HTML file."""

import argparse
import sys
from pathlib import Path

from ofabench.cli.arguments import add_out


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "report",
        help="pictures of runs as one page that opens offline",
        description="Folders and files in any mix, told apart by content: sweeps, latency tables, "
        "networks tables, predictors, searches, verified networks, training logs.",
    )
    parser.add_argument(
        "given",
        type=Path,
        nargs="+",
        metavar="RUN",
        help="a file, or a folder of them as `ofabench quickstart` leaves",
    )
    add_out(parser, "REPORT.html")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the page."""
    from bench.files import write_text
    from ofabench.report.assemble import render_report
    from ofabench.report.inputs import check_out

    check_out(args.out, args.given)
    page, inputs = render_report(args.given)
    write_text(args.out, page)
    passed = f"; passed over {len(inputs.passed)} files of other kinds" if inputs.passed else ""
    size = f"{len(page.encode()) / 1e6:.1f} MB"
    print(f"{inputs.count} files, {size}, written to {args.out}{passed}", file=sys.stderr)
    return 0
