"""`table build`: the tables of a sweep's blocks and of its networks, both written or none."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import FileError, InputError

if TYPE_CHECKING:
    from bench.timing.measurement import Measurement


def run_build(args: argparse.Namespace) -> int:
    """Write the tables that are asked for, of what the sweep measured."""
    from bench.sweep.store import SweepStore
    from latency_models.tables.table import LatencyTable
    from ofabench.workflows.latency.networks import networks_table

    _check_paths(args.out, args.networks_out)
    with SweepStore.open(args.sweep) as store:
        measurements, asked = store.measurements(), dict(store.plan.asked)
        unrunnable = {one.key: reason for one, reason in store.unrunnable().items()}
    told: dict[str, object] = {n: asked[n] for n in ("space", "device") if n in asked}
    if args.space is not None:
        _check_space(args.space, asked.get("space"))
        if args.space.endswith(".toml"):
            told["space_file"] = args.space
    if unrunnable:
        told["unrunnable"] = unrunnable
    alone = _networks_alone(measurements, args.networks_out)
    table = networks = None
    if args.out is not None and not alone:
        table = LatencyTable.from_measurements(measurements, told)
    if args.networks_out is not None:
        networks = networks_table(measurements, args.space)
    if table is not None:
        table.save(args.out)
        left_out = f"; {len(unrunnable)} could not run" if unrunnable else ""
        print(f"{args.out}: {len(table)} blocks of {table.target.key}{left_out}")
    elif args.out is not None:
        print(f"{args.out}: not written, the sweep measured networks alone")
    if networks is not None:
        networks.save(args.networks_out)
        print(f"{args.networks_out}: {len(networks.frame)} networks")
    return 0


def _check_paths(out: Path | None, networks_out: Path | None) -> None:
    """Raise before anything is written: of two tables, either both are there or none."""
    if out is None and networks_out is None:
        raise InputError("nothing to build: give --out T.parquet, --networks-out N.parquet or both")
    if out is not None and networks_out is not None and networks_out.resolve() == out.resolve():
        raise InputError(f"--out and --networks-out are both {out}: name two files")
    for path in (out, networks_out):
        if path is not None and not path.absolute().parent.is_dir():
            raise FileError(f"cannot write {path}: its folder does not exist; make it first")


def _check_space(given: str, swept: str | None) -> None:
    """`InputError` where the given space is not the one that was swept."""
    from supernet.space.space import SearchSpace

    name = SearchSpace.load(given).name
    if swept is not None and name != swept:
        raise InputError(f"the sweep is of the space {swept!r}, --space {given} is {name!r}")


def _networks_alone(measurements: "Sequence[Measurement]", networks_out: Path | None) -> bool:
    """Whether the sweep has networks and no block; `InputError` where these were not asked for."""
    roles = {one.workload.role for one in measurements}
    alone = "network" in roles and "block" not in roles
    if alone and networks_out is None:
        raise InputError(
            "the sweep measured networks alone, no blocks: give --networks-out N.parquet "
            "instead of --out"
        )
    return alone
