"""`ofabench report`: a run as one self-contained HTML file."""

import argparse
import sys
from pathlib import Path

from ofabench.arguments import add_out


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser("report", help="write a run's report", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="RUN", help="from `ofabench quickstart`")
    add_out(parser, "REPORT.html")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the page."""
    from bench.files import write_text
    from ofabench.report.run_folder import render_run

    write_text(args.out, render_run(args.folder))
    print(f"written to {args.out}", file=sys.stderr)
    return 0
