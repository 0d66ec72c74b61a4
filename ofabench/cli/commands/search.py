"""`ofabench search`: the most accurate network of a space within every limit, or the front."""

import argparse
import json
import sys
from typing import TYPE_CHECKING

from ofabench.cli.arguments import add_json, add_out
from ofabench.cli.search_arguments import add_search

if TYPE_CHECKING:
    from ofabench.workflows.search.searching import Found
    from supernet.search.engine import SearchResult


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "search", help="find the most accurate network within limits", description=__doc__
    )
    add_search(parser)
    add_json(parser)
    add_out(parser, "R.json")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Search, write the result and print it."""
    from ofabench.display.live_search import get_look
    from ofabench.workflows.search.searching import search_from
    from supernet.search.result_file import write_json

    found = search_from(args, get_look())
    write_json(args.out, found.data)
    if args.json:
        print(json.dumps(found.data, allow_nan=False))
        return 0
    if args.pareto:
        show_front(found)
    else:
        show(found, found.results[0])
    print(f"  accuracy by {found.accuracy.describe()}")
    print(f"written to {args.out}; the accuracy is predicted, expect less", file=sys.stderr)
    return 0


def show(found: "Found", result: "SearchResult") -> None:
    """Print one network with all that is predicted of it."""
    print(found.space.to_line(result.arch))
    print(f"  predicted accuracy {result.accuracy:.2%}")
    for predictor in found.predictors:
        name, prediction = predictor.target.key, predictor.predict(found.space.blocks(result.arch))
        margin = (
            f", at most {result.bounds[name]:.4g} with its margin" if name in result.bounds else ""
        )
        print(
            f"  predicted {prediction.ms:.4g} ms, give or take {prediction.std_ms:.2g}{margin}, "
            f"of {result.limits[name]:g} ms on {name}"
        )
        unmeasured, unlike = len(prediction.unmeasured), len(prediction.extrapolated)
        if unmeasured:
            print(f"  {unmeasured} blocks were never measured there, {unlike} are extrapolated")
    latencies = {predictor.target.key for predictor in found.predictors}
    for name, limit in result.limits.items():
        if name not in latencies and result.units[name] != "blocks":
            print(f"  {name} {result.predictions[name]:,.0f} of {limit:,.0f} {result.units[name]}")
    print(f"  {result.macs / 1e6:.4g} M MACs, {result.params / 1e6:.4g} M parameters")
    seconds = found.data["provenance"]["seconds"]
    print(
        f"  {result.evaluated:,} networks evaluated in {seconds:.2f} s by {result.strategy}, "
        f"seed {result.seed}"
    )


def show_front(found: "Found") -> None:
    """Print a front as a table, from the cheapest."""
    names = [predictor.target.key for predictor in found.predictors]
    for place, name in enumerate(names, start=1):
        print(f"ms {place}: {name}")
    heads = "".join(f"{f'ms {place}':>10}" for place in range(1, len(names) + 1))
    print(f"pick  accuracy{heads}  M MACs  M parameters  network")
    for number, result in enumerate(found.results, start=1):
        costs = "".join(f"{result.predictions[name]:>10.4g}" for name in names)
        arch = result.arch
        print(
            f"{number:>4}  {result.accuracy:>8.2%}{costs}{result.macs / 1e6:>8.4g}"
            f"{result.params / 1e6:>14.4g}  "
            f"{arch.resolution} px, depths {'-'.join(map(str, arch.depths))}"
        )
    evaluated, seconds = (
        max(r.evaluated for r in found.results),
        found.data["provenance"]["seconds"],
    )
    print(f"  {evaluated:,} networks evaluated in {seconds:.2f} s, seed {found.results[0].seed}")
