"""Training a supernet phase by phase, so that any epoch's end is a place to go on from.

All that is random in an epoch comes from a generator made of the seed, the phase and the epoch.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from bench.errors import InputError
from bench.progress import NoProgress, Progress
from supernet.model import SuperNet
from supernet.train.checkpoint import (
    Checkpoint,
    EpochRecord,
    Recipe,
    load_checkpoint,
    save_checkpoint,
)
from supernet.train.dataset import Dataset, resize
from supernet.train.distill import loss_of, make_teacher, soft_labels
from supernet.train.recalibrate import channels_last
from supernet.train.sampling import PhaseSpace, batches
from supernet.train.schedule import Phase, Schedule


def train(
    recipe: Recipe,
    dataset: Dataset,
    out: Path,
    *,
    resume: bool = False,
    progress: Progress | None = None,
) -> SuperNet:
    """Train a supernet on `dataset` and leave it in `out`, a checkpoint an epoch.

    Equal recipes and images give equal weights, with as many threads. With `resume`, `out` is
    gone on with, to the weights it would have had without the stop. `InputError` where recipe and
    data do not fit each other, `out` is of another recipe, or the loss diverges.
    """
    _check_fit(recipe, dataset)
    if resume:
        checkpoint = load_checkpoint(out)
        checkpoint.recipe.check_same(recipe)
    else:
        state = SuperNet(recipe.space, recipe.seed).state_dict()
        checkpoint = Checkpoint(recipe=recipe, phase=0, epoch=0, network=state)
        # Also the test that `out` can be written, before hours of work are put into it.
        save_checkpoint(out, checkpoint)
    trainer = _Trainer(checkpoint, dataset, out, progress or NoProgress())
    trainer.run()
    return trainer.network.eval()


def steps_in(phases: Sequence[Phase], images: int) -> int:
    """Optimiser steps that phases take on so many images."""
    return sum(phase.epochs * (images // phase.batch) for phase in phases)


class _Trainer:
    def __init__(
        self, checkpoint: Checkpoint, dataset: Dataset, out: Path, progress: Progress
    ) -> None:
        self.dataset, self.out, self.progress = dataset, out, progress
        self.checkpoint = checkpoint
        self.space, self.schedule = checkpoint.space, checkpoint.schedule
        self.network = channels_last(SuperNet(self.space))
        self.network.load_state_dict(checkpoint.network)
        self.teacher: nn.Sequential | None = None
        self.soft: Tensor | None = None
        if checkpoint.teacher:
            self.teacher = channels_last(self.network.extract(self.space.largest()))
            self.teacher.load_state_dict(checkpoint.teacher)
            self.teacher.requires_grad_(False)

    def run(self) -> None:
        """Train every phase that is left."""
        begun = self.checkpoint
        images = len(self.dataset)
        self.progress.start(steps_in(self.schedule.phases, images), f"train {self.space.name}")
        try:
            before = steps_in(self.schedule.phases[: begun.phase], images)
            if not begun.finished:
                before += begun.epoch * (images // self.schedule.phases[begun.phase].batch)
            self.progress.advance(before)
            for number in range(begun.phase, len(self.schedule.phases)):
                self._run_phase(number)
        finally:
            self.progress.close()

    def _run_phase(self, number: int) -> None:
        phase, resumed = self.schedule.phases[number], self.checkpoint
        first = number > 0 and resumed.epoch == 0
        if first and phase.widens(self.schedule.phases[number - 1]):
            before = PhaseSpace(self.space, self.schedule.phases[number - 1])
            self.network.sort_channels(before.hidden_widths())
        if phase.distillation and self.teacher is None:
            self.network.eval()
            self.teacher = make_teacher(self.network, self.dataset)
        if phase.distillation and self.teacher is not None and self.soft is None:
            size = self.space.largest().resolution
            self.soft = soft_labels(self.teacher, self.dataset, size)
        optimiser = _optimiser(self.network, self.schedule, resumed.momenta)
        self.network.train()
        for epoch in range(resumed.epoch, phase.epochs):
            record = self._run_epoch(number, epoch, optimiser)
            self._keep(number, epoch + 1, record, optimiser)

    def _run_epoch(self, number: int, epoch: int, optimiser: torch.optim.SGD) -> EpochRecord:
        phase = self.schedule.phases[number]
        rng = np.random.default_rng([self.checkpoint.seed, number, epoch])
        space = PhaseSpace(self.space, phase)
        steps = len(self.dataset) // phase.batch
        started, total_loss, note = time.perf_counter(), 0.0, ""
        for step, chosen in enumerate(batches(len(self.dataset), phase.batch, rng)):
            for group in optimiser.param_groups:
                group["lr"] = phase.lr_at(epoch * steps + step, steps)
            loss = self._run_step(phase, space, chosen, rng, optimiser)
            if not np.isfinite(loss):
                raise InputError(
                    f"training diverged in phase {phase.name!r}, epoch {epoch + 1}, step "
                    f"{step + 1}: the loss is {loss}; lower the schedule's lr there"
                )
            total_loss += loss
            note = f"{phase.name} {epoch + 1}/{phase.epochs}, loss {total_loss / (step + 1):.3f}"
            self.progress.advance(1, note)
        return EpochRecord(
            phase=phase.name,
            epoch=epoch,
            loss=total_loss / steps,
            images=steps * phase.batch * phase.subnets,
            seconds=time.perf_counter() - started,
        )

    def _run_step(
        self,
        phase: Phase,
        space: PhaseSpace,
        chosen: Tensor,
        rng: np.random.Generator,
        optimiser: torch.optim.SGD,
    ) -> float:
        """One batch through sub-networks of one resolution; mean loss over them."""
        archs = space.draw(rng, phase.subnets)
        images = resize(self.dataset.images[chosen], archs[0].resolution)
        images = images.contiguous(memory_format=torch.channels_last)
        labels = self.dataset.labels[chosen]
        soft = self.soft[chosen] if phase.distillation and self.soft is not None else None
        optimiser.zero_grad(set_to_none=True)
        total = 0.0
        for arch in archs:
            loss = loss_of(
                self.network(images, arch),
                labels,
                label_smoothing=self.schedule.label_smoothing,
                soft=soft,
                distillation=phase.distillation,
            )
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        optimiser.step()
        return total / len(archs)

    def _keep(
        self, number: int, epoch: int, record: EpochRecord, optimiser: torch.optim.SGD
    ) -> None:
        """Checkpoint the end of an epoch; after a phase's last one, momentum starts anew."""
        ends = epoch == self.schedule.phases[number].epochs
        self.checkpoint = replace(
            self.checkpoint,
            phase=number + ends,
            epoch=0 if ends else epoch,
            network=self.network.state_dict(),
            momenta={} if ends else _momenta(self.network, optimiser),
            teacher=self.teacher.state_dict() if self.teacher is not None else {},
            records=(*self.checkpoint.records, record),
        )
        save_checkpoint(self.out, self.checkpoint)


