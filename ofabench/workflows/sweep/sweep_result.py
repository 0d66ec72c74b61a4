"""`Sweep`: result of a sweep, with its figures and tables."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.notebook.html_table import facts_html
from bench.protocol.target import Target
from bench.sweep.store import SweepStore
from bench.sweep.summary import SweepSummary, summarise
from ofabench.workflows.sweep.sweep_text import sweep_facts, sweep_head

if TYPE_CHECKING:
    import pandas as pd

    from bench.drift.log import DriftLog
    from bench.notebook.plot import Plot
    from latency_models.tables.networks import NetworksTable
    from latency_models.tables.table import LatencyTable


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Sweep:
    """File of a sweep, finished or interrupted; its tables are made on request.

    `target` is the target of the measurements, `summary` their numbers and intervals.
    """

    path: Path
    target: Target
    summary: SweepSummary

    def blocks(self) -> "LatencyTable":
        """Return the table of the measured blocks, latencies in milliseconds.

        Raises:
            InputError: no block was measured.
        """
        from ofabench.workflows.latency.table_build import blocks_table

        with SweepStore.open(self.path) as store:
            return blocks_table(store)

    def networks(self) -> "NetworksTable":
        """Return the table of the measured whole networks, latencies in milliseconds.

        Raises:
            InputError: no network was measured, or the file does not hold its space.
        """
        from ofabench.workflows.latency.table_build import networks_table

        with SweepStore.open(self.path) as store:
            return networks_table(store)

    def samples(self) -> "pd.DataFrame":
        """Return every timing sample of the finished replicates, one in a row, in nanoseconds."""
        with SweepStore.open(self.path) as store:
            return store.to_frame()

    @property
    def drift_log(self) -> "DriftLog | None":
        """Latencies of its anchor networks, in the sweep and in later sessions of `drift`.

        None if it measured no whole network.
        """
        with SweepStore.open(self.path) as store:
            return store.drift_log()

    def to_dict(self) -> dict[str, Any]:
        """Return path, target and figures as values for JSON; null for a missing figure."""
        return {
            "path": str(self.path),
            "target": self.target.to_json(),
            "summary": self.summary.to_json(),
        }

    def __repr__(self) -> str:
        return f"Sweep({', '.join([str(self.path), self.target.key, *self._counts()])})"

    def __str__(self) -> str:
        lines = [f"{name:<11} {text}" for name, text in sweep_facts(self.summary)]
        return "\n".join([sweep_head(self.path, self.target, self.summary), *lines])

    def _repr_html_(self) -> str:
        head = sweep_head(self.path, self.target, self.summary)
        return facts_html(head, sweep_facts(self.summary))

    def plot(self) -> "Plot":
        """Return a chart of drift, disturbed bursts and residuals, round by round.

        Raises:
            InputError: no replicate is finished.
            MissingRuntimeError: the extra `report` is not installed.
        """
        from bench.notebook.plot import Plot, check_charts

        check_charts()
        from bench.charts.samples_over_time import drift_figure
        from bench.sweep.sweep_samples import read_samples

        samples = read_samples(self.path)
        if samples is None:
            raise InputError(f"{self.path} has no finished replicate: resume the sweep, then plot")
        return Plot(drift_figure(samples), f"Samples over time, {self.target.key}")

    def _counts(self) -> list[str]:
        counts = [f"{self.summary.blocks} blocks", f"{self.summary.networks} networks"]
        if not self.summary.complete:
            counts.append(
                f"{self.summary.replicates} of {self.summary.planned_replicates} replicates"
            )
        if math.isfinite(self.summary.median_half_width):
            counts.append(f"median half-width {self.summary.median_half_width:.1%}")
        return counts


def open_sweep(path: Path | str) -> Sweep:
    """Return an existing sweep, finished or interrupted; changes nothing on disk.

    Args:
        path: its SQLite file.

    Raises:
        FileError: it cannot be read, or is no complete sweep file.

    Example:
        >>> open_sweep("nowhere.sqlite")
        Traceback (most recent call last):
        ...
        bench.errors.FileError: cannot read nowhere.sqlite: No such file or directory
    """
    with SweepStore.open(Path(path)) as store:
        return Sweep(path=Path(path), target=store.target, summary=summarise(store))
