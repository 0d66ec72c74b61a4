"""Latency tables to compare, from what holds them."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from bench.errors import InputError

if TYPE_CHECKING:
    from latency_models.tables.side_by_side import TargetsTable
    from latency_models.tables.table import LatencyTable
    from ofabench.workflows.sweep.sweep_result import Sweep

TableSource: TypeAlias = "LatencyTable | TargetsTable | Sweep | str | Path"
"""A latency table, several side by side, a sweep, or the file of one of them."""


def compared_tables(sources: Sequence[TableSource]) -> "dict[str, LatencyTable]":
    """Return the tables by a label that differs for each, in the given order.

    Raises:
        InputError: there are fewer than two tables.
        FileError: a file cannot be read, or holds something else.
    """
    from latency_models.tables.side_by_side import target_labels

    named = [each for source in sources for each in _tables(source)]
    if len(named) < 2:
        raise InputError(
            f"got {len(named)} latency tables to compare, expected two or more: name another file"
        )
    names, tables = zip(*named, strict=True)
    return dict(zip(target_labels(tables, names), tables, strict=True))


def _tables(source: Any) -> "Iterator[tuple[str, LatencyTable]]":
    """Yield the tables of a source, each with a name."""
    from latency_models.tables.side_by_side import TargetsTable
    from latency_models.tables.table import LatencyTable
    from ofabench.workflows.sweep.sweep_result import Sweep

    if isinstance(source, str | os.PathLike):
        yield from _of_file(Path(source))
    elif isinstance(source, LatencyTable):
        yield "table", source
    elif isinstance(source, TargetsTable):
        yield from source.tables().items()
    elif isinstance(source, Sweep):
        yield source.path.stem, source.blocks()
    else:
        raise InputError(
            f"the table is a {type(source).__name__}, expected a LatencyTable or its file"
        )


def _of_file(path: Path) -> "Iterator[tuple[str, LatencyTable]]":
    from latency_models.tables.side_by_side import WHAT, TargetsTable
    from latency_models.tables.storage import kind_of
    from latency_models.tables.table import LatencyTable
    from ofabench.workflows.measure.compared_measurement import is_sqlite
    from ofabench.workflows.sweep.sweep_result import open_sweep

    if is_sqlite(path):
        yield path.stem, open_sweep(path).blocks()
    elif kind_of(path) == WHAT:
        yield from TargetsTable.load(path).tables().items()
    else:
        yield path.stem, LatencyTable.load(path)