def _optimiser(
    network: nn.Module, schedule: Schedule, momenta: dict[str, Tensor]
) -> torch.optim.SGD:
    """SGD that decays the weights of layers, and neither norms, biases nor kernel transforms.

    Decay would pull a transform, which starts as an identity, to a kernel of zeros.
    """
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        keeps = parameter.ndim < 2 or ".transforms." in name
        (free if keeps else decayed).append(parameter)
    optimiser = torch.optim.SGD(
        [
            {"params": decayed, "weight_decay": schedule.weight_decay},
            {"params": free, "weight_decay": 0.0},
        ],
        lr=0.0,
        momentum=schedule.momentum,
        nesterov=schedule.momentum > 0,
        foreach=True,  # fused mistakes parameters that join later for a first step of all
    )
    for name, momentum in momenta.items():
        optimiser.state[network.get_parameter(name)]["momentum_buffer"] = momentum
    return optimiser


def _momenta(network: nn.Module, optimiser: torch.optim.SGD) -> dict[str, Tensor]:
    found = {}
    for name, parameter in network.named_parameters():
        momentum = optimiser.state.get(parameter, {}).get("momentum_buffer")
        if momentum is not None:
            found[name] = momentum
    return found


def _check_fit(recipe: Recipe, dataset: Dataset) -> None:
    space = recipe.space
    if not recipe.schedule.phases:
        raise InputError(f"the schedule {recipe.schedule.name!r} has no phases: nothing to train")
    if (space.in_channels, space.classes) != (dataset.channels, dataset.classes):
        raise InputError(
            f"the space {space.name} has {space.in_channels} input channels and {space.classes} "
            f"classes, the data {dataset.channels} and {dataset.classes}; change the space's"
        )
    for phase in recipe.schedule.phases:
        PhaseSpace(space, phase)
        if phase.batch > len(dataset):
            raise InputError(
                f"phase {phase.name!r} takes batches of {phase.batch}, the data has "
                f"{len(dataset)} images"
            )
