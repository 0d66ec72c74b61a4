"""Networks tables of several targets joined: one row a network, columns for each target."""

from collections.abc import Sequence

from bench.errors import InputError
from latency_models.tables.networks import NetworksTable


def join_networks(tables: Sequence[NetworksTable]) -> NetworksTable:
    """Return the networks that all tables have, maybe none, with the columns of each target.

    Tables are those of `NetworksTable.from_measurements`, of one space. The provenance is what all
    have in common. `InputError` where two are of one target, or of different spaces.
    """
    first, *others = tables
    frame, targets = first.frame, dict(first.targets)
    choices = _choices(first)
    for other in others:
        (column,) = other.targets
        if column in targets:
            raise InputError(
                f"two networks tables have the column {column}: join different targets"
            )
        if (other.space, _choices(other)) != (first.space, choices):
            raise InputError(
                f"networks of {first.space} and {other.space} cannot share a table, expected one "
                "space"
            )
        frame = frame.merge(other.frame, on=choices, how="inner", validate="one_to_one")
        targets |= other.targets
    shared = {
        name: value
        for name, value in first.provenance.items()
        if all(other.provenance.get(name) == value for other in others)
    }
    return NetworksTable(frame=frame, space=first.space, targets=targets, provenance=shared)


def _choices(table: NetworksTable) -> list[str]:
    """Return the columns of a table that are no figures of its target."""
    stems = tuple(column.removesuffix("ms") for column in table.targets)
    return [str(name) for name in table.frame.columns if not str(name).startswith(stems)]
