"""The whole loop on this machine: which commands, in which order, with which files between."""

from dataclasses import dataclass
from pathlib import Path

from bench.files import write_text
from latency_models.predictors.predictor import LatencyPredictor
from ofabench.workflows.quickstart.steps import Step
from supernet.space.space import SearchSpace

SPACE = "tiny"
DATA = "digits"
SCHEDULE = "digits-sandwich"
FIT_NETWORKS = 20
JUDGED_NETWORKS = 40
ACCURACY_NETWORKS = 100
LIMITS = (0.2, 0.4, 0.65)  # between the smallest network's latency and the largest's
ENDS = ("smallest", "largest")
SEARCHED = tuple(f"limit-{i}" for i in range(1, len(LIMITS) + 1))
NAMES = (ENDS[0], *SEARCHED, ENDS[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """One run in one folder."""

    folder: Path
    seed: int = 0
    force: bool = False
    wait: bool = False

    def at(self, name: str) -> str:
        """A file of the run, as a command's argument."""
        return str(self.folder / name)

    @property
    def _forced(self) -> tuple[str, ...]:
        return ("--force",) * self.force + ("--wait",) * self.wait

    def measuring(self) -> list[Step]:
        """Measure and fit; judge on other networks, measured by another process."""
        latency, evaluation = self.folder / "latency.parquet", self.folder / "evaluation.json"
        fit = Step(
            title="fit the latency predictor",
            argv=("fit", self.at("blocks.parquet"), "--networks", self.at("networks.parquet"),
                  "--out", str(latency)),
            makes=latency,
        )  # fmt: skip
        judge = Step(
            title="hold it against networks it never saw, measured by another process",
            argv=("evaluate", str(latency), "--networks", self.at("judged.parquet"), "--json"),
            makes=evaluation,
            keeps_stdout=True,
        )
        every = ("--networks", str(FIT_NETWORKS), "--ends", "--seed", str(self.seed))
        other = ("--blocks", "1", "--networks", str(JUDGED_NETWORKS), "--seed", str(self.seed + 1))
        return [
            *self._sweep("every block and some networks", every, "blocks", "networks"),
            fit,
            *self._sweep("other networks", other, "judged-blocks", "judged"),
            judge,
        ]

    def _sweep(self, what: str, how: tuple[str, ...], blocks: str, networks: str) -> list[Step]:
        store = self.folder / f"{networks}.sqlite"
        tables = [self.folder / f"{name}.parquet" for name in (blocks, networks)]
        sweep = Step(
            title=f"measure this CPU: {what}",
            argv=("sweep", "--space", SPACE, "--device", "cpu", "--backend", "onnx", *how,
                  *self._forced, "--out", str(store)),
            makes=tables[1],
            resumes=store,
        )  # fmt: skip
        build = Step(
            title="make its tables",
            argv=("table", "build", str(store), "--out", str(tables[0]),
                  "--networks-out", str(tables[1])),
            makes=tables[1],
        )  # fmt: skip
        return [sweep, build]

    def write_ends(self) -> tuple[float, ...]:
        """Write the smallest and the largest network's lines; return the limits between, in ms."""
        space = SearchSpace.load(SPACE)
        predictor = LatencyPredictor.load(self.folder / "latency.parquet")
        ends = (space.smallest(), space.largest())
        for name, arch in zip(ENDS, ends, strict=True):
            write_text(self.folder / f"{name}.json", space.to_line(arch) + "\n")
        low_ms, high_ms = (predictor.predict(space.blocks(arch)).ms for arch in ends)
        return tuple(round(low_ms + share * (high_ms - low_ms), 4) for share in LIMITS)

    def training(self) -> list[Step]:
        """Train the supernet, and learn which of its networks are accurate."""
        told, accuracy = self.folder / "training.txt", self.folder / "accuracy.parquet"
        train = Step(
            title="train the supernet by the sandwich rule",
            argv=("train", "--space", SPACE, "--data", DATA, "--schedule", SCHEDULE,
                  "--seed", str(self.seed), "--out", self.at("supernet.safetensors")),
            makes=told,
            resumes=self.folder / "supernet.safetensors",
            keeps_stdout=True,
        )  # fmt: skip
        learn = Step(
            title="measure sub-networks on validation images, fit an accuracy predictor",
            argv=("accuracy", "--checkpoint", self.at("supernet.safetensors"),
                  "--networks", str(ACCURACY_NETWORKS), "--out", str(accuracy)),
            makes=accuracy,
        )  # fmt: skip
        return [train, learn]

    def searching(self, limits_ms: tuple[float, ...]) -> list[Step]:
        """Search within each limit."""
        return [self._search(*one) for one in zip(SEARCHED, limits_ms, strict=True)]

    def _search(self, name: str, limit_ms: float) -> Step:
        return Step(
            title=f"the most accurate network within {limit_ms} ms",
            argv=("search", "--space", SPACE, "--accuracy", self.at("accuracy.parquet"),
                  "--latency", self.at("latency.parquet"), "--max-latency-ms", str(limit_ms),
                  "--seed", str(self.seed), "--out", self.at(f"{name}.json")),
            makes=self.folder / f"{name}.json",
        )  # fmt: skip

    def shipping(self, name: str) -> list[Step]:
        """Export one network, measure the file, judge it on test images."""
        model, verdict = self.folder / f"{name}.onnx", self.folder / f"{name}.verified.json"
        arch = self.at(f"{name}.json")
        searched = ("--result", arch) if name in SEARCHED else ()
        export = Step(
            title=f"export the {name} network",
            argv=("export", "--checkpoint", self.at("supernet.safetensors"), "--arch", arch,
                  "--format", "onnx", "--out", str(model)),
            makes=model,
        )  # fmt: skip
        verify = Step(
            title=f"measure the {name} network's file, judge it on test images",
            argv=("verify", str(model), "--latency", self.at("latency.parquet"), *searched,
                  "--data", DATA, "--out", str(verdict), *self._forced),
            makes=verdict,
            may_fail_its_check=True,
            repeats_failed_check=True,
        )  # fmt: skip
        return [export, verify]

    def reporting(self) -> Step:
        """Write the report."""
        page = self.folder / "report.html"
        return Step(
            title="report", argv=("report", str(self.folder), "--out", str(page)), makes=page
        )
