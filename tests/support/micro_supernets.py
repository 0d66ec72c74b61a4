"""Supernet of a micro space with random weights, marked as trained, and its images."""

from pathlib import Path

import torch
from torch.utils.data import TensorDataset

from supernet.data.torch_dataset import TorchData
from supernet.space.space import SearchSpace
from supernet.train.checkpoint import Checkpoint, Recipe, save_checkpoint
from supernet.train.schedule import IMPORTED, Schedule
from supernet.weights.model import SuperNet
from tests.support.training_child import SPACE

MICRO = SearchSpace.from_toml(SPACE)


def micro_dataset(n: int = 300, seed: int = 0) -> TensorDataset:
    """Images of noise, uint8 (n, 1, 12, 12), and labels 0, 1, 2 in turn."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (n, 1, 12, 12), dtype=torch.uint8, generator=generator)
    return TensorDataset(images, torch.arange(n) % 3)


def micro_images(n: int = 300, seed: int = 0) -> TorchData:
    """Such images under a name: a tenth of them are for validation, and a tenth for the test."""
    return TorchData(train=micro_dataset(n, seed), name="noise", class_names=("a", "b", "c"))


def save_micro(path: Path | str, seed: int = 4) -> Path:
    """Write the supernet, as of a training elsewhere; return its file."""
    recipe = Recipe(space=MICRO, schedule=Schedule.from_toml(IMPORTED), data="imagenet", seed=seed)
    state = SuperNet(MICRO, seed=seed).state_dict()
    save_checkpoint(Path(path), Checkpoint(recipe=recipe, phase=0, epoch=0, network=state))
    return Path(path)
