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
class Question:
    """A search for one network within one latency limit and others, and how it is measured."""

    job: SearchJob
    limit: LatencyLimit
    others: "tuple[Constraint, ...]"
    measuring: MeasuringOptions

    @property
    def predictor(self) -> "LatencyPredictor":
        """The predictor that was given."""
        return self.limit.source.predictor

    @property
    def target(self) -> "Target":
        """What is measured on."""
        return self.predictor.target

    @cached_property
    def blocks(self) -> "tuple[BlockSpec, ...]":
        """Every block of the space."""
        return self.job.space.unique_blocks()

    def limit_by(self, predictor: "LatencyPredictor") -> "Constraint":
        """The latency limit as another predictor of the same target has it."""
        source = LatencySource(predictor, known_space=self.job.space)
        return replace(self.limit, source=source).constraint(self.job.space)

    def plan(self, *, deciding: bool = False) -> SweepPlan:
        """How often networks are measured, in an iteration or to decide."""
        options, space = self.measuring, self.job.space.name
        return SweepPlan(
            loads=options.replicates * (DECIDING if deciding else 1),
            passes=options.rounds,
            seed=self.job.options.seed,
            asked=(("space", space), ("networks", "deciding" if deciding else "candidates")),
        )

    def to_json(self) -> dict[str, Any]:
        """What must be equal for measurements to be continued, as JSON values."""
        limit, source = self.limit, self.limit.source.to_json()
        asked = {
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
            "others": {one.name: one.limit for one in self.others},
            "seed": self.job.options.seed,
            "replicates": self.measuring.replicates,
            "rounds": self.measuring.rounds,
        }
        found: dict[str, Any] = json.loads(json.dumps(asked))
        return found


@dataclass(frozen=True, slots=True)
class State:
    """The folder of a loop: what it asked, a sweep of its candidates, deciding measurements."""

    folder: Path

    @property
    def candidates(self) -> Path:
        """Sweep of all candidates, a round an iteration."""
        return self.folder / "candidates.sqlite"

    @property
    def predictor(self) -> Path:
        """The predictor as the measured candidates correct it."""
        return self.folder / "predictor.parquet"

    def deciding(self, key: str) -> Path:
        """Sweep of one network's deciding measurement."""
        return self.folder / f"deciding-{key}.sqlite"

    def decided(self) -> list[Path]:
        """Deciding measurements there are, finished or not."""
        return sorted(self.folder.glob("deciding-*.sqlite"))

    def check(self, question: Question) -> None:
        """Raise where the folder holds something else, or another question; changes nothing."""
        if not self.folder.exists():
            if not self.folder.absolute().parent.is_dir():
                raise FileError(f"cannot make {self.folder}: its folder does not exist")
            return
        if not self._asked.exists():
            if not self.folder.is_dir() or any(self.folder.iterdir()):
                raise FileError(
                    f"{self.folder} is there and holds no search's measurements: name another "
                    "folder, --measured"
                )
            return
        kept = read_json(self._asked)
        if not isinstance(kept, Mapping) or kept.get("format") != FORMAT:
            raise FileError(f"{self._asked} is damaged; name another folder, --measured")
        for name, value in question.to_json().items():
            if kept.get(name) != value:
                raise InputError(
                    f"{self.folder} has measurements of a search with {_named(name, kept)}, not "
                    f"{_named(name, {name: value})}: give the same, or name another --measured"
                )

    def open(self, question: Question) -> SweepStore:
        """Open the candidates' sweep to go on, or make folder and sweep."""
        if not self._asked.exists():
            self.folder.mkdir(exist_ok=True)
            asked = {"format": FORMAT, **question.to_json()}
            write_text(self._asked, json.dumps(asked, indent=2) + "\n")
        plan = question.plan()
        if self.candidates.exists():
            return SweepStore.resume(self.candidates, question.target, plan)
        text = question.job.space.text
        return SweepStore.create(self.candidates, question.target, plan, space_toml=text)

    @property
    def _asked(self) -> Path:
        return self.folder / "search.json"


def _named(name: str, values: Mapping[str, Any]) -> str:
    words = json.dumps(values.get(name))
    return f"{name} {words if len(words) <= 60 else words[:57] + '...'}"
