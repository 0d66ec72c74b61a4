"""`ofabench table`: latency tables from sweeps; shown, exported, imported."""

import argparse
import sys
from pathlib import Path

from ofabench.cli.arguments import add_json, add_out, positive_int
from ofabench.workflows.latency.table_build import run_build
from ofabench.workflows.latency.table_import import run_import
from ofabench.workflows.latency.table_show import rows_of, run_show

_FORMATS = """\
ofa    look-up YAML or JSON of Once-for-All or ProxylessNAS (either style of key): by key the mean,
       or {count, mean, std or var, unit}; ms where no unit is stated (ns, us, ms, s); several files
       of one device make one table
tfnas  CSV of TF-NAS: block,res,cin,se_mid,cout,k,s,act,mid,ms
fbnet  JSON of FBNet's layers, microseconds by operator; no block of ours has its grouped
       convolutions, so it becomes costs by category: a prior for `fit --space onehot`
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `table` and its actions."""
    parser = subparsers.add_parser("table", help="latency tables: build, show, import, export")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    build = actions.add_parser("build", help="make tables of a sweep's blocks and networks")
    build.add_argument("sweep", type=Path, metavar="SWEEP.sqlite")
    build.add_argument("--out", type=Path, metavar="T.parquet", help="table of the blocks")
    build.add_argument(
        "--networks-out",
        type=Path,
        metavar="N.parquet",
        help="table of the networks; enough by itself, as for a sweep with --blocks 0",
    )
    build.add_argument("--space", metavar="FILE.toml", help="of a space that is not a shipped one")
    build.set_defaults(run=run_build)

    show = actions.add_parser("show", help="say what a table holds")
    show.add_argument("table", type=Path, metavar="T.parquet")
    add_json(show)
    show.set_defaults(run=run_show)

    importer = actions.add_parser(
        "import",
        help="make a table of one in another format",
        description=_FORMATS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    importer.add_argument("files", type=Path, nargs="+", metavar="FILE")
    importer.add_argument("--format", required=True, choices=("ofa", "tfnas", "fbnet"))
    importer.add_argument("--device", required=True, help="what it was measured on, like note10")
    importer.add_argument("--backend", required=True, help="what it ran on, like tflite")
    importer.add_argument("--threads", type=positive_int, default=1)
    importer.add_argument("--batch", type=positive_int, default=1)
    importer.add_argument(
        "--measured-only", action="store_true", help="tfnas: leave interpolated widths out"
    )
    add_out(importer, "T.parquet")
    importer.set_defaults(run=run_import)

    export = actions.add_parser("export", help="write a table in another format")
    export.add_argument("table", type=Path, metavar="T.parquet")
    export.add_argument("--format", required=True, choices=("csv", "ofa"))
    export.add_argument("--out", type=Path, metavar="FILE", help="instead of standard output")
    export.description = (
        "ofa writes look-up YAML: ProxylessNAS's style where every block is of ReLU6 without "
        "squeeze-excite, else MobileNetV3's."
    )
    export.set_defaults(run=_export)


def _export(args: argparse.Namespace) -> int:
    from bench.files import write_text

    if args.format == "csv":
        text = rows_of(args.table).to_csv(index=False)
    else:
        from latency_models.formats.ofa import to_ofa
        from latency_models.tables.table import LatencyTable

        text = to_ofa(LatencyTable.load(args.table))
    if args.out is None:
        sys.stdout.write(text)
    else:
        write_text(args.out, text)
    return 0
