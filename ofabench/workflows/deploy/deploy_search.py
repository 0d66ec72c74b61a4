"""The search that a deployment begins with, where it is not given a network."""

import argparse
import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.errors import InputError
from bench.files import parse_json, read_bytes

_SEARCH = "search.json"
_LIMITS = ("max_latency_ms", "max_macs", "max_params", "max_memory_bytes", "max_size_bytes",
           "confidence", "session_spread")  # fmt: skip


@contextmanager
def searched(args: argparse.Namespace) -> Iterator[argparse.Namespace]:
    """Arguments with a network: those given, or with the result of the search that they ask for.

    `InputError` where limits are given without `--accuracy`, or a search and a network.
    """
    if args.accuracy is None:
        given = [name for name in _LIMITS if getattr(args, name)]
        if given:
            option = "--" + given[0].replace("_", "-")
            raise InputError(
                f"{option} limits a search, which needs --accuracy, in place of --arch"
            )
        yield args
        return
    if args.pick is not None:
        raise InputError("--accuracy searches for one network: leave --pick out")
    if args.checkpoint is None or args.arch is not None or args.result is not None:
        raise InputError(
            "--accuracy searches the --checkpoint for a network: leave --arch, --network and "
            "--result out, or leave --accuracy out"
        )
    with tempfile.TemporaryDirectory(prefix="ofabench-") as folder:
        path = Path(folder) / _SEARCH
        _search(args, path)
        yield argparse.Namespace(**{**vars(args), "arch": str(path)})


def digest_of_search(path: Path) -> str:
    """What a search found, whenever and from wherever it was run; of another file its content."""
    content = read_bytes(path)
    try:
        found = parse_json(content)
    except ValueError:
        return hashlib.sha256(content).hexdigest()
    if isinstance(found, dict):
        found.pop("provenance", None)
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def _search(args: argparse.Namespace, out: Path) -> None:
    from ofabench.cli.search_arguments import FRONT_POINTS, STRATEGIES
    from ofabench.display.live_search import get_look
    from ofabench.workflows.search.searching import search_from
    from supernet.search.result_file import write_json
    from supernet.train.checkpoint import load_trained

    space = load_trained(args.checkpoint).space
    usual = {"space": space.name, "strategy": STRATEGIES[0], "pareto": False}
    usual |= {"points": FRONT_POINTS, "resolutions": None}
    usual |= dict.fromkeys(("budget", "seconds", "patience"))
    asked = argparse.Namespace(**{**vars(args), **usual})
    write_json(out, search_from(asked, get_look(), space).data)
