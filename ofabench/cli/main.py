"""`ofabench`: the commands, and the place where errors become a line and an exit code."""

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ofabench import __version__
from ofabench.cli.output import guarded_output

if TYPE_CHECKING:
    from ofabench.cli.derived.command_entry import Entry

# By name, the line of the help text; a command's module is imported only when it is run.
COMMANDS = {
    "quickstart": "the whole loop on this machine, in a few minutes",
    "devices": "what can be measured from here, with facts",
    "phone": "build what is pushed to phones",
    "space": "the spaces; a network's parameters, MACs, members",
    "sweep": "measure blocks and networks on a device",
    "drift": "measure the anchor networks of a sweep again, to learn how sessions differ",
    "table": "latency tables: build, show, import, export",
    "fit": "fit a latency predictor on what was measured",
    "evaluate": "judge a predictor on measured networks",
    "predict": "predict the latency of networks",
    "train": "train a supernet whose sub-networks share their weights",
    "evaluate-subnets": "measure the accuracy of a supernet's sub-networks",
    "accuracy": "fit a predictor of sub-networks' accuracy",
    "search": "find the most accurate network within limits",
    "import-ofa": "read a once-for-all network of OFA's authors as a trained supernet",
    "extract": "cut a sub-network out of a supernet, with weights of its own",
    "export": "write a sub-network of a supernet as ONNX, TFLite or torch",
    "measure": "measure ONNX or TFLite files of any origin",
    "verify": "measure an exported network, judge it by its prediction and its limit",
    "deploy": "search, extract, export, check and verify in one go; leaves a folder to hand on",
    "selfcheck": "check a device from end to end, and write what was found",
    "cost": "what a supernet costs against one training for each device",
    "report": "pictures of runs as one page that opens offline",
    "compare": "two latency tables: what moved all blocks, and what moved beside it",
}
DESCRIPTION = "From a device's own measurements to the best network for it."
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 is success, 1 a result that fails its check, 2 bad input.

    2 is also a result that could not be printed. A reader that closes standard output early ends
    nothing: the command continues silently and has the exit code that it would have had.
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


def commands() -> "dict[str, Entry]":
    """Return the table of commands."""
    from ofabench.cli.derived.command_entry import Entry

    return {
        name: Entry(f"ofabench.cli.commands.{name.replace('-', '_')}", line)
        for name, line in COMMANDS.items()
    }


def _run(argv: Sequence[str] | None) -> int:
    """Run one command; its exit code."""
    # Only here: another package may be named `bench`, which `main` has said by now.
    from bench.errors import InterruptedSweepError, OfabenchError
    from ofabench.cli.dispatch import dispatch, top_parser
    from ofabench.cli.messages import hide_warnings_for_programmers, messages_on_stderr

    table = commands()
    if argv is None:  # as a program, and not from Python
        hide_warnings_for_programmers()
    try:
        with messages_on_stderr():
            parser = top_parser(table, version=__version__, description=DESCRIPTION)
            return dispatch(table, sys.argv[1:] if argv is None else argv, parser)
    except InterruptedSweepError as error:
        _fail(error)
        return EXIT_INTERRUPTED
    except OfabenchError as error:
        return _fail(error)
    except KeyboardInterrupt:
        print("ofabench: stopped; nothing half-written is left behind", file=sys.stderr)
        return EXIT_INTERRUPTED


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
