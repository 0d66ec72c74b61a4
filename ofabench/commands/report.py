"""`ofabench report`: a run, or a training's log, as one self-contained HTML file."""

import argparse
import sys
from pathlib import Path

from ofabench.arguments import add_out


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser("report", help="write a run's report", description=__doc__)
    parser.add_argument(
        "what",
        type=Path,
        metavar="RUN|LOG.jsonl",
        help="folder from `ofabench quickstart`, or the log beside a supernet",
    )
    add_out(parser, "REPORT.html")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the page."""
    from bench.files import write_text
    from ofabench.report.run_folder import render_run
    from ofabench.report.training import render_log

    folder = args.what.is_dir() or args.what.suffix != ".jsonl"
    write_text(args.out, render_run(args.what) if folder else render_log(args.what))
    print(f"written to {args.out}", file=sys.stderr)
    return 0
