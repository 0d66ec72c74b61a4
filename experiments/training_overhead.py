"""What of a training step is not the step: images, sampling, logging, checkpoints.

python -m experiments.training_overhead [--threads 2]

Trains `tiny` on the composed digits for two epochs of each kind of draw, and holds the time inside
the optimisation steps against all of it.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from experiments.training.figures import table, where_and_when
from supernet.constraints.constraints import Constraint, macs
from supernet.data.open_data import get_dataset
from supernet.data.tensor_source import TensorSource
from supernet.space.space import SearchSpace
from supernet.train.checkpoint import Recipe
from supernet.train.engine import Engine
from supernet.train.sampling import Sampling
from supernet.train.schedule import Schedule
from supernet.train.trainer import train

IMAGES = 6400
SCHEDULE = """
name = "overhead"
momentum = 0.9
phases = [{name = "all", epochs = 2, lr = 0.01, batch = 128, subnets = 2}]
"""


def share_outside_steps(sampling: Sampling) -> tuple[float, float]:
    """Milliseconds of a step, and the share of a training's time that is outside its steps."""
    recipe = Recipe(
        space=SearchSpace.load("tiny"), schedule=Schedule.from_toml(SCHEDULE), data="part"
    )
    images = get_dataset("digits").train.subset(IMAGES, np.random.default_rng(0))
    inside: list[float] = []
    step: Callable[..., tuple[list[float], float]] = Engine.step

    def timed(*args: Any) -> tuple[list[float], float]:
        started = time.perf_counter()
        figures = step(*args)
        inside.append(time.perf_counter() - started)
        return figures

    with tempfile.TemporaryDirectory() as folder, mock.patch.object(Engine, "step", timed):
        started = time.perf_counter()
        train(recipe, TensorSource(images, "part"), Path(folder) / "x.safetensors", None, sampling)
        whole_s = time.perf_counter() - started
    return 1e3 * float(np.median(inside)), 1.0 - sum(inside) / whole_s


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    torch.set_num_threads(parser.parse_args().threads)
    space = SearchSpace.load("tiny")
    costs = macs(space.choices)
    most = float(costs(space.encode([space.largest()]))[0])
    limit = Constraint(name="macs", costs=costs, limit=0.3 * most, unit="MACs")
    kinds = {
        "uniform": Sampling(),
        "within 30 % of the largest's MACs": Sampling(limits=(limit,)),
        "the same, best-up": Sampling(limits=(limit,), focus="best-up", costs=costs),
    }
    share_outside_steps(kinds["uniform"])  # warms everything up
    rows = []
    for name, sampling in kinds.items():
        step_ms, share = share_outside_steps(sampling)
        rows.append([name, f"{step_ms:.1f}", f"{share:.1%}"])
    print(f"{where_and_when()}, {torch.get_num_threads()} threads, torch {torch.__version__}\n")
    print(table(["sub-networks", "step, ms", "of the time outside steps"], rows))


if __name__ == "__main__":
    main()
