"""Training on a torch Dataset of the user: learning, resuming, evaluation, refused data."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset

from bench.errors import InputError, InterruptedSweepError
from supernet.accuracy.measure import choose_networks, measure_each
from supernet.data.open_data import open_data
from supernet.data.parts import DataParts
from supernet.data.torch_dataset import TorchData
from supernet.space.space import SearchSpace
from supernet.train.checkpoint import Recipe, load_checkpoint, load_trained
from supernet.train.run_options import RunOptions
from supernet.train.schedule import Schedule
from supernet.train.trainer import train
from tests.support.training_child import SPACE, make_images

SCHEDULE = """
name = "short"
momentum = 0.9
phases = [
    {name = "full", epochs = 3, lr = 0.1, batch = 32, depths = 1, kernels = 1, expands = 1},
    {name = "all", epochs = 2, lr = 0.05, batch = 32, subnets = 2, distillation = 1},
]
"""
MICRO, SHORT = SearchSpace.from_toml(SPACE), Schedule.from_toml(SCHEDULE)


class Flipped(Dataset[Any]):
    """Stripes, mirrored at random each time, as transforms do."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        image, label = self.images[place], int(self.labels[place])
        return (image.flip(-1) if torch.rand(()) < 0.5 else image), label


def stripes(n: int = 300, seed: int = 0) -> tuple[Tensor, Tensor]:
    made = make_images(n, seed)
    return (made.images * 40 + 128).clamp(0, 255).byte(), made.labels


def run(parts: DataParts, out: Path, **options: Any) -> None:
    recipe = Recipe(space=MICRO, schedule=SHORT, data=parts.name)
    train(recipe, parts.train_source, out, RunOptions(**options))


def after(steps: int) -> Any:
    answers = iter([False] * steps)
    return lambda: next(answers, True)


def accuracies(parts: DataParts, out: Path) -> list[float]:
    validation = parts.validation.subset(60, np.random.default_rng(0))
    networks = choose_networks(MICRO, 4, 0)
    trained = load_trained(out).supernet()
    scores = measure_each(
        trained, networks, lambda size: parts.train_source.calibration(200, size), validation
    )
    return [score.accuracy for _, score in sorted(scores, key=lambda pair: pair[0])]


@pytest.mark.slow
@pytest.mark.parametrize("varies", [False, True])
def test_a_training_learns_resumes_and_is_evaluated(tmp_path: Path, varies: bool) -> None:
    kind = Flipped if varies else TensorDataset

    def parts() -> DataParts:
        data = TorchData(
            train=kind(*stripes()),
            validation=TensorDataset(*stripes(90, seed=1)),
            test=TensorDataset(*stripes(90, seed=2)),
            name="stripes",
            class_names=("along", "across", "none"),
        )
        return open_data(data, MICRO)

    whole, stopped = tmp_path / "whole.safetensors", tmp_path / "stopped.safetensors"
    run(parts(), whole)
    with pytest.raises(InterruptedSweepError):
        run(parts(), stopped, stop=after(30))  # of 45 steps: within the last phase
    assert load_checkpoint(stopped).phase == 1
    run(parts(), stopped, resume=True)

    undisturbed, resumed = load_trained(whole), load_trained(stopped)
    assert all(
        torch.equal(undisturbed.network[name], resumed.network[name])
        for name in undisturbed.network
    )
    assert undisturbed.data == parts().name
    assert undisturbed.class_names == ("along", "across", "none")
    # A guess is right 1 time in 3; the stripes are easy.
    assert min(accuracies(parts(), whole)) > 0.8


def test_other_data_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "supernet.safetensors"
    mine = open_data(TorchData(train=TensorDataset(*stripes()), name="mine"), MICRO)
    with pytest.raises(InterruptedSweepError):
        run(mine, out, stop=after(3))
    before = out.read_bytes()

    other = open_data(TorchData(train=TensorDataset(*stripes(seed=1)), name="mine"), MICRO)
    with pytest.raises(InputError, match=f"data is {mine.name}, not {other.name}; resume with the"):
        run(other, out, resume=True)

    assert out.read_bytes() == before
