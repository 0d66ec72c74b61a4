"""Child process that trains a micro space, alone or as one of torchrun's ranks.

python -m tests.support.training_child OUT [--resume] [--micro-batches N] [--stop-after STEPS]
Prints a line for each step, so that a test can kill it at one; SIGTERM stops it as `ofabench` does.
With `--init WEIGHTS` it first trains the head only.
"""

import argparse
import sys
from pathlib import Path

import torch

from bench.errors import InterruptedSweepError
from ofabench.workflows.train.graceful_stop import stop_requested
from supernet.data.dataset import Dataset
from supernet.data.tensor_source import TensorSource
from supernet.space.space import SearchSpace
from supernet.train.checkpoint import Recipe
from supernet.train.distributed import process_group
from supernet.train.initial_weights import load_initial_weights
from supernet.train.run_options import RunOptions
from supernet.train.schedule import Schedule
from supernet.train.trainer import train

SPACE = """
name = "micro"
family = "mbconv"
in_channels = 1
classes = 3
resolutions = [8, 12]
stem = {width = 8, kernel = 3, stride = 2, act = "relu"}
first = {width = 8, kernel = 3, stride = 1, act = "relu"}
head = {final_expand = 16, act = "hswish"}

[[stages]]
width = 8
stride = 2
act = "hswish"
se = true
depths = [1, 2]
kernels = [3, 5]
expands = [2, 3, 4]
"""
SCHEDULE = """
name = "short"
momentum = 0.9
weight_decay = 1e-4
label_smoothing = 0.1
clip_norm = 5.0
phases = [
    {name = "full", epochs = 2, lr = 0.1, batch = 32, depths = 1, kernels = 1, expands = 1},
    {name = "all", epochs = 3, lr = 0.05, batch = 32, subnets = 2, distillation = 1},
]
"""


HEAD_SCHEDULE = """
name = "head"
momentum = 0.9
weight_decay = 1e-4
clip_norm = 5.0
phases = [
    {name = "head", trainable = "head", epochs = 1, lr = 0.1, batch = 32, subnets = 2},
    {name = "all", epochs = 1, lr = 0.05, batch = 32},
]
"""


def make_images(n: int = 120, seed: int = 0) -> Dataset:
    """Three classes of stripes: along, across, and none; in noise."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 3
    wave = torch.sin(torch.arange(12) * 1.2)
    plain = torch.stack([wave[:, None].expand(12, 12), wave.expand(12, 12), torch.zeros(12, 12)])
    images = plain[labels][:, None] + 0.5 * torch.randn((n, 1, 12, 12), generator=generator)
    return Dataset(images=images, labels=labels, groups=torch.arange(n), classes=3)


class Lines:
    """Progress as lines on stdout: how many steps are done."""

    def __init__(self) -> None:
        self.done = 0

    def start(self, total: int, what: str) -> None:
        del total, what

    def advance(self, steps: int = 1, note: str = "") -> None:
        del note
        self.done += steps
        print(self.done, flush=True)

    def close(self) -> None:
        pass


def main() -> int:
    """Train; exit code 3 where it was stopped."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--micro-batches", type=int, default=1)
    parser.add_argument("--stop-after", type=int, default=10**9)
    parser.add_argument("--init", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    recipe = Recipe(
        space=SearchSpace.from_toml(SPACE),
        schedule=Schedule.from_toml(SCHEDULE if args.init is None else HEAD_SCHEDULE),
        data="stripes",
        micro_batches=args.micro_batches,
    )
    initial = None if args.init is None else load_initial_weights(args.init, recipe.space, 0)
    lines = Lines()
    with process_group("cpu") as ranks, stop_requested() as stop:
        running = RunOptions(
            resume=args.resume,
            checkpoint_s=0.0,  # after every step
            ranks=ranks,
            progress=lines,
            stop=lambda: stop() or lines.done >= args.stop_after,
        )
        try:
            source = TensorSource(make_images(), "stripes")
            train(recipe, source, args.out, running, None, initial)
        except InterruptedSweepError:
            return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
