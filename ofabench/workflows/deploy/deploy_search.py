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
    from ofabench.display.live_search import get_look
    from ofabench.options.search import LimitOptions, SearchOptions
    from ofabench.workflows.search.latencies import load_sources
    from ofabench.workflows.search.limits import counted_limits, latency_limits
    from ofabench.workflows.search.search import search
    from supernet.train.checkpoint import load_trained

    given = {name: getattr(args, name) for name in _LIMITS}
    limits = LimitOptions(**{**given, "max_latency_ms": tuple(args.max_latency_ms)})
    options = SearchOptions(seed=args.seed, allow_extrapolated=args.allow_extrapolated)
    costs = latency_limits(load_sources(args.latency), limits)
    others = counted_limits(limits, args.precision)
    space = load_trained(args.checkpoint).space
    search(space, args.accuracy, [*costs, *others], options, get_look()).save(out)
