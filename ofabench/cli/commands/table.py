"""`ofabench table`: build, show, import and export latency tables."""

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
ofa    look-up YAML or JSON of Once-for-All or ProxylessNAS (either style of key): for each key the
       mean, or {count, mean, std or var, unit}; the unit is ms unless stated (ns, us, ms, s);
       several files of one device are merged into one table
tfnas  CSV of TF-NAS: block,res,cin,se_mid,cout,k,s,act,mid,ms
fbnet  JSON of FBNet's layers, microseconds by operator; our blocks have no such grouped
       convolutions, so it is imported as costs by category: a prior for `fit --space onehot`
"""


def _build(options: TableBuildOptions) -> int:
    """Write the requested tables of a sweep."""
    from ofabench.workflows.latency.table_build import build_tables

    tables = build_tables(options)
    if tables.blocks is not None:
        unrunnable = len(tables.unrunnable)
        note = f"; {unrunnable} could not run" if unrunnable else ""
        print(f"{options.out}: {len(tables.blocks)} blocks of {tables.blocks.target.key}{note}")
    elif options.out is not None:
        print(f"{options.out}: not written, the sweep measured networks alone")
    if tables.networks is not None:
        print(f"{options.networks_out}: {len(tables.networks)} networks")
    return 0


def _show(options: TableShowOptions) -> int:
    """Print the contents of a table of either kind."""
    from ofabench.workflows.latency.table_show import open_table, table_json, table_text

    table = open_table(options.table)
    print(json.dumps(table_json(table)) if options.json else table_text(table, str(options.table)))
    return 0


def _import(options: TableImportOptions) -> int:
    """Import files of another format, and print a summary."""
    from latency_models.tables.table import LatencyTable
    from ofabench.workflows.latency.table_import import import_table
    from ofabench.workflows.latency.table_show import costs_head

    table = import_table(options)
    if not isinstance(table, LatencyTable):
        print(costs_head(table, str(options.out)))
        print("  use it with `ofabench fit --space onehot --prior`")
        return 0
    print(f"{options.out}: {len(table)} blocks of {table.target.key}")
    for name, value in table.provenance.items():
        if name.startswith("left_out_") and value:
            print(f"  {value} rows skipped: {name.removeprefix('left_out_').replace('_', ' ')}")
    base_ms = table.provenance.get("base_ms")
    if base_ms is not None:
        print(
            f"  {base_ms:.3f} ms for the rest of a network are stored in the provenance (base_ms)"
        )
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
            help="build tables of a sweep's blocks and networks",
            options=TableBuildOptions,
            run=_build,
        ),
        Command(
            name="show", help="show the contents of a table", options=TableShowOptions, run=_show
        ),
        Command(
            name="import",
            help="import a table of another format",
            description=_FORMATS,
            options=TableImportOptions,
            run=_import,
            raw=True,
        ),
        Command(
            name="export",
            help="export a table to another format",
            description="ofa writes look-up YAML: in ProxylessNAS's style if all blocks have "
            "ReLU6 and no squeeze-excite, else in MobileNetV3's.",
            options=TableExportOptions,
            run=_export,
        ),
    ),
)
