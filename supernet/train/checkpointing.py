"""Write checkpoints of a running training, and measure its use of the device."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from bench.energy.meter import EnergyMeter
from supernet.train.best_network import BestNetwork
from supernet.train.checkpoint import Checkpoint, EpochRecord, save_checkpoint
from supernet.train.distill import Teacher
from supernet.train.engine import Engine
from supernet.train.epoch import EpochPlan
from supernet.train.run_options import RunOptions
from supernet.weights.tensor_file import Tensors


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochProgress:
    """Losses of the completed steps of an epoch, by step and sub-network, and its time in s."""

    plan: EpochPlan
    losses: Sequence[tuple[float, ...]]
    seconds: float

    @property
    def loss(self) -> float:
        """Mean over steps and sub-networks."""
        return sum(map(sum, self.losses)) / (len(self.losses) * self.plan.phase.subnets)


class Checkpointer:
    """Writes `out` at the end of each epoch, and within an epoch when it is `due`.

    All ranks have a checkpointer; only the first rank writes.
    """

    def __init__(self, checkpoint: Checkpoint, out: Path, options: RunOptions) -> None:
        self.checkpoint, self._out = checkpoint, out
        self._writes, self._every_s = options.ranks.first, options.checkpoint_s
        self._clock, self._used_before = options.clock, checkpoint.usage
        self._meter = EnergyMeter.start(
            str(options.own_device), torch.get_num_threads(), processes=options.ranks.world
        )
        self._saved_s = self._clock()

    @property
    def due(self) -> bool:
        """Whether to save now, within an epoch."""
        self._meter.look()
        return self._clock() - self._saved_s >= self._every_s

    def within(self, progress: EpochProgress, engine: Engine, teacher: Teacher | None) -> None:
        """Save in the middle of an epoch."""
        _, phase, epoch = progress.plan.key
        checkpoint = replace(
            self.checkpoint,
            phase=phase,
            epoch=epoch,
            step=len(progress.losses),
            losses=tuple(progress.losses),
            seconds=progress.seconds,
            momenta=engine.momenta(),
        )
        self._save(checkpoint, engine, teacher)

    def epoch(
        self,
        progress: EpochProgress,
        engine: Engine,
        teacher: Teacher | None,
        estimate: Tensors,
        network: BestNetwork | None = None,
    ) -> None:
        """Save the end of an epoch, and its `network` if that is the best so far.

        Momenta are reset after the last epoch of a phase.
        """
        best = self.checkpoint.best
        plan, (_, phase, epoch) = progress.plan, progress.plan.key
        phase_ends = epoch + 1 == plan.phase.epochs
        record = EpochRecord(
            phase=plan.phase.name,
            epoch=epoch,
            loss=progress.loss,
            images=plan.images,
            seconds=progress.seconds,
        )
        checkpoint = replace(
            self.checkpoint,
            phase=phase + phase_ends,
            epoch=0 if phase_ends else epoch + 1,
            step=0,
            losses=(),
            seconds=0.0,
            momenta={} if phase_ends else engine.momenta(),
            estimate=estimate,
            best=network if network is not None and network.better_than(best) else best,
            records=(*self.checkpoint.records, record),
        )
        self._save(checkpoint, engine, teacher)

    def _save(self, checkpoint: Checkpoint, engine: Engine, teacher: Teacher | None) -> None:
        self.checkpoint = replace(
            checkpoint,
            network=engine.network.state_dict(),
            average=engine.average.to_tensors() if engine.average is not None else {},
            teacher=_stored(teacher) if not checkpoint.recipe.teacher else {},
            usage=(*self._used_before, self._meter.stop()),
        )
        if self._writes:
            save_checkpoint(self._out, self.checkpoint)
        self._saved_s = self._clock()


def _stored(teacher: Teacher | None) -> Tensors:
    return {} if teacher is None else teacher.network.state_dict()
