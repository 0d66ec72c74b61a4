"""Train one network alone, from random weights, and evaluate it on test or validation images.

python -m experiments.training.alone LINE SCHEDULE.toml SEED PART OUT.npz

The optimiser, its rates, the data and the batches are a supernet's phase's; only the network is
one. OUT.json has its cost, for `ofabench cost --single`.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from bench.blocks.torch_modules import build_network
from bench.energy.meter import EnergyMeter, Usage
from bench.files import write_text
from experiments.training.arms import DATA, SPACE
from experiments.training.judge import part_of, write_right
from supernet.data.batch_stream import Source
from supernet.data.open_data import get_dataset
from supernet.sampling.draws import UniformDraws
from supernet.space.space import ArchConfig, SearchSpace
from supernet.train.distill import loss_of
from supernet.train.engine import make_optimiser
from supernet.train.epoch import EpochPlan
from supernet.train.recalibrate import (
    CALIBRATION_IMAGES,
    channels_last,
    correct_answers,
    recalibrate,
)
from supernet.train.schedule import Schedule
from supernet.weights.fast_convolutions import use_fast_convolutions
from supernet.weights.model import initialise


def train_alone(
    space: SearchSpace, arch: ArchConfig, schedule: Schedule, source: Source, seed: int
) -> nn.Module:
    """Train `arch` by the only phase of `schedule`, at its resolution."""
    (phase,) = schedule.phases
    network = build_network(space.blocks(arch))
    initialise(network, torch.Generator().manual_seed(seed))
    use_fast_convolutions(network)  # as the supernet does, so that device-seconds compare
    channels_last(network).train()
    optimiser = make_optimiser(network, schedule)
    draws = UniformDraws(layout=space.layout)  # its draws are not looked at
    for epoch in range(phase.epochs):
        plan = EpochPlan.draw((seed, 0, epoch), phase, len(source), draws)
        plan.codes[:, :, 0] = arch.resolution
        for step, batch in enumerate(source.stream(plan.requests(0, [0], count=1))):
            for group in optimiser.param_groups:
                group["lr"] = plan.lr_at(step)
            optimiser.zero_grad(set_to_none=True)
            loss = loss_of(
                network(batch.images),
                batch.labels,
                label_smoothing=schedule.label_smoothing,
                soft=None,
                distillation=0.0,
            )
            loss.backward()  # type: ignore[no-untyped-call]
            if schedule.clip_norm:
                nn.utils.clip_grad_norm_(network.parameters(), schedule.clip_norm)
            optimiser.step()
    return network


def main(argv: list[str]) -> int:
    """Train, evaluate, and write the correct answers and the usage."""
    line, schedule, seed, part, out = argv
    torch.set_num_threads(1)
    space, data = SearchSpace.load(SPACE), get_dataset(DATA)
    arch, source = space.from_line(line), data.train_source
    meter = EnergyMeter.start("cpu", 1)
    network = train_alone(space, arch, Schedule.load(schedule), source, int(seed))
    used = meter.stop()
    recalibrate(network, source.calibration(CALIBRATION_IMAGES, arch.resolution))
    right = correct_answers(network, part_of(part), arch.resolution, batch=100)
    write_text(Path(out).with_suffix(".json"), json.dumps(used.to_json()))
    write_right(Path(out), np.stack([right]))
    return 0


def read_usage(out: Path) -> Usage:
    """What the training whose result is `out` took."""
    return Usage.from_json(json.loads(out.with_suffix(".json").read_text()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
