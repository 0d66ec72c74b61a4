"""`ofabench table`: latency tables from sweeps; shown, exported, imported."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import FileError, InputError
from ofabench.arguments import add_json, add_out, positive_int

if TYPE_CHECKING:
    from latency_models.table import LatencyTable


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `table` and its actions."""
    parser = subparsers.add_parser("table", help="latency tables: build, show, import, export")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    build = actions.add_parser("build", help="make tables of a sweep's blocks and networks")
    build.add_argument("sweep", type=Path, metavar="SWEEP.sqlite")
    add_out(build, "T.parquet")
    build.add_argument("--networks-out", type=Path, metavar="N.parquet")
    build.add_argument("--space", metavar="NAME|FILE.toml", help="where it is not a shipped one")
    build.set_defaults(run=_build)

    show = actions.add_parser("show", help="say what a table holds")
    show.add_argument("table", type=Path, metavar="T.parquet")
    add_json(show)
    show.set_defaults(run=_show)

    importer = actions.add_parser("import", help="make a table of one in another format")
    importer.add_argument("files", type=Path, nargs="+", metavar="F.yaml")
    importer.add_argument("--format", required=True, choices=("ofa",))
    importer.add_argument("--device", required=True, help="what it was measured on, like note10")
    importer.add_argument("--backend", required=True, help="what it ran on, like tflite")
    importer.add_argument("--threads", type=positive_int, default=1)
    importer.add_argument("--batch", type=positive_int, default=1)
    add_out(importer, "T.parquet")
    importer.set_defaults(run=_import)

    export = actions.add_parser("export", help="write a table in another format")
    export.add_argument("table", type=Path, metavar="T.parquet")
    export.add_argument("--format", required=True, choices=("csv", "ofa"))
    export.add_argument("--out", type=Path, metavar="FILE", help="instead of standard output")
    export.set_defaults(run=_export)


def _build(args: argparse.Namespace) -> int:
    from bench.store import SweepStore
    from latency_models.table import LatencyTable
    from ofabench.networks import networks_table

    if args.networks_out is not None and args.networks_out.resolve() == args.out.resolve():
        raise InputError(f"--out and --networks-out are both {args.out}: name two files")
    for path in (args.out, args.networks_out):
        # Told before anything is written: of two tables, either both are there or none.
        if path is not None and not path.absolute().parent.is_dir():
            raise FileError(f"cannot write {path}: its folder does not exist; make it first")
    with SweepStore.open(args.sweep) as store:
        measurements, asked = store.measurements(), dict(store.plan.asked)
        unrunnable = {one.key: reason for one, reason in store.unrunnable().items()}
    told: dict[str, object] = {n: asked[n] for n in ("space", "device") if n in asked}
    if unrunnable:
        told["unrunnable"] = unrunnable
    table = LatencyTable.from_measurements(measurements, told)
    networks = None
    if args.networks_out is not None:
        networks = networks_table(measurements, args.space)
    table.save(args.out)
    left_out = f"; {len(unrunnable)} could not run" if unrunnable else ""
    print(f"{args.out}: {len(table)} blocks of {table.target.key}{left_out}")
    if networks is not None:
        networks.save(args.networks_out)
        print(f"{args.networks_out}: {len(networks.frame)} networks")
    return 0


def _show(args: argparse.Namespace) -> int:
    import json

    from latency_models.table import LatencyTable

    table = LatencyTable.load(args.table)
    if args.json:
        told = {
            "target": table.target.to_json(),
            "provenance": dict(table.provenance),
            "blocks": len(table),
            "unsettled": int((~table.rows["settled"]).sum()),
            "kinds": table.rows["kind"].value_counts().sort_index().to_dict(),
            "sizes": sorted({spec.in_size for spec in table.specs}),
        }
        print(json.dumps(told))
    else:
        _print(table)
    return 0


def _print(table: "LatencyTable") -> None:
    rows = table.rows
    print(f"target      {table.target.key}")
    for name, value in table.provenance.items():
        told = value
        if isinstance(value, dict):
            told = ", ".join(f"{key}={one}" for key, one in value.items() if one is not None)
        print(f"{name:<11} {told}")
    print(f"blocks      {len(rows)}, {int((~rows['settled']).sum())} of them never settled")
    width = (rows["high_ms"] - rows["low_ms"]) / 2 / rows["latency_ms"]
    if width.notna().any():
        print(f"intervals   half-width {width.median():.1%} in the median, 95 % of loads")
    by_kind = rows.groupby("kind")["latency_ms"].agg(["count", "min", "median", "max"])
    print(
        by_kind.rename(columns=lambda name: name if name == "count" else f"{name}_ms").to_string()
    )


def _import(args: argparse.Namespace) -> int:
    from bench.spec import Target
    from latency_models.ofa_format import from_ofa

    target = Target(
        device=args.device,
        backend=args.backend,
        backend_version="unknown",
        threads=args.threads,
        batch=args.batch,
    )
    table = from_ofa(args.files, target)
    table.save(args.out)
    print(f"{args.out}: {len(table)} blocks of {table.target.key}")
    return 0


def _export(args: argparse.Namespace) -> int:
    from bench.files import write_text
    from latency_models.table import LatencyTable

    table = LatencyTable.load(args.table)
    if args.format == "csv":
        text = table.rows.to_csv(index=False)
    else:
        from latency_models.ofa_format import to_ofa

        text = to_ofa(table)
    if args.out is None:
        sys.stdout.write(text)
    else:
        write_text(args.out, text)
    return 0
