"""`ofabench quickstart`: the whole loop on this machine, on the space `tiny`."""

import argparse
import sys
import time
from pathlib import Path

from ofabench.cli.arguments import seed
from ofabench.cli.device_arguments import add_wait


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "quickstart",
        help="the whole loop on this machine, in a few minutes",
        description="Measures this CPU, fits and checks a latency predictor, trains a small "
        "supernet, searches it at three limits, exports and measures what was found. "
        "Started again, it goes on where it was stopped. Exit code 1 where a limit is not met or "
        "a prediction is out of tolerance.",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/quickstart"), metavar="DIR", help="folder of the run"
    )
    parser.add_argument("--seed", type=seed, default=0, help="decides what is drawn (0)")
    parser.add_argument("--force", action="store_true", help="measure though the CPU is busy")
    add_wait(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run every step, then show what was predicted and measured, and count the verdicts."""
    from bench.errors import FileError
    from ofabench.report.outcome import counts_of, outcome_text, read_outcomes
    from ofabench.workflows.quickstart.quickstart import NAMES, Loop
    from ofabench.workflows.quickstart.steps import EXIT_FAILED_CHECK, run_steps

    started = time.monotonic()
    loop = Loop(folder=args.out, seed=args.seed, force=args.force, wait=args.wait)
    try:
        loop.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot make the folder {loop.folder}: {error.strerror}") from error
    measuring = loop.measuring()
    total = len(measuring) + 2 + (len(NAMES) - 2) + 2 * len(NAMES) + 1
    run_steps(measuring, _say, total=total)
    limits_ms = loop.write_ends()
    rest = [*loop.training(), *loop.searching(limits_ms)]
    for name in NAMES:
        rest += loop.shipping(name)
    rest.append(loop.reporting())
    run_steps(rest, _say, done=len(measuring), total=total)
    outcomes = read_outcomes(loop.folder)
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    _say(f"{minutes} min {seconds} s in all; open {loop.folder / 'report.html'}")
    print(outcome_text(outcomes))
    print(counts_of(outcomes))
    return EXIT_FAILED_CHECK if any(one.failed for one in outcomes) else 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
