"""The task of a search with the device in the loop, and the folder of its measurements."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import FileError, InputError
from bench.files import read_json, write_text
from bench.sweep.store import SweepStore
from bench.timing.plan import SweepPlan
from ofabench.options.measured_search import DECIDING, MeasuringOptions
from ofabench.workflows.search.job import SearchJob
from ofabench.workflows.search.latencies import LatencySource
from ofabench.workflows.search.limits import LatencyLimit

if TYPE_CHECKING:
    from bench.blocks.spec import BlockSpec
    from bench.protocol.target import Target
    from latency_models.predictors.predictor import LatencyPredictor
    from supernet.constraints.constraints import Constraint

FORMAT = "ofabench-measured-search-1"


@dataclass(frozen=True, kw_only=True)
class LoopTask:
    """Search for the best network within one latency limit and others, and how to measure it."""

    job: SearchJob
    limit: LatencyLimit
    others: "tuple[Constraint, ...]"
    measuring: MeasuringOptions

    @property
    def predictor(self) -> "LatencyPredictor":
        """Return the latency predictor of the task."""
        return self.limit.source.predictor

    @property
    def target(self) -> "Target":
        """Return the target of the measurements."""
        return self.predictor.target

    @cached_property
    def blocks(self) -> "tuple[BlockSpec, ...]":
        """Return every block of the space."""
        return self.job.space.unique_blocks()

    def limit_by(self, predictor: "LatencyPredictor") -> "Constraint":
        """Return the latency limit, with predictions of another predictor of the same target."""
        source = LatencySource(predictor, known_space=self.job.space)
        return replace(self.limit, source=source).constraint(self.job.space)

    def plan(self, *, deciding: bool = False) -> SweepPlan:
        """Return the measurement plan of an iteration, or of a deciding measurement."""
        options, space = self.measuring, self.job.space.name
        return SweepPlan(
            replicates=options.replicates * (DECIDING if deciding else 1),
            rounds=options.rounds,
            seed=self.job.options.seed,
            requested=(("space", space), ("networks", "deciding" if deciding else "candidates")),
        )

    def to_json(self) -> dict[str, Any]:
        """Return what must be equal for measurements to be continued, as JSON values."""
        limit, source = self.limit, self.limit.source.to_json()
        values = {
            "space": self.job.space.name,
            "resolutions": self.job.resolutions,
            "target": self.target.key,
            "latency": source.get("sha256"),
            "max_latency_ms": limit.max_ms,
            "confidence": limit.confidence,
            "horizon_s": limit.horizon_s,
            "limit_on": limit.limit_on,
            "session_spread": limit.session_spread,
            "accuracy": self.job.accuracy.to_json(),
            "others": {constraint.name: constraint.limit for constraint in self.others},
            "seed": self.job.options.seed,
            "replicates": self.measuring.replicates,
            "rounds": self.measuring.rounds,
        }
        result: dict[str, Any] = json.loads(json.dumps(values))
        return result


@dataclass(frozen=True, slots=True)
class LoopFolder:
    """Folder of a loop: its task, the sweep of its candidates, its deciding measurements."""

    folder: Path

    @property
    def candidates(self) -> Path:
        """Return the path of the sweep of all candidates."""
        return self.folder / "candidates.sqlite"

    @property
    def predictor(self) -> Path:
        """Return the path of the predictor as corrected by the measured candidates."""
        return self.folder / "predictor.parquet"

    def deciding(self, key: str) -> Path:
        """Return the path of one network's deciding measurement."""
        return self.folder / f"deciding-{key}.sqlite"

    def decided(self) -> list[Path]:
        """Return the files of the deciding measurements, finished or not."""
        return sorted(self.folder.glob("deciding-*.sqlite"))

    def check(self, task: LoopTask) -> None:
        """Raise if the folder belongs to another task or is no such folder; changes nothing."""
        if not self.folder.exists():
            if not self.folder.absolute().parent.is_dir():
                raise FileError(f"cannot create {self.folder}: its parent folder does not exist")
            return
        if not self._task_file.exists():
            if not self.folder.is_dir() or any(self.folder.iterdir()):
                raise FileError(
                    f"{self.folder} exists and holds no measurements of a search: name another "
                    "folder, --measured"
                )
            return
        stored = read_json(self._task_file)
        if not isinstance(stored, Mapping) or stored.get("format") != FORMAT:
            raise FileError(f"{self._task_file} is damaged; name another folder, --measured")
        for name, value in task.to_json().items():
            if stored.get(name) != value:
                raise InputError(
                    f"{self.folder} has measurements of a search with {_named(name, stored)}, not "
                    f"{_named(name, {name: value})}: give the same, or name another --measured"
                )

    def open(self, task: LoopTask) -> SweepStore:
        """Open the candidates' sweep to continue it, or create folder and sweep."""
        if not self._task_file.exists():
            self.folder.mkdir(exist_ok=True)
            values = {"format": FORMAT, **task.to_json()}
            write_text(self._task_file, json.dumps(values, indent=2) + "\n")
        plan = task.plan()
        if self.candidates.exists():
            return SweepStore.resume(self.candidates, task.target, plan)
        text = task.job.space.text
        return SweepStore.create(self.candidates, task.target, plan, space_toml=text)

    @property
    def _task_file(self) -> Path:
        return self.folder / "search.json"


def _named(name: str, values: Mapping[str, Any]) -> str:
    text = json.dumps(values.get(name))
    return f"{name} {text if len(text) <= 60 else text[:57] + '...'}"
