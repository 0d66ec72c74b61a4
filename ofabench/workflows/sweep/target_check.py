"""Self-check of one target: two sweeps, a fit on the first, an evaluation on the second.

Each sweep has its own process, so that effects of a single process do not look repeatable.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.files import write_text
from bench.protocol.progress import Progress
from ofabench.launcher import launch
from ofabench.options.device import DeviceOptions
from ofabench.options.sweep import SweepOptions, SweepRequest
from ofabench.workflows.pipeline import Task
from ofabench.workflows.sweep.sweep import sweep_part

if TYPE_CHECKING:
    from latency_models.evaluation.additivity import Additivity


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSize:
    """Numbers of blocks (None for all), networks, replicates and rounds of a check."""

    space: str = "ofa-mbv3-w1.0"
    blocks: int | None = None
    fit_networks: int = 20
    test_networks: int = 300
    loads: int = 6
    rounds: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetCheck:
    """Check of one target, with its files in `folder`.

    `sweep` has batch, precision and threads, and whether others may use the device.
    """

    folder: Path
    name: str
    device: DeviceOptions
    backend: str
    sweep: SweepOptions
    size: CheckSize

    def at(self, name: str) -> Path:
        """Return the path of a file of this check."""
        return self.folder / f"{self.name}-{name}"

    def tasks(self, progress: Callable[[], Progress | None] = lambda: None) -> list[Task]:
        """Return the tasks in order; `progress` returns the display of a sweep."""
        return [
            *self._swept("first", self.first_sweep(), progress),
            *self._swept("second", self.second_sweep(), progress),
            self._fitted(),
            self._judged(),
        ]

    def first_sweep(self) -> SweepRequest:
        """Return the sweep for the fit."""
        return self._request("first", self.size.fit_networks, seed=0, ends=True)

    def second_sweep(self) -> SweepRequest:
        """Return the sweep for the evaluation."""
        return self._request("second", self.size.test_networks, seed=1, ends=False)

    def figures(self) -> dict[str, Any]:
        """Read the figures from the tasks' files."""
        from bench.sweep.repeatability import compare_sweeps
        from bench.sweep.store import SweepStore
        from bench.sweep.summary import summarise

        stores = [self.at("first.sqlite"), self.at("second.sqlite")]
        with SweepStore.open(stores[0]) as store:
            summary, target = summarise(store), store.target
        return {
            "target": target.to_json(),
            "sweep": summary.to_json(),
            "repeatability": compare_sweeps(*stores),
            "networks": json.loads(self.at("evaluation.json").read_text()),
            "additivity": [asdict(item) for item in self._additivity()],
        }

    def _request(self, name: str, networks: int, *, seed: int, ends: bool) -> SweepRequest:
        size = self.size
        return SweepRequest(
            space=size.space,
            device=self.device,
            backend=(self.backend,),
            sweep=replace(
                self.sweep,
                blocks=size.blocks,
                networks=networks,
                seed=seed,
                ends=ends,
                replicates=size.loads,
                rounds=size.rounds,
            ),
            out=self.at(f"{name}.sqlite"),
        )

    def _swept(
        self, name: str, request: SweepRequest, progress: Callable[[], Progress | None]
    ) -> list[Task]:
        from ofabench.options.table import TableBuildOptions
        from ofabench.workflows.latency.table_build import build_tables

        table, networks = self.at(f"{name}.parquet"), self.at(f"{name}-networks.parquet")
        resumed = replace(request, sweep=replace(request.sweep, resume=request.out.exists()))
        tables = TableBuildOptions(sweep=request.out, out=table, networks_out=networks)
        return [
            Task(
                title=f"{self.name}: {name} sweep",
                command="sweep",
                options={field: getattr(resumed, field) for field in _REQUEST_FIELDS},
                makes=table,
                work=lambda: launch(sweep_part, resumed, progress=progress()),
            ),
            Task(
                title=f"{self.name}: {name} tables",
                command="table build",
                options={"sweep": request.out, "out": table, "networks_out": networks},
                makes=table,
                work=lambda: build_tables(tables),
            ),
        ]

    def _fitted(self) -> Task:
        from ofabench.workflows.latency.fit import fit

        table, networks = self.at("first.parquet"), self.at("first-networks.parquet")
        predictor = self.at("predictor.parquet")
        return Task(
            title=f"{self.name}: fit",
            command="fit",
            options={"table": table, "networks": networks, "out": predictor},
            makes=predictor,
            work=lambda: fit(table, networks).save(predictor),
        )

    def _judged(self) -> Task:
        predictor, networks = self.at("predictor.parquet"), self.at("second-networks.parquet")
        return Task(
            title=f"{self.name}: evaluate",
            command="evaluate",
            options={"predictor": predictor, "networks": networks, "json": True},
            makes=self.at("evaluation.json"),
            work=lambda: self._judge(predictor, networks),
        )

    def _judge(self, predictor: Path, networks: Path) -> None:
        from ofabench.workflows.latency.predictor import load_predictor

        figures = load_predictor(predictor).evaluate(networks).to_dict()
        write_text(self.at("evaluation.json"), json.dumps(figures) + "\n")

    def _additivity(self) -> "list[Additivity]":
        from latency_models.evaluation.additivity import additivity
        from latency_models.tables.networks import NetworksTable
        from latency_models.tables.table import LatencyTable
        from ofabench.workflows.latency.networks import space_of

        if self.size.blocks is not None:  # most networks have a block that was not measured
            return []
        table = LatencyTable.load(self.at("first.parquet"))
        networks = NetworksTable.load(self.at("first-networks.parquet"))
        space = space_of(networks, self.size.space)
        blocks = [space.blocks(arch) for arch in space.from_frame(networks.frame)]
        return additivity(table, blocks, networks.latencies_ms(networks.column_or_only(None)))


_REQUEST_FIELDS = ("space", "device", "backend", "sweep", "out")
