"""Tables that others measured, made ours: each format to its importer."""

import argparse
from typing import TYPE_CHECKING

from bench.errors import InputError
from bench.protocol.target import Target
from ofabench.workflows.latency.table_show import print_costs

if TYPE_CHECKING:
    from latency_models.tables.table import LatencyTable


def run_import(args: argparse.Namespace) -> int:
    """Read files of another format and write our table of them."""
    if args.measured_only and args.format != "tfnas":
        raise InputError(f"--measured-only is for --format tfnas, got {args.format}: leave it out")
    target = Target(
        device=args.device,
        backend=args.backend,
        backend_version="unknown",
        threads=args.threads,
        batch=args.batch,
    )
    if args.format == "fbnet":
        _import_costs(args, target)
        return 0
    table = _read(args, target)
    table.save(args.out)
    print(f"{args.out}: {len(table)} blocks of {table.target.key}")
    for name, value in table.provenance.items():
        if name.startswith("left_out_") and value:
            print(f"  {value} rows left out: {name.removeprefix('left_out_').replace('_', ' ')}")
    if table.provenance.get("base_ms") is not None:
        base = table.provenance["base_ms"]
        print(f"  {base:.3f} ms for the rest of a network are kept in the provenance (base_ms)")
    return 0


def _read(args: argparse.Namespace, target: Target) -> "LatencyTable":
    if args.format == "tfnas":
        from latency_models.formats.tfnas import from_tfnas

        return from_tfnas(args.files, target, measured_only=args.measured_only)
    from latency_models.formats.ofa import from_ofa

    return from_ofa(args.files, target)


def _import_costs(args: argparse.Namespace, target: Target) -> None:
    from latency_models.formats.fbnet import from_fbnet

    if len(args.files) != 1:
        raise InputError(f"an FBNet look-up table is one file, got {len(args.files)}")
    costs = from_fbnet(args.files[0], target)
    costs.save(args.out)
    print_costs(costs, str(args.out))
    print("  `ofabench fit --space onehot --prior` takes it")
