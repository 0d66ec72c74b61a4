"""Latency tables to compare, from what holds them."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from bench.errors import FileError, InputError
from bench.sweep.sqlite_file import HEADER

if TYPE_CHECKING:
    from latency_models.tables.side_by_side import TargetsTable
    from latency_models.tables.table import LatencyTable


@runtime_checkable
class MeasuredBlocks(Protocol):
    """A sweep: its file, and the table of its blocks."""

    @property
    def path(self) -> Path: ...

    def blocks(self) -> "LatencyTable":
        """Return the table of the measured blocks."""
        ...


TableSource: TypeAlias = "LatencyTable | TargetsTable | MeasuredBlocks | str | Path"
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

    if isinstance(source, str | os.PathLike):
        yield from _of_file(Path(source))
    elif isinstance(source, LatencyTable):
        yield "table", source
    elif isinstance(source, TargetsTable):
        yield from source.tables().items()
    elif isinstance(source, MeasuredBlocks):
        yield source.path.stem, source.blocks()
    else:
        raise InputError(
            f"the table is a {type(source).__name__}, expected a LatencyTable or its file"
        )


def _of_file(path: Path) -> "Iterator[tuple[str, LatencyTable]]":
    from latency_models.tables.side_by_side import WHAT, TargetsTable
    from latency_models.tables.storage import kind_of
    from latency_models.tables.table import LatencyTable

    if _beginning(path) == HEADER:
        yield path.stem, _blocks_of(path)
    elif kind_of(path) == WHAT:
        yield from TargetsTable.load(path).tables().items()
    else:
        yield path.stem, LatencyTable.load(path)


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(len(HEADER))
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror or error}") from error


def _blocks_of(sweep: Path) -> "LatencyTable":
    from bench.sweep.store import SweepStore
    from ofabench.workflows.latency.table_build import blocks_table

    with SweepStore.open(sweep) as store:
        return blocks_table(store)
