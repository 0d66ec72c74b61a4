"""`ofabench compare`: two latency tables, before and after a driver's update, or two devices."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ofabench.cli.arguments import add_json

if TYPE_CHECKING:
    from latency_models.evaluation.compare import Comparison

EXIT_FAILED_CHECK = 1
SHOWN = 10  # blocks that moved


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "compare",
        help="two latency tables: what moved all blocks, and what moved beside it",
        description="Exit code 1 where --fail-above is given and the second table is slower.",
    )
    parser.add_argument("first", type=Path, metavar="A.parquet")
    parser.add_argument("second", type=Path, metavar="B.parquet")
    parser.add_argument(
        "--fail-above",
        type=share,
        metavar="5%",
        help="fail where B is slower than A by more: the common level, or a block that moved",
    )
    parser.add_argument(
        "--out", type=Path, metavar="COMPARE.html", help="write a page with pictures"
    )
    add_json(parser)
    parser.set_defaults(run=run)


def share(text: str) -> float:
    """Read a share like `5%` or `0.05`."""
    number = text.removesuffix("%")
    try:
        value = float(number) / (100 if number != text else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a share like 5% or 0.05, got {text!r}")
    return value


def run(args: argparse.Namespace) -> int:
    """Print what moved; say by the exit code whether it is too much."""
    from bench.files import write_text
    from latency_models.evaluation.compare import compare_tables
    from latency_models.tables.table import LatencyTable
    from ofabench.report.comparison_words import to_json, verdict

    found = compare_tables(LatencyTable.load(args.first), LatencyTable.load(args.second))
    for difference in found.differences():
        print(f"the targets differ in {difference}: not only a version apart", file=sys.stderr)
    failures = _failures(found, args.fail_above)
    if args.out is not None:
        from ofabench.report.comparison import render_comparison

        write_text(args.out, render_comparison(found, (args.first.name, args.second.name)))
        print(f"written to {args.out}", file=sys.stderr)
    if args.json:
        import json

        told = {**to_json(found), "failures": failures}
        print(json.dumps(told, allow_nan=False))
    else:
        _show(found)
        print(f"verdict    {verdict(found)}")
        for failure in failures:
            print(f"FAILED     {failure}")
    return EXIT_FAILED_CHECK if failures else 0


def _failures(found: "Comparison", limit: float | None) -> list[str]:
    """What is slower by more than is allowed, in words."""
    from ofabench.report.comparison_words import factor, rows_of

    if limit is None:
        return []
    failures = []
    if found.level.ratio > 1 + limit:
        failures.append(
            f"the common level moved by {factor(found.level.ratio)}, allowed {limit:.1%}"
        )
    slower = found.moved[found.moved["ratio"] > 1 + limit]
    if len(slower):
        worst = max(rows_of(slower), key=lambda row: float(row.ratio))
        failures.append(
            f"{len(slower)} blocks that moved are slower by more than {limit:.1%}, most "
            f"{worst.key}: {factor(worst.ratio)}"
        )
    return failures


def _show(found: "Comparison") -> None:
    from ofabench.report.comparison_words import factor, interval, rows_of

    print(f"A          {found.first.key}")
    print(f"B          {found.second.key}")
    counts = f"{len(found.blocks)} in common"
    counts += f", {len(found.only_first)} only in A, {len(found.only_second)} only in B"
    print(f"blocks     {counts}")
    print(f"level      {factor(found.level.ratio)}{interval(found.level)}, B against A")
    if found.references is not None:
        print(f"references {factor(found.references)}")
    print("beside the level:")
    for kind, move in found.kinds.items():
        print(f"  {kind:<14}{move.blocks:>5}  {factor(move.ratio)}{interval(move)}")
    if not found.tested:
        print("  the tables have no intervals from loads: which blocks moved cannot be told")
        return
    print(
        f"  {found.outside} of {found.tested} blocks outside their 95 % intervals, "
        f"{found.expected:.0f} expected by chance; {len(found.moved)} moved for sure"
    )
    for row in rows_of(found.moved.head(SHOWN)):
        print(f"    {row.key}  {row.first_ms:.4g} to {row.second_ms:.4g} ms, {factor(row.beside)}")
    if len(found.moved) > SHOWN:
        print(f"    and {len(found.moved) - SHOWN} more, in --json and --out")
