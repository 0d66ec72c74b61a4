"""Tasks of the quickstart: their order, their files, and where each runs.

Tasks that must not share memory with the rest (sweeps, training, verification) run in worker
processes.
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
    """Functions that return the display of each kind of work; the defaults show nothing."""

    measuring: Callable[[], Progress | None] = _nothing
    training: Callable[[], Progress | None] = _nothing
    working: Callable[[], Progress | None] = _nothing
    searching: "Callable[[], Watcher | Progress | None]" = _nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class QuickstartTasks:
    """Tasks of one run of the quickstart in one folder."""

    folder: Path
    seed: int = 0
    force: bool = False
    wait: bool = False
    displays: Displays = field(default_factory=Displays)

    @property
    def _forced(self) -> Values:
        return {"force": self.force, "wait": self.wait}

    def measuring(self) -> list[Task]:
        """Return the tasks that measure and fit, and evaluate on networks of another process."""
        every = {"networks": FIT_NETWORKS, "ends": True, "seed": self.seed}
        other = {"blocks": 1, "networks": JUDGED_NETWORKS, "seed": self.seed + 1}
        return [
            *self._swept("every block and some networks", every, "blocks", "networks"),
            self._fitted(),
            *self._swept("other networks", other, "judged-blocks", "judged"),
            self._judged(),
        ]

    def _swept(self, title: str, own: Values, blocks: str, networks: str) -> list[Task]:
        store = self.folder / f"{networks}.sqlite"
        tables = [self.folder / f"{name}.parquet" for name in (blocks, networks)]
        values = {
            "space": SPACE,
            "device": "cpu",
            "backend": "onnx",
            **own,
            **self._forced,
            "resume": store.exists(),
            "out": store,
        }
        table_options = {"sweep": store, "out": tables[0], "networks_out": tables[1]}
        return [
            Task(
                title=f"measure this CPU: {title}",
                command="sweep",
                options=values,
                makes=tables[1],
                work=lambda: self._sweep(SweepRequest.read(values)),
            ),
            Task(
                title="make its tables",
                command="table build",
                options=table_options,
                makes=tables[1],
                work=lambda: build(TableBuildOptions.read(table_options)),
            ),
        ]

    def _sweep(self, request: SweepRequest) -> None:
        from ofabench.workflows.sweep.sweep_result import open_sweep

        launch(sweep_part, request, progress=self.displays.measuring())
        say(str(open_sweep(request.out)))

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
            title="evaluate it on other networks, measured by another process",
            command="evaluate",
            options={"predictor": latency, "networks": networks, "json": True},
            makes=evaluation,
            work=lambda: judge_latency(latency, networks, evaluation),
        )

    def write_ends(self) -> tuple[float, ...]:
        """Write the smallest and the largest network; return latency limits between, in ms."""
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
        """Return the tasks that train the supernet and fit the accuracy predictor."""
        supernet, summary = self.folder / "supernet.safetensors", self.folder / "training.txt"
        accuracy = self.folder / "accuracy.parquet"
        train_options = {
            "space": SPACE,
            "data": DATA,
            "schedule": SCHEDULE,
            "seed": self.seed,
            "resume": supernet.exists(),
            "out": supernet,
        }
        fit_options = {"checkpoint": supernet, "networks": ACCURACY_NETWORKS, "out": accuracy}
        return [
            Task(
                title="train the supernet by the sandwich rule",
                command="train",
                options=train_options,
                makes=summary,
                work=lambda: write_text(
                    summary,
                    self._work(
                        train_part, TrainPart.read(train_options), self.displays.training()
                    ).words
                    + "\n",
                ),
            ),
            Task(
                title="measure sub-networks on validation images, fit an accuracy predictor",
                command="accuracy",
                options=fit_options,
                makes=accuracy,
                work=lambda: self._work(accuracy_part, AccuracyPart.read(fit_options)),
            ),
        ]

    def searching(self, limits_ms: tuple[float, ...]) -> list[Task]:
        """Return the searches, one for each limit."""
        return [
            self._searched(name, limit_ms)
            for name, limit_ms in zip(SEARCHED, limits_ms, strict=True)
        ]

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
        """Return the tasks that export one network and verify its file on test images."""
        model, verdict = self.folder / f"{name}.onnx", self.folder / f"{name}.verified.json"
        arch = self.folder / f"{name}.json"
        export_options = {
            "checkpoint": self.folder / "supernet.safetensors",
            "arch": str(arch),
            "format": "onnx",
            "out": model,
        }
        verify_options = {
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
                options=export_options,
                makes=model,
                work=lambda: self._work(export_part, ExportPart.read(export_options)),
            ),
            Task(
                title=f"measure the {name} network's file and its accuracy on test images",
                command="verify",
                options=verify_options,
                makes=verdict,
                work=lambda: self._verify(VerifyRequest.read(verify_options)),
            ),
        ]

    def _verify(self, request: VerifyRequest) -> None:
        result = self._work(verify_part, request, self.displays.measuring())
        if result.failed:
            say("    a check failed, which counts; measured once more for comparison")
            self._work(verify_part, request, self.displays.measuring())

    def reporting(self, report: Callable[[Path, Path], str]) -> Task:
        """Return the task that writes the report, by a function of the folder and the page."""
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
        """Run a task in a worker process, and log its result."""
        result = TaskResult(**launch(part, options, progress=progress or self.displays.working()))
        say(result.words)
        return result
