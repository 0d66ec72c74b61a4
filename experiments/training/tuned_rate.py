"""The learning rate with which a network trained alone does best, on validation images."""

from functools import partial
from pathlib import Path

import numpy as np

from bench.files import write_text
from experiments.training.arms import Study, run_child
from experiments.training.judge import read_right

RATES = (0.05, 0.1, 0.15, 0.25, 0.4)  # peaks of the schedule; supernets are trained at 0.15
TUNING_SEED = 1000  # that no comparison uses
ALONE = """
name = "alone"
momentum = 0.9
weight_decay = 3e-5
clip_norm = 2.0

[[phases]]
name = "alone"
epochs = EPOCHS
warmup_epochs = 0.3
lr = RATE
batch = 128
"""


def schedule_of(study: Study, epochs: int, rate: float) -> Path:
    """Write the schedule of networks that are trained alone, and return its path."""
    path = study.folder / f"alone-{rate:g}.toml"
    write_text(path, ALONE.replace("EPOCHS", str(epochs)).replace("RATE", f"{rate:g}"))
    return path


def tuned_rates(study: Study, lines: list[str], epochs: int) -> list[float]:
    """Return the best of `RATES` for each network, by validation images of one training each."""
    tasks = [(number, rate) for number in range(len(lines)) for rate in RATES]
    study.each([partial(_train, study, lines, epochs, *task) for task in tasks])
    accuracies = {task: read_right(_result(study, *task)).mean() for task in tasks}
    return [
        RATES[int(np.argmax([accuracies[number, rate] for rate in RATES]))]
        for number in range(len(lines))
    ]


def _train(study: Study, lines: list[str], epochs: int, number: int, rate: float) -> None:
    out = _result(study, number, rate)
    if not out.exists():
        schedule, seed = str(schedule_of(study, epochs, rate)), str(TUNING_SEED)
        words = (lines[number], schedule, seed, "validation", str(out))
        run_child("experiments.training.alone", words)


def _result(study: Study, number: int, rate: float) -> Path:
    return study.folder / f"tuned-{number}-{rate:g}.npz"
