"""`ofabench`: the table of commands, and the conversion of errors to a line and an exit code."""

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ofabench import __version__
from ofabench.cli.output import guarded_output

if TYPE_CHECKING:
    from ofabench.cli.derived.command_entry import Entry

# Lines of help by command; a command's module is imported only when it is run.
COMMANDS = {
    "quickstart": "run the whole loop on this machine, in a few minutes",
    "devices": "list the devices that can be measured here, with facts",
    "phone": "build the runner that is pushed to phones",
    "remote": "remove what measuring left on a phone, board or server",
    "space": "list and show spaces; count parameters and MACs of networks",
    "sweep": "measure blocks and networks on a device",
    "drift": "measure the anchor networks of a sweep again, to estimate drift between sessions",
    "table": "latency tables: build, show, import, export",
    "fit": "fit a latency predictor on measured blocks and networks",
    "evaluate": "evaluate a predictor on measured networks",
    "predict": "predict the latency of networks, or of ONNX or TFLite files",
    "train": "train a supernet whose sub-networks share their weights",
    "evaluate-subnets": "measure the accuracy of a supernet's sub-networks",
    "accuracy": "fit a predictor of sub-networks' accuracy",
    "search": "find the most accurate network within limits",
    "import-ofa": "import a once-for-all network of OFA's authors as a trained supernet",
    "extract": "extract a sub-network of a supernet, with separate weights",
    "finetune": "fine-tune a sub-network on its own, for the same data or for other classes",
    "export": "write a sub-network of a supernet as ONNX, TFLite or torch",
    "profile": "show where the time of a model file goes, operator by operator",
    "measure": "measure ONNX or TFLite files of any origin",
    "verify": "measure an exported network, compare it with its prediction and its limit",
    "deploy": "search, extract, export, check and verify in one command; makes a folder to ship",
    "selfcheck": "check a device from end to end, and write the results",
    "cost": "compare the cost of a supernet with one training for each device",
    "report": "write one HTML page with charts of runs, which opens offline",
    "compare": "compare latency tables or two results of measure: what became slower",
}
DESCRIPTION = "Measure a device, predict the latency of networks, and find the best network for it."
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 is success, 1 a result that fails its check, 2 bad input.

    2 is also a result that could not be printed. If a reader closes standard output early, the
    command continues silently and returns its usual exit code.
    """
    with guarded_output() as output:
        foreign = foreign_bench()
        if foreign is not None:
            return _fail(foreign)
        from bench.errors import OutputError

        try:
            code = _run(argv)
            output.check()
        except SystemExit:  # from argparse, after a help text or a wrong argument
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
    """Run one command; return its exit code."""
    # Imported here: `main` first checks for another package named `bench`.
    from bench.errors import InterruptedSweepError, OfabenchError
    from ofabench.cli.dispatch import dispatch, top_parser
    from ofabench.cli.messages import hide_developer_warnings, messages_on_stderr

    table = commands()
    if argv is None:  # as a program, and not from Python
        hide_developer_warnings()
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
        print("ofabench: stopped; no file is left half-written", file=sys.stderr)
        return EXIT_INTERRUPTED


def _fail(error: Exception | str) -> int:
    """Print an error in one line; return the exit code of bad input."""
    print(f"ofabench: {' '.join(str(error).split())}", file=sys.stderr)
    return EXIT_BAD_INPUT


def foreign_bench() -> str | None:
    """Return an error if the imported `bench` is another package; else None."""
    spec = importlib.util.find_spec("bench")
    if spec is None or spec.origin is None:
        return "its package `bench` is not installed; reinstall with `pip install ofabench`"
    if (Path(spec.origin).parent / "blocks" / "spec.py").is_file():
        return None
    return (
        f"another package named `bench` is on the path ({spec.origin}); "
        "uninstall it (`pip uninstall bench`) or start from another folder"
    )


if __name__ == "__main__":
    sys.exit(main())
