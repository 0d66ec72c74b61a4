"""Evaluate networks in a separate process: which images each classifies correctly.

python -m experiments.training.judge CHECKPOINT ARCHS.jsonl PART OUT.npz
"""

import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bench.files import read_bytes, write_atomically
from experiments.training.arms import DATA, SPACE, Study, run_child
from supernet.data.dataset import Dataset
from supernet.data.open_data import get_dataset
from supernet.space.space import ArchConfig, SearchSpace
from supernet.train.checkpoint import load_trained
from supernet.train.recalibrate import CALIBRATION_IMAGES, correct_answers, extract_calibrated

Right = NDArray[np.float64]
VALIDATION_IMAGES = 2000


def part_of(name: str) -> Dataset:
    """The whole test part, or the first validation images."""
    data = get_dataset(DATA)
    if name == "test":
        return data.test
    return data.validation.subset(VALIDATION_IMAGES, np.random.default_rng(0))


def judge(study: Study, checkpoint: Path, archs: Path, part: str) -> Right:
    """Right answers (networks, images) of a supernet's networks, measured once and then kept."""
    out = study.folder / f"{checkpoint.stem}.{archs.stem}.{part}.npz"
    if not out.exists():
        run_child("experiments.training.judge", (str(checkpoint), str(archs), part, str(out)))
    return read_right(out)


def read_right(path: Path) -> Right:
    """What `write_right` wrote."""
    return np.asarray(np.load(path)["right"], dtype=np.float64)


def write_right(path: Path, right: Right) -> None:
    """Write correct answers (networks, images) atomically."""

    def put(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez_compressed(file, right=right.astype(np.uint8))

    write_atomically(path, put)


def read_archs(path: Path) -> list[ArchConfig]:
    """Networks of an archs file."""
    space = SearchSpace.load(SPACE)
    return [space.from_line(line) for line in read_bytes(path).decode().splitlines()]


def main(argv: list[str]) -> int:
    """Judge every network of a file."""
    checkpoint, archs, part, out = argv
    torch.set_num_threads(1)
    supernet, images = load_trained(Path(checkpoint)).supernet(), part_of(part)
    calibration = get_dataset(DATA).train.images[:CALIBRATION_IMAGES]
    rows = []
    for arch in read_archs(Path(archs)):
        network = extract_calibrated(supernet, arch, calibration)
        rows.append(correct_answers(network, images, arch.resolution, batch=100))
    write_right(Path(out), np.stack(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
