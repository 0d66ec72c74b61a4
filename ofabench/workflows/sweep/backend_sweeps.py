"""`BackendSweeps`: sweeps of one space by several backends, and their table side by side."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import FileError, InputError
from bench.notebook.html_table import rows_html
from bench.protocol.backend import Backend
from ofabench.workflows.sweep.sweep_result import Sweep

if TYPE_CHECKING:
    from latency_models.tables.networks import NetworksTable
    from latency_models.tables.side_by_side import TargetsTable
    from ofabench.workflows.latency.compare import SeveralTablesComparison, TableComparison
    from ofabench.workflows.sweep.sweep_task import SweepSetup

TABLE_SUFFIXES = (".parquet", ".csv")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BackendSweeps:
    """Sweeps of the same blocks and networks by several backends, measured by turns.

    Attributes:
        sweeps: the sweep of each backend, by its name.
        table: all measured blocks, columns for each backend; None where no block was measured.
        networks: the networks that all measured, columns for each backend; None without networks.
        table_paths: the files with these tables: parquet and CSV of the blocks, parquet of the
            networks.

    Example:
        >>> import tempfile
        >>> from bench.backends.fake import FakeBackend
        >>> from ofabench.options.sweep import SweepOptions
        >>> from ofabench.workflows.sweep.sweep import sweep
        >>> class Other(FakeBackend):
        ...     name = "other"
        >>> options = SweepOptions(blocks=3, replicates=2, rounds=2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     out = f"{folder}/s.sqlite"
        ...     both = sweep("tiny", "fake", ["fake", Other()], out=out, options=options)
        ...     [path.name for path in Path(folder).iterdir() if path.suffix == ".parquet"]
        ['s.parquet']
        >>> [*both], both["other"].path.name, len(both.table)
        (['fake', 'other'], 's-other.sqlite', 3)
    """

    sweeps: Mapping[str, Sweep]
    table: "TargetsTable | None"
    networks: "NetworksTable | None"
    table_paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.sweeps)

    def __iter__(self) -> Iterator[str]:
        return iter(self.sweeps)

    def __getitem__(self, backend: str) -> Sweep:
        """Return the sweep of a backend by its name; `InputError` names those that there are."""
        if backend not in self.sweeps:
            raise InputError(f"backend is {backend!r}, expected one of {', '.join(self.sweeps)}")
        return self.sweeps[backend]

    def compare(
        self, *, fail_above: float | None = None
    ) -> "TableComparison | SeveralTablesComparison":
        """Return how the blocks on the other backends differ from those on the first.

        Args:
            fail_above: the fraction by which another may be slower; None for no limit.

        Raises:
            InputError: fewer than two backends measured blocks, or they have none in common.
        """
        from ofabench.workflows.latency.compare import compare

        tables = [] if self.table is None else [self.table]
        return compare(*tables, fail_above=fail_above)

    def to_dict(self) -> dict[str, Any]:
        """Return the sweeps and the files of the tables as values for JSON."""
        return {
            "sweeps": {name: sweep.to_dict() for name, sweep in self.sweeps.items()},
            "tables": [str(path) for path in self.table_paths],
        }

    def __repr__(self) -> str:
        return "\n".join(["BackendSweeps", *(f"  {sweep!r}" for sweep in self.sweeps.values())])

    def _repr_html_(self) -> str:
        heads = ("backend", "sweep", "blocks", "networks", "target")
        rows = [
            (
                name,
                str(sweep.path),
                str(sweep.summary.blocks),
                str(sweep.summary.networks),
                sweep.target.key,
            )
            for name, sweep in self.sweeps.items()
        ]
        return rows_html(heads, rows, left=(0, 1, 4))


def sweep_backends(setup: "SweepSetup", backends: Sequence[Backend], out: Path) -> BackendSweeps:
    """Sweep by several backends by turns, each into a file, and write their tables side by side.

    The files are `STEM-BACKEND.sqlite`, `STEM.parquet`, `STEM.csv` and, with networks,
    `STEM-networks.parquet`, for `out` `STEM.sqlite`.
    """
    from ofabench.workflows.sweep.sweep_task import measure_sweeps

    names = [backend.name for backend in backends]
    paths = [part_path(out, name) for name in names]
    block_paths, networks_path = _block_paths(out), _networks_path(out)
    _check(setup, names, paths, [*block_paths, networks_path], out)
    swept = measure_sweeps(setup, backends, paths)
    sweeps = dict(zip(names, swept, strict=True))
    table, networks = _side_by_side(swept), _networks(swept)
    written = []
    if table is not None:
        for path in block_paths:
            table.save(path)
        written += block_paths
    if networks is not None:
        networks.save(networks_path)
        written.append(networks_path)
    return BackendSweeps(sweeps=sweeps, table=table, networks=networks, table_paths=tuple(written))


def part_path(out: Path, backend: str) -> Path:
    """Return the file of one of several backends: its name is put before the suffix."""
    return out.with_name(f"{out.stem}-{backend}{out.suffix}")


def _block_paths(out: Path) -> list[Path]:
    return [out.with_suffix(suffix) for suffix in TABLE_SUFFIXES]


def _networks_path(out: Path) -> Path:
    return out.with_name(f"{out.stem}-networks.parquet")


def _check(
    setup: "SweepSetup",
    names: Sequence[str],
    paths: Sequence[Path],
    table_paths: Sequence[Path],
    out: Path,
) -> None:
    """Raise where the backends, the options or the files do not fit a sweep by turns."""
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise InputError(f"backend {twice[0]} is given twice; name each backend once")
    if setup.options.budget_s is not None:
        raise InputError(
            "--budget chooses blocks by the timings of one backend; with several give --blocks and "
            "--networks, so that all measure the same, or sweep each alone"
        )
    if out.suffix.lower() in TABLE_SUFFIXES:
        raise InputError(
            f"--out is {out}, which is where the table of all backends goes; name the sweeps, such "
            f"as {out.with_suffix('.sqlite')}"
        )
    if setup.options.resume and not any(path.exists() for path in paths):
        raise FileError(
            f"there is no sweep to resume: {paths[0]} does not exist; sweep without --resume"
        )
    existing = [path for path in table_paths if path.exists()]
    if existing and not setup.options.resume:
        raise FileError(f"{existing[0]} exists; name another --out, or remove it")


def _side_by_side(sweeps: Sequence[Sweep]) -> "TargetsTable | None":
    """Return the blocks of all sweeps that measured any, side by side; None without blocks."""
    from latency_models.tables.side_by_side import TargetsTable, target_labels

    tables = [sweep.blocks() for sweep in sweeps if sweep.summary.blocks]
    if not tables:
        return None
    labels = target_labels(tables, [table.target.backend for table in tables])
    return TargetsTable.of(dict(zip(labels, tables, strict=True)))


def _networks(sweeps: Sequence[Sweep]) -> "NetworksTable | None":
    """Return the networks that all sweeps measured; None where there are none."""
    from latency_models.tables.joined_networks import join_networks

    if not all(sweep.summary.networks for sweep in sweeps):
        return None
    joined = join_networks([sweep.networks() for sweep in sweeps])
    return joined if len(joined) else None
