"""Steps of `experiments.gpu_session`, in order of worth: first what has never run on a card."""

import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path

SPACE = "ofa-mbv3-w1.0"
SCHEDULE = Path(__file__).with_name("gpu_session_schedule.toml")
PRECISIONS = ("bf16", "fp16", "fp32")
BATCHES = (1, 64)
# Short sweeps, for repeatability; and how whole networks are fitted and judged.
SHORT = ("--blocks", "20", "--networks", "4", "--resolutions", "160,224", "--replicates", "2",
         "--rounds", "6")  # fmt: skip
FITTED = ("--networks", "20", "--budget", "60s")
JUDGED = ("--blocks", "1", "--networks", "60", "--seed", "1", "--replicates", "1", "--rounds", "6")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStep:
    """One command: its time limit, and what it needs.

    `packages` must be installed and `needs` must exist, or the step is skipped. Where `resumes`
    exists, an earlier start began the step, and `--resume` continues it.
    """

    name: str
    title: str
    argv: tuple[str, ...]
    limit_s: float
    packages: tuple[str, ...] = ()
    needs: tuple[Path, ...] = ()
    resumes: Path | None = None

    @property
    def command(self) -> str:
        """The command as a person types it."""
        return shlex.join(("python", *self.argv[1:]))


def session_steps(folder: Path, device: str) -> list[SessionStep]:
    """All steps; their files are in `folder`."""
    plan = _Plan(folder=folder, device=device)
    return [
        plan.ofabench("facts", "facts of the card", 30, "devices", "--json", *plan.on_device),
        plan.module("gpu-tests", "tests that need a GPU", 120, "pytest", "-m", "gpu", "-q"),
        *plan.training(),
        *(step for precision in PRECISIONS[:2] for step in plan.repeatability(precision)),
        *plan.runtimes(),
        *plan.whole_networks("fp16", 64),
        *plan.repeatability(PRECISIONS[2]),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Makes steps whose files are in one folder, on one device."""

    folder: Path
    device: str

    @property
    def on_device(self) -> tuple[str, str]:
        return ("--device", self.device)

    def module(self, name: str, title: str, limit_s: float, *argv: str) -> SessionStep:
        command = (sys.executable, "-m", *argv)
        return SessionStep(name=name, title=title, argv=command, limit_s=limit_s)

    def ofabench(
        self, name: str, title: str, limit_s: float, *argv: str, needs: tuple[Path, ...] = ()
    ) -> SessionStep:
        command = (sys.executable, "-m", "ofabench", *argv)
        return SessionStep(name=name, title=title, argv=command, limit_s=limit_s, needs=needs)

    def sweep(self, name: str, title: str, limit_s: float, *argv: str) -> SessionStep:
        """A sweep, also of a card that others use: that is recorded, and there is no second try."""
        store = self.folder / f"{name}.sqlite"
        step = self.ofabench(
            name, title, limit_s, "sweep", "--space", SPACE, *self.on_device, *argv, "--force",
            "--progress", "lines", "--out", f"{store}",
        )  # fmt: skip
        return replace(step, resumes=store)

    def training(self) -> list[SessionStep]:
        """The first steps of elastic training, steps beside OFA's, a training, its networks."""
        on_device, weights = self.on_device, self.folder / "tiny.safetensors"
        bfloat16 = ("--precision", "bfloat16")
        steady = ("experiments.step_speed", "--space", SPACE, *on_device, "--batch", "128",
                  "--force")  # fmt: skip
        train = self.ofabench(
            "train", "training of tiny", 60, "train", "--space", "tiny", "--data", "digits",
            "--schedule", f"{SCHEDULE}", *on_device, *bfloat16, "--out", f"{weights}",
        )  # fmt: skip
        return [
            self.module(
                "first-steps", "how soon elastic steps are steady", 90,
                "experiments.elastic_steps", *on_device, *bfloat16, "--steps", "120", "--profile",
            ),
            self.module("step-bf16", "training steps beside OFA's, bfloat16, channels last", 45,
                        *steady, *bfloat16, "--channels-last"),
            self.module("step-fp32", "training steps beside OFA's, float32", 45, *steady),
            replace(train, resumes=weights),
            self.ofabench(
                "evaluate-subnets", "accuracies of its sub-networks", 45, "evaluate-subnets",
                "--checkpoint", f"{weights}", "--networks", "40", *on_device,
                "--out", f"{self.folder / 'accuracies.parquet'}", needs=(weights,),
            ),
        ]  # fmt: skip

    def repeatability(self, precision: str) -> list[SessionStep]:
        """Two short sweeps at each batch, one after the other, and their difference."""
        steps = []
        for batch in BATCHES:
            name = f"{precision}-b{batch}"
            how = ("--backend", "torch", "--precision", precision, "--batch", f"{batch}", *SHORT)
            stores = tuple(self.folder / f"{name}-{turn}.sqlite" for turn in "ab")
            steps += [
                self.sweep(store.stem, f"sweep in {precision}, batch {batch}", 40, *how)
                for store in stores
            ]
            difference = self.module(
                f"{name}-repeat", "difference of the two", 15, "experiments.repeatability",
                *(f"{store}" for store in stores), "--json",
            )  # fmt: skip
            steps.append(replace(difference, needs=stores))
        return steps

    def runtimes(self) -> list[SessionStep]:
        """onnxruntime's CUDA provider and TensorRT, where they are installed."""
        steps = []
        for backend, packages in (
            ("onnx", ("onnxruntime",)),
            ("tensorrt", ("onnxruntime", "tensorrt")),
        ):
            step = self.sweep(backend, f"sweep by {backend}", 60, "--backend", backend, *SHORT)
            steps.append(replace(step, packages=packages))
        return steps

    def whole_networks(self, precision: str, batch: int) -> list[SessionStep]:
        """Blocks swept and fitted; other networks, measured by another process, judge the fit."""
        how = ("--backend", "torch", "--precision", precision, "--batch", f"{batch}")
        predictor = self.folder / "predictor.parquet"
        fitted, judged = (self.folder / f"{name}.sqlite" for name in ("fit", "judge"))
        blocks, networks = self.folder / "fit.parquet", self.folder / "fit-n.parquet"
        truth = self.folder / "judge-n.parquet"
        return [
            self.sweep("fit", "blocks and networks to fit", 120, *how, *FITTED),
            self._tables("fit-tables", fitted, blocks, networks),
            self.ofabench(
                "predictor", "fit", 30, "fit", f"{blocks}", "--networks", f"{networks}",
                "--out", f"{predictor}", needs=(blocks, networks),
            ),
            self.sweep("judge", "other networks to judge", 60, *how, *JUDGED),
            self._tables("judge-tables", judged, self.folder / "judge.parquet", truth),
            self.ofabench(
                "evaluate", "predictions against measurements", 20, "evaluate", f"{predictor}",
                "--networks", f"{truth}", "--json", needs=(predictor, truth),
            ),
        ]  # fmt: skip

    def _tables(self, name: str, store: Path, blocks: Path, networks: Path) -> SessionStep:
        return self.ofabench(
            name, "tables of it", 20, "table", "build", f"{store}", "--out", f"{blocks}",
            "--networks-out", f"{networks}", needs=(store,),
        )  # fmt: skip
