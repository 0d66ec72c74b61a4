"""The tasks of the quickstart: their order, their files, and where each runs.

What must not share memory or measurements with the rest (sweeps, training, verification) runs in a
worker process of the launcher.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.files import write_text
from bench.options import Options
from bench.protocol.progress import Progress
from ofabench.launcher import launch
from ofabench.options.quickstart import AccuracyPart, ExportPart, TrainPart
from ofabench.options.sweep import SweepRequest
from ofabench.options.table import TableBuildOptions
from ofabench.options.verify import VerifyRequest
from ofabench.workflows.pipeline import Task
from ofabench.workflows.quickstart.local_tasks import (
    CONFIDENCE,
    HORIZON_S,
    SPACE,
    build,
    fit_latency,
    judge_latency,
    say,
    search_within,
)
from ofabench.workflows.quickstart.worker_tasks import (
    TaskResult,
    accuracy_part,
    export_part,
    train_part,
    verify_part,
)
from ofabench.workflows.sweep.sweep import sweep_part

if TYPE_CHECKING:
    from supernet.search.callbacks import Watcher

DATA = "digits"
SCHEDULE = "digits-sandwich"
FIT_NETWORKS = 20
JUDGED_NETWORKS = 40
ACCURACY_NETWORKS = 100
LIMITS = (0.2, 0.4, 0.65)  # between the smallest network's latency and the largest's
ENDS = ("smallest", "largest")
SEARCHED = tuple(f"limit-{i}" for i in range(1, len(LIMITS) + 1))
NAMES = (ENDS[0], *SEARCHED, ENDS[1])

Values = Mapping[str, Any]


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Displays:
    """What makes the progress of each kind of work; that of a default shows nothing."""

    measuring: Callable[[], Progress | None] = _nothing
    working: Callable[[], Progress | None] = _nothing
    searching: "Callable[[], Watcher | Progress | None]" = _nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class QuickstartTasks:
    """One run in one folder."""

    folder: Path
    seed: int = 0
    force: bool = False
    wait: bool = False
    displays: Displays = field(default_factory=Displays)

    @property
    def _forced(self) -> Values:
        return {"force": self.force, "wait": self.wait}

    def measuring(self) -> list[Task]:
        """Measure and fit; judge on other networks, measured by another process."""
        every = {"networks": FIT_NETWORKS, "ends": True, "seed": self.seed}
        other = {"blocks": 1, "networks": JUDGED_NETWORKS, "seed": self.seed + 1}
        return [
            *self._swept("every block and some networks", every, "blocks", "networks"),
            self._fitted(),
            *self._swept("other networks", other, "judged-blocks", "judged"),
            self._judged(),
        ]

    def _swept(self, what: str, how: Values, blocks: str, networks: str) -> list[Task]:
        store = self.folder / f"{networks}.sqlite"
        tables = [self.folder / f"{name}.parquet" for name in (blocks, networks)]
        values = {
            "space": SPACE,
            "device": "cpu",
            "backend": "onnx",
            **how,
            **self._forced,
            "resume": store.exists(),
            "out": store,
        }
        built = {"sweep": store, "out": tables[0], "networks_out": tables[1]}
        return [
            Task(
                title=f"measure this CPU: {what}",
                command="sweep",
                options=values,
                makes=tables[1],
                work=lambda: self._sweep(SweepRequest.read(values)),
            ),
            Task(
                title="make its tables",
                command="table build",
                options=built,
                makes=tables[1],
                work=lambda: build(TableBuildOptions.read(built)),
            ),
        ]

    def _sweep(self, request: SweepRequest) -> None:
        from ofabench.workflows.sweep.sweep_result import open_sweep
        from ofabench.workflows.sweep.sweep_text import sweep_lines

        launch(sweep_part, request, progress=self.displays.measuring())
        say("\n".join(sweep_lines(open_sweep(request.out))))

    def _fitted(self) -> Task:
        latency = self.folder / "latency.parquet"
        table, networks = self.folder / "blocks.parquet", self.folder / "networks.parquet"
        return Task(
            title="fit the latency predictor",
            command="fit",
            options={"table": table, "networks": networks, "out": latency},
            makes=latency,
            work=lambda: fit_latency(table, networks, latency),
        )

    def _judged(self) -> Task:
        latency, evaluation = self.folder / "latency.parquet", self.folder / "evaluation.json"
        networks = self.folder / "judged.parquet"
        return Task(
            title="hold it against networks it never saw, measured by another process",
            command="evaluate",
            options={"predictor": latency, "networks": networks, "json": True},
            makes=evaluation,
            work=lambda: judge_latency(latency, networks, evaluation),
        )

    def write_ends(self) -> tuple[float, ...]:
        """Write the smallest and the largest network's lines; return the limits between, in ms."""
        from latency_models.predictors.predictor import LatencyPredictor
        from supernet.space.space import SearchSpace

        space = SearchSpace.load(SPACE)
        predictor = LatencyPredictor.load(self.folder / "latency.parquet")
        ends = (space.smallest(), space.largest())
        for name, arch in zip(ENDS, ends, strict=True):
            write_text(self.folder / f"{name}.json", space.to_line(arch) + "\n")
        low_ms, high_ms = (predictor.predict(space.blocks(arch)).ms for arch in ends)
        return tuple(round(low_ms + share * (high_ms - low_ms), 4) for share in LIMITS)

    def training(self) -> list[Task]:
        """Train the supernet, and learn which of its networks are accurate."""
        supernet, words = self.folder / "supernet.safetensors", self.folder / "training.txt"
        accuracy = self.folder / "accuracy.parquet"
        trained = {
            "space": SPACE,
            "data": DATA,
            "schedule": SCHEDULE,
            "seed": self.seed,
            "resume": supernet.exists(),
            "out": supernet,
        }
        learnt = {"checkpoint": supernet, "networks": ACCURACY_NETWORKS, "out": accuracy}
        return [
            Task(
                title="train the supernet by the sandwich rule",
                command="train",
                options=trained,
                makes=words,
                work=lambda: write_text(
                    words, self._work(train_part, TrainPart.read(trained)).words + "\n"
                ),
            ),
            Task(
                title="measure sub-networks on validation images, fit an accuracy predictor",
                command="accuracy",
                options=learnt,
                makes=accuracy,
                work=lambda: self._work(accuracy_part, AccuracyPart.read(learnt)),
            ),
        ]

    def searching(self, limits_ms: tuple[float, ...]) -> list[Task]:
        """Search within each limit."""
        return [self._searched(*one) for one in zip(SEARCHED, limits_ms, strict=True)]

    def _searched(self, name: str, limit_ms: float) -> Task:
        out = self.folder / f"{name}.json"
        values = {
            "space": SPACE,
            "accuracy": str(self.folder / "accuracy.parquet"),
            "latency": (self.folder / "latency.parquet",),
            "max_latency_ms": (limit_ms,),
            "confidence": CONFIDENCE,
            "horizon_s": HORIZON_S,
            "seed": self.seed,
            "out": out,
        }
        return Task(
            title=f"the most accurate network within {limit_ms} ms",
            command="search",
            options=values,
            makes=out,
            work=lambda: search_within(
                self.folder, name, limit_ms, seed=self.seed, progress=self.displays.searching()
            ),
        )

    def shipping(self, name: str) -> list[Task]:
        """Export one network, measure the file, judge it on test images."""
        model, verdict = self.folder / f"{name}.onnx", self.folder / f"{name}.verified.json"
        arch = self.folder / f"{name}.json"
        exported = {
            "checkpoint": self.folder / "supernet.safetensors",
            "arch": str(arch),
            "format": "onnx",
            "out": model,
        }
        verified = {
            "model": model,
            "latency": self.folder / "latency.parquet",
            **({"result": arch} if name in SEARCHED else {}),
            "data": DATA,
            **self._forced,
            "out": verdict,
        }
        return [
            Task(
                title=f"export the {name} network",
                command="export",
                options=exported,
                makes=model,
                work=lambda: self._work(export_part, ExportPart.read(exported)),
            ),
            Task(
                title=f"measure the {name} network's file, judge it on test images",
                command="verify",
                options=verified,
                makes=verdict,
                work=lambda: self._verify(VerifyRequest.read(verified)),
            ),
        ]

    def _verify(self, request: VerifyRequest) -> None:
        done = self._work(verify_part, request, self.displays.measuring())
        if done.failed:
            say("    a check failed, which counts; measured once more, shown beside it")
            self._work(verify_part, request, self.displays.measuring())

    def reporting(self, report: Callable[[Path, Path], str]) -> Task:
        """Write the report by a function of the folder and the page that returns its words."""
        page = self.folder / "report.html"
        return Task(
            title="report",
            command="report",
            options={"given": (self.folder,), "out": page},
            makes=page,
            work=lambda: say(report(self.folder, page)),
        )

    def _work(
        self,
        part: Callable[[Any, Progress], TaskResult],
        options: Options,
        progress: Progress | None = None,
    ) -> TaskResult:
        """Run a part in a worker process, and say what it came to."""
        done = TaskResult(**launch(part, options, progress=progress or self.displays.working()))
        say(done.words)
        return done
