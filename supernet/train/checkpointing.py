"""Checkpoints of a running training, and its use of the device."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from bench.energy.meter import EnergyMeter
from supernet.train.checkpoint import Checkpoint, EpochRecord, save_checkpoint
from supernet.train.distill import Teacher
from supernet.train.engine import Engine
from supernet.train.epoch import EpochPlan
from supernet.train.run_options import Running
from supernet.weights.tensor_file import Tensors


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochProgress:
    """An epoch's losses, by step and sub-network, as far as it is done, and its seconds."""

    plan: EpochPlan
    losses: Sequence[tuple[float, ...]]
    seconds: float

    @property
    def loss(self) -> float:
        """Mean over steps and sub-networks."""
        return sum(map(sum, self.losses)) / (len(self.losses) * self.plan.phase.subnets)


class Checkpointer:
    """Writes `out` at the end of each epoch, and within one when that is `due`.

    All ranks have one, so that all know the place; only the first one writes.
    """

    def __init__(self, checkpoint: Checkpoint, out: Path, running: Running) -> None:
        self.checkpoint, self._out = checkpoint, out
        self._writes, self._every_s = running.ranks.first, running.checkpoint_s
        self._clock, self._used_before = running.clock, checkpoint.usage
        self._meter = EnergyMeter.start(
            str(running.own_device), torch.get_num_threads(), processes=running.ranks.world
        )
        self._saved_s = self._clock()

    @property
    def due(self) -> bool:
        """Whether it is time to save within an epoch."""
        self._meter.look()
        return self._clock() - self._saved_s >= self._every_s

    def within(self, so_far: EpochProgress, engine: Engine, teacher: Teacher | None) -> None:
        """Save in the middle of an epoch."""
        _, phase, epoch = so_far.plan.key
        now = replace(
            self.checkpoint,
            phase=phase,
            epoch=epoch,
            step=len(so_far.losses),
            losses=tuple(so_far.losses),
            seconds=so_far.seconds,
            momenta=engine.momenta(),
        )
        self._save(now, engine, teacher)

    def epoch(
        self, so_far: EpochProgress, engine: Engine, teacher: Teacher | None, learnt: Tensors
    ) -> None:
        """Save the end of an epoch; after a phase's last one, momentum starts anew."""
        plan, (_, phase, epoch) = so_far.plan, so_far.plan.key
        ends = epoch + 1 == plan.phase.epochs
        record = EpochRecord(
            phase=plan.phase.name,
            epoch=epoch,
            loss=so_far.loss,
            images=plan.images,
            seconds=so_far.seconds,
        )
        now = replace(
            self.checkpoint,
            phase=phase + ends,
            epoch=0 if ends else epoch + 1,
            step=0,
            losses=(),
            seconds=0.0,
            momenta={} if ends else engine.momenta(),
            estimate=learnt,
            records=(*self.checkpoint.records, record),
        )
        self._save(now, engine, teacher)

    def _save(self, checkpoint: Checkpoint, engine: Engine, teacher: Teacher | None) -> None:
        self.checkpoint = replace(
            checkpoint,
            network=engine.network.state_dict(),
            teacher=teacher.network.state_dict() if teacher is not None else {},
            usage=(*self._used_before, self._meter.stop()),
        )
        if self._writes:
            save_checkpoint(self._out, self.checkpoint)
        self._saved_s = self._clock()
