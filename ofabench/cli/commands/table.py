"""`ofabench table`: latency tables from sweeps; shown, exported, imported."""

import json
import sys

from ofabench.cli.derived.command import Command, CommandGroup
from ofabench.options.table import (
    TableBuildOptions,
    TableExportOptions,
    TableImportOptions,
    TableShowOptions,
)

_FORMATS = """\
ofa    look-up YAML or JSON of Once-for-All or ProxylessNAS (either style of key): by key the mean,
       or {count, mean, std or var, unit}; ms where no unit is stated (ns, us, ms, s); several files
       of one device make one table
tfnas  CSV of TF-NAS: block,res,cin,se_mid,cout,k,s,act,mid,ms
fbnet  JSON of FBNet's layers, microseconds by operator; no block of ours has its grouped
       convolutions, so it becomes costs by category: a prior for `fit --space onehot`
"""


def _build(options: TableBuildOptions) -> int:
    """Write the tables that are asked for, of what the sweep measured."""
    from ofabench.workflows.latency.table_build import build_tables

    built = build_tables(options)
    if built.blocks is not None:
        unrunnable = len(built.unrunnable)
        left_out = f"; {unrunnable} could not run" if unrunnable else ""
        print(f"{options.out}: {len(built.blocks)} blocks of {built.blocks.target.key}{left_out}")
    elif options.out is not None:
        print(f"{options.out}: not written, the sweep measured networks alone")
    if built.networks is not None:
        print(f"{options.networks_out}: {len(built.networks)} networks")
    return 0


def _show(options: TableShowOptions) -> int:
    """Print what a table of either kind holds."""
    from ofabench.workflows.latency.table_show import open_table, table_json, table_text

    table = open_table(options.table)
    print(json.dumps(table_json(table)) if options.json else table_text(table, str(options.table)))
    return 0


def _import(options: TableImportOptions) -> int:
    """Read files of another format, and say what became of them."""
    from latency_models.tables.table import LatencyTable
    from ofabench.workflows.latency.table_import import import_table
    from ofabench.workflows.latency.table_show import costs_head

    table = import_table(options)
    if not isinstance(table, LatencyTable):
        print(costs_head(table, str(options.out)))
        print("  `ofabench fit --space onehot --prior` takes it")
        return 0
    print(f"{options.out}: {len(table)} blocks of {table.target.key}")
    for name, value in table.provenance.items():
        if name.startswith("left_out_") and value:
            print(f"  {value} rows left out: {name.removeprefix('left_out_').replace('_', ' ')}")
    base_ms = table.provenance.get("base_ms")
    if base_ms is not None:
        print(f"  {base_ms:.3f} ms for the rest of a network are kept in the provenance (base_ms)")
    return 0


def _export(options: TableExportOptions) -> int:
    """Write a table in another format."""
    from bench.files import write_text
    from ofabench.workflows.latency.table_show import export_text

    text = export_text(options.table, options.format)
    if options.out is None:
        sys.stdout.write(text)
    else:
        write_text(options.out, text)
    return 0


COMMAND = CommandGroup(
    name="table",
    help="latency tables: build, show, import, export",
    commands=(
        Command(
            name="build",
            help="make tables of a sweep's blocks and networks",
            options=TableBuildOptions,
            run=_build,
        ),
        Command(name="show", help="say what a table holds", options=TableShowOptions, run=_show),
        Command(
            name="import",
            help="make a table of one in another format",
            description=_FORMATS,
            options=TableImportOptions,
            run=_import,
            raw=True,
        ),
        Command(
            name="export",
            help="write a table in another format",
            description="ofa writes look-up YAML: ProxylessNAS's style where every block is of "
            "ReLU6 without squeeze-excite, else MobileNetV3's.",
            options=TableExportOptions,
            run=_export,
        ),
    ),
)
