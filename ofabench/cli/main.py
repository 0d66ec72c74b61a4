"""`ofabench`: commands, and the one place where errors become a line and an exit code."""

import argparse
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from ofabench import __version__
from ofabench.cli.output import guarded_output

COMMANDS = (
    "quickstart",
    "devices",
    "phone",
    "space",
    "sweep",
    "table",
    "fit",
    "evaluate",
    "predict",
    "train",
    "evaluate_subnets",
    "accuracy",
    "search",
    "import_ofa",
    "extract",
    "export",
    "verify",
    "deploy",
    "selfcheck",
    "cost",
    "report",
    "compare",
)
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line that says what to do next."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_BAD_INPUT, f"ofabench: {message} (see `{self.prog} --help`)\n")


def build_parser() -> argparse.ArgumentParser:
    """Make the parser of every command."""
    parser = _Parser(prog="ofabench", description=__doc__, allow_abbrev=False)
    parser.description = "From a device's own measurements to the best network for it."
    parser.add_argument("--version", action="version", version=f"ofabench {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        importlib.import_module(f"ofabench.cli.commands.{name}").add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 is success, 1 a result that fails its check, 2 bad input.

    2 is also a result that could not be printed. A reader that closes standard output early ends
    nothing: the command goes on in silence and has the exit code that it would have had.
    """
    with guarded_output() as output:
        foreign = foreign_bench()
        if foreign is not None:
            return _fail(foreign)
        from bench.errors import OutputError

        try:
            code = _run(argv)
            output.check()
        except SystemExit:  # of argparse, after a help text or a wrong argument
            try:
                output.check()
            except OutputError as error:
                raise SystemExit(_fail(error)) from None
            raise
        except OutputError as error:
            return _fail(error)
        return code


def _run(argv: Sequence[str] | None) -> int:
    """Run one command; its exit code."""
    from bench.errors import InterruptedSweepError, OfabenchError

    try:
        args = build_parser().parse_args(argv)
        code: int = args.run(args)
    except InterruptedSweepError as error:
        _fail(error)
        return EXIT_INTERRUPTED
    except OfabenchError as error:
        return _fail(error)
    except KeyboardInterrupt:
        print("ofabench: stopped; nothing half-written is left behind", file=sys.stderr)
        return EXIT_INTERRUPTED
    return code


def _fail(error: Exception | str) -> int:
    """Print an error in one line; the exit code of bad input."""
    print(f"ofabench: {' '.join(str(error).split())}", file=sys.stderr)
    return EXIT_BAD_INPUT


def foreign_bench() -> str | None:
    """Say which `bench` is in the way, where the one that is found is not ours."""
    found = importlib.util.find_spec("bench")
    if found is None or found.origin is None:
        return "its package `bench` is not installed; reinstall with `pip install ofabench`"
    if (Path(found.origin).parent / "blocks" / "spec.py").is_file():
        return None
    return (
        f"another package named `bench` is on the path ({found.origin}); "
        "uninstall it (`pip uninstall bench`) or start from another folder"
    )


if __name__ == "__main__":
    sys.exit(main())
