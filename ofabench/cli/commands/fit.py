"""`ofabench fit`: a latency predictor from blocks, from blocks and networks, or networks alone."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from ofabench.cli.arguments import add_out
from ofabench.workflows.latency.spaces import ONEHOT

if TYPE_CHECKING:
    from bench.blocks.spec import BlockSpec
    from latency_models.predictors.predictor import LatencyPredictor


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `fit`."""
    parser = subparsers.add_parser("fit", help="fit a latency predictor on what was measured")
    parser.add_argument("table", type=Path, nargs="?", metavar="T.parquet", help="latency table")
    parser.add_argument("--networks", type=Path, metavar="N.parquet", help="measured networks")
    parser.add_argument("--column", metavar="C", help="their latency; default: the only one")
    parser.add_argument(
        "--space",
        metavar="NAME|FILE.toml|onehot",
        help="default: the table names it; onehot takes columns of whole numbers as categories",
    )
    parser.add_argument(
        "--prior",
        type=Path,
        action="append",
        default=[],
        metavar="P0.parquet",
        help="with --networks alone: a predictor of another device to start from; may be repeated",
    )
    add_out(parser, "P.parquet")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Fit, say what was chosen, and write the predictor."""
    from latency_models.fitting import fit_predictor
    from latency_models.predictors.predictor import LatencyPredictor
    from latency_models.tables.networks import NetworksTable, foreign_target
    from latency_models.tables.table import LatencyTable
    from ofabench.workflows.latency.network_warnings import (
        macs_of,
        other_columns,
        sums_of_blocks,
        warn_of_networks,
    )
    from ofabench.workflows.latency.networks import space_of
    from ofabench.workflows.latency.onehot import fit_onehot

    if args.table is None and args.networks is None:
        raise InputError("nothing to fit: give a latency table, --networks N.parquet, or both")
    if args.prior and (args.networks is None or args.table is not None):
        raise InputError("--prior is for fits on --networks alone: leave the latency table out")
    if args.networks is None and (args.column or args.space):
        raise InputError("--column and --space describe a networks table: give --networks too")
    if args.space == ONEHOT:
        return fit_onehot(args)
    table = None if args.table is None else LatencyTable.load(args.table)
    blocks = measured = target = None
    told: dict[str, Any] = {}
    unique: tuple[BlockSpec, ...] = ()
    if args.networks is not None:
        networks = NetworksTable.load(args.networks)
        column = networks.column_or_only(args.column)
        measured = networks.latencies_ms(column)
        space = space_of(networks, args.space)
        codes = space.codes_of(networks.frame)
        blocks = [space.blocks(arch) for arch in space.decode(codes)]
        target = networks.target_of(column)
        source = {"column": column, "rows": len(measured), **networks.provenance}
        told = {"space": space.name, "networks": source}
        unique = space.unique_blocks()
        if table is None:
            told["references"] = networks.provenance.get("references", {})
        if target is None and table is None:
            target = foreign_target(column)
    priors = {str(path): LatencyPredictor.load(path) for path in args.prior}
    predictor = fit_predictor(
        table,
        blocks,
        measured,
        target=target,
        provenance=told,
        blocks=unique,
        priors=priors,
    )
    predictor.save(args.out)
    _print(predictor)
    print(f"{args.out}: predictor of {predictor.target.key}")
    if blocks is not None and measured is not None:
        known = {"the sums of blocks": predictor} if table is not None else priors
        baselines = {name: sums_of_blocks(one, blocks) for name, one in known.items()}
        baselines |= other_columns(networks, column)
        warn_of_networks(column, codes, measured, baselines, macs_of(blocks))
    return 0


def _print(predictor: "LatencyPredictor") -> None:
    if predictor.choices:
        print("kind          rows  form          mean error of rows left out, by form")
    for choice in predictor.choices:
        errors = ", ".join(f"{name} {error:.1%}" for name, error in choice.errors)
        told = errors or "too few rows to judge"
        print(f"{choice.kind:<13} {choice.rows:>4}  {choice.form:<13} {told}")
    chosen = predictor.composition_choice
    if chosen is not None:
        errors = ", ".join(f"{name}: {error:.1%}" for name, error in chosen.errors)
        what = "composition " if predictor.known else "base        "
        print(f"{what}  {chosen.networks:>4}  {chosen.form}; mean error when left out: {errors}")
    items = predictor.composition.to_items().items()
    print("network       " + ", ".join(f"{name} {value:.4g}" for name, value in items))
