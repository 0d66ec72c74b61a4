"""Arms of an experiment: supernets trained by `ofabench train`, as many at once as there are jobs.

Each is a process of one thread. Finished arms are kept, started ones are continued.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch

from bench.errors import OfabenchError
from bench.files import write_text
from supernet.data.open_data import get_dataset
from supernet.data.tensor_source import TensorSource
from supernet.space.space import SearchSpace
from supernet.train.checkpoint import Recipe, load_checkpoint, load_trained
from supernet.train.run_options import RunOptions
from supernet.train.sampling import Sampling
from supernet.train.schedule import Phase, Schedule
from supernet.train.trainer import train

SPACE: Final = "tiny"
DATA: Final = "digits"
CHANCE = 0.1  # of ten classes


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Where results go and how large the experiments are; `epochs` multiplies every schedule's."""

    folder: Path
    seeds: tuple[int, ...] = (0, 1, 2)
    epochs: float = 1.0
    jobs: int = 2
    device: str = "cpu"

    def each(self, tasks: Sequence[Callable[[], object]]) -> None:
        """Do the tasks, `jobs` at a time, in their order."""
        with ThreadPoolExecutor(self.jobs) as pool:
            for done in [pool.submit(task) for task in tasks]:
                done.result()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One way to train a supernet, with one seed; `options` are more options of the command."""

    name: str
    schedule: str
    seed: int
    options: tuple[str, ...] = ()

    def checkpoint(self, study: Study) -> Path:
        return study.folder / f"{self.name}-{self.seed}.safetensors"

    def device_s(self, study: Study) -> float:
        """Seconds that its epochs took."""
        return sum(record.seconds for record in load_trained(self.checkpoint(study)).records)

    def train(self, study: Study) -> None:
        """Train it to the end."""
        out, schedule = self.checkpoint(study), study.folder / f"{self.name}.toml"
        if out.exists() and load_checkpoint(out).finished:
            return
        if not schedule.exists() or schedule.read_text() != self.schedule:
            write_text(schedule, self.schedule)
        run_child(
            "ofabench",
            ("train", "--space", SPACE, "--data", DATA, "--schedule", str(schedule)),
            ("--seed", str(self.seed), "--threads", "1", "--device", study.device),
            (*self.options, *(["--resume"] if out.exists() else [])),
            ("--out", str(out)),
        )


def run_child(module: str, *argv: Sequence[str]) -> None:
    """Run one of our modules in a separate process; `OfabenchError` has its last line."""
    words = [word for part in argv for word in part]
    done = subprocess.run(
        [sys.executable, "-m", module, *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise OfabenchError(f"python -m {module} {' '.join(words)}: {last}")


def scaled(text: str, epochs: float) -> str:
    """Schedule with its epochs multiplied, each phase at least 1."""
    schedule = Schedule.from_toml(text)
    phases, lines = iter(schedule.phases), []
    for line in text.splitlines():
        wanted = line.startswith("epochs")
        lines.append(f"epochs = {max(1, round(next(phases).epochs * epochs))}" if wanted else line)
    return "\n".join(lines) + "\n"


def seconds_a_step(
    text: str, images: int = 1600, sampling: Sampling | None = None
) -> dict[str, float]:
    """Return the seconds of a step of each phase, in this process with one thread, on few images.

    The first epoch of each is a warm-up; the second is returned.
    """
    torch.set_num_threads(1)
    short = "\n".join(
        "epochs = 2" if line.startswith("epochs") else line
        for line in text.splitlines()
        if not line.startswith("warmup_epochs")
    )
    recipe = Recipe(space=SearchSpace.load(SPACE), schedule=Schedule.from_toml(short), data="part")
    whole = get_dataset(DATA).train
    part = TensorSource(whole.subset(images, np.random.default_rng(0)), "part")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "x.safetensors"
        train(recipe, part, out, RunOptions(), sampling)
        records = load_checkpoint(out).records
    result: dict[str, float] = {}
    for phase in recipe.schedule.phases:
        last = [record for record in records if record.phase == phase.name][-1]
        result[phase.name] = last.seconds / (images // phase.batch)
    return result


def total_s(phases: Sequence[Phase], step_s: dict[str, float], images: int) -> float:
    """Seconds that phases will take."""
    return sum(p.epochs * (images // p.batch) * step_s[p.name] for p in phases)
