"""Tables built from a sweep: of its blocks, and of its networks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import FileError, InputError
from ofabench.options.table import TableBuildOptions
from ofabench.workflows.latency.stored_space import StoredSpace, space_provenance, stored_space

if TYPE_CHECKING:
    from bench.sweep.store import SweepStore
    from bench.timing.measurement import Measurement
    from latency_models.tables.networks import NetworksTable
    from latency_models.tables.table import LatencyTable


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepTables:
    """Tables of a sweep; None if nothing of a kind was measured, or if not requested.

    `unrunnable` has the reason for each workload that the device could not run.
    """

    blocks: "LatencyTable | None"
    networks: "NetworksTable | None"
    unrunnable: Mapping[str, str]


def build_tables(options: TableBuildOptions) -> SweepTables:
    """Write the requested tables of a sweep: all of them or none.

    Args:
        options: the sweep, and the files to write.

    Returns:
        The written tables; without one of blocks if no block was measured.

    Raises:
        InputError: nothing was measured, or the given space is not the sweep's.
        FileError: a file cannot be read or written.
    """
    from bench.sweep.store import SweepStore

    out, networks_out = options.out, options.networks_out
    _check_folders(out, networks_out)
    with SweepStore.open(options.sweep) as store:
        measurements = store.measurements()
        roles = {measurement.workload.role for measurement in measurements}
        networks_only = "network" in roles and "block" not in roles
        if networks_only and networks_out is None:
            raise InputError(
                "the sweep measured networks alone, no blocks: give --networks-out N.parquet "
                "instead of --out"
            )
        tables = SweepTables(
            blocks=None
            if out is None or networks_only
            else _blocks(store, measurements, options.space),
            networks=None
            if networks_out is None
            else _networks(store, measurements, options.space),
            unrunnable=_unrunnable(store),
        )
    if tables.blocks is not None and out is not None:
        tables.blocks.save(out)
    if tables.networks is not None and networks_out is not None:
        tables.networks.save(networks_out)
    return tables


def blocks_table(store: "SweepStore", space: str | None = None) -> "LatencyTable":
    """Return the table of a sweep's blocks.

    Args:
        store: the sweep.
        space: its name or TOML file, for older sweeps without it.

    Raises:
        InputError: no block was measured, or `space` is not that of the sweep.
    """
    return _blocks(store, store.measurements(), space)


def networks_table(store: "SweepStore", space: str | None = None) -> "NetworksTable":
    """Return the table of a sweep's whole networks, from their labels.

    Args:
        store: the sweep.
        space: its name or TOML file, for older sweeps without it.

    Raises:
        InputError: no network was measured, the space is unknown, or `space` is another.
    """
    return _networks(store, store.measurements(), space)


def sweep_space(store: "SweepStore", name: str | None = None) -> StoredSpace:
    """Return the space of a sweep; `name` is that of its networks, if it has any."""
    from supernet.space.space import space_names

    name = name or dict(store.plan.requested).get("space")
    toml = None if name in space_names() else store.space_toml
    return stored_space({"space": name, "space_toml": toml}, "the sweep")


def _blocks(
    store: "SweepStore", measurements: "Sequence[Measurement]", space: str | None
) -> "LatencyTable":
    from latency_models.tables.table import LatencyTable

    facts, agreed = dict(store.plan.requested), sweep_space(store).agreed(space)
    provenance: dict[str, Any] = {n: facts[n] for n in ("space", "device") if n in facts}
    if agreed is not None:
        provenance |= space_provenance(agreed)
    if space is not None and space.endswith(".toml"):
        provenance["space_file"] = space
    unrunnable = _unrunnable(store)
    if unrunnable:
        provenance["unrunnable"] = unrunnable
    provenance |= _drift(store, measurements)
    return LatencyTable.from_measurements(measurements, provenance, store.energies())


def _networks(
    store: "SweepStore", measurements: "Sequence[Measurement]", space: str | None
) -> "NetworksTable":
    from latency_models.tables.networks import NetworksTable
    from supernet.space.space import parse_line
    from supernet.verification.drift import references_ms

    networks = [item for item in measurements if item.workload.role == "network"]
    if not networks:
        raise InputError("the sweep holds no whole networks: sweep with --networks N")
    lines = [parse_line(item.workload.label) for item in networks]
    names = {name for name, _ in lines}
    if len(names) > 1:
        raise InputError(f"the networks are of several spaces: {', '.join(sorted(names))}")
    stored = sweep_space(store, *names)
    agreed = stored.agreed(space)
    if agreed is None:
        raise InputError(
            f"the sweep is older and has the space {stored.name!r}, which ofabench does not ship: "
            "give the space's file, --space FILE.toml"
        )
    frame = agreed.to_frame([arch for _, arch in lines])
    table = NetworksTable.from_measurements(
        frame, networks, agreed.name, references_ms(measurements), store.energies()
    )
    # The table stores its space, so that it does not depend on the file.
    provenance = {**table.provenance, **space_provenance(agreed), **_drift(store, measurements)}
    return replace(table, provenance=provenance)


def _drift(store: "SweepStore", measurements: "Sequence[Measurement]") -> dict[str, Any]:
    """The drift log as provenance; empty if no network was measured."""
    from latency_models.drift.provenance import DRIFT

    log = store.drift_log(measurements)
    return {} if log is None else {DRIFT: log.to_json()}


def _check_folders(*paths: Path | None) -> None:
    """Raise before anything is written: either both tables are written or none."""
    for path in paths:
        if path is not None and not path.absolute().parent.is_dir():
            raise FileError(f"cannot write {path}: its folder does not exist; make it first")


def _unrunnable(store: "SweepStore") -> dict[str, str]:
    return {workload.key: reason for workload, reason in store.unrunnable().items()}
