"""Trains a supernet phase by phase; it can continue from the end of any step."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.errors import InputError, InterruptedSweepError
from supernet.data.batch_stream import Source
from supernet.data.class_names import check_same
from supernet.train.callbacks import StepWatcher, TrainingProgress
from supernet.train.checkpoint import Checkpoint, Recipe, load_checkpoint, save_checkpoint
from supernet.train.checkpointing import Checkpointer, EpochProgress
from supernet.train.distill import Teacher
from supernet.train.engine import Engine
from supernet.train.epoch import EpochPlan
from supernet.train.log import EVERY_STEPS, TrainingLog
from supernet.train.recalibrate import channels_last
from supernet.train.run_options import Running
from supernet.train.sampling import PhaseSpace, Sampling
from supernet.train.schedule import Phase
from supernet.train.validation import NETWORK
from supernet.weights.model import SuperNet


def train(
    recipe: Recipe,
    source: Source,
    out: Path,
    running: Running | None = None,
    sampling: Sampling | None = None,
) -> SuperNet:
    """Train a supernet on the images of `source`, checkpointed in `out`, a log beside it.

    On a CPU, equal recipes and images give equal weights, with as many threads and ranks; gone on
    with, a training comes to the weights that it would have had without the stop. `InputError`
    where recipe, data and ranks do not fit each other, `out` is of another recipe, or the loss
    diverges; `InfeasibleError` where nothing is within the limits; `InterruptedSweepError` where
    it was told to stop, all being saved.
    """
    running, sampling = running or Running(), sampling or Sampling()
    check_fit(recipe, source, running)
    sampling.check(recipe.space, recipe.schedule.phases)
    log, resume = TrainingLog.beside(out), running.resume
    if resume:
        checkpoint = load_checkpoint(out)
        checkpoint.recipe.check_same(recipe)
        check_same(checkpoint.class_names, source.class_names, source.name)
        checkpoint = replace(checkpoint, class_names=source.class_names or checkpoint.class_names)
    else:
        state = SuperNet(recipe.space, recipe.seed).state_dict()
        checkpoint = Checkpoint(
            recipe=recipe, phase=0, epoch=0, network=state, class_names=source.class_names
        )
        if running.ranks.first:
            # Also the test that `out` can be written, before hours of work are put into it.
            save_checkpoint(out, checkpoint)
    if running.ranks.first and not checkpoint.finished:
        log.cut(checkpoint.place, recipe.about(), anew=not resume)
    keeper = Checkpointer(checkpoint, out, running)
    trainer = _Trainer(keeper, source, log, running, sampling)
    trainer.run()
    return trainer.engine.network.eval()


def steps_in(phases: Sequence[Phase], images: int) -> int:
    """Optimiser steps that phases take on so many images."""
    return sum(phase.epochs * (images // phase.batch) for phase in phases)


def images_after(done: tuple[int, int, int], recipe: Recipe, images: int) -> int:
    """Return how many images are still trained on, each counted once for each sub-network.

    Args:
        done: phase, epoch and the last step that is done, counted from 0.
        recipe: what is trained.
        images: of the data.
    """
    number, epoch, step = done
    left = 0
    for phase in recipe.schedule.phases[number:]:
        left += phase.epochs * (images // phase.batch) * phase.batch * phase.subnets
    phase = recipe.schedule.phases[number]
    steps_done = epoch * (images // phase.batch) + step + 1
    return left - steps_done * phase.batch * phase.subnets


class _Trainer:
    def __init__(
        self,
        keeper: Checkpointer,
        source: Source,
        log: TrainingLog,
        running: Running,
        sampling: Sampling,
    ) -> None:
        checkpoint = keeper.checkpoint
        self.recipe, self.source, self.log, self.keeper = checkpoint.recipe, source, log, keeper
        self.running, self.sampling, self.ranks = running, sampling, running.ranks
        network = channels_last(SuperNet(self.recipe.space)).to(running.own_device)
        network.load_state_dict(checkpoint.network)
        self.engine = Engine(network, self.recipe, running)
        self.teacher: Teacher | None = None
        if checkpoint.teacher and not checkpoint.finished:
            self.teacher = Teacher.load(network, source, checkpoint.teacher)
        per_rank = self.recipe.micro_batches // self.ranks.world
        self.parts = range(self.ranks.rank * per_rank, (self.ranks.rank + 1) * per_rank)
        self.stopping = False

    def run(self) -> None:
        """Train every phase that is left."""
        begun, images = self.keeper.checkpoint, len(self.source)
        phases, progress = self.recipe.schedule.phases, self.running.progress
        progress.start(steps_in(phases, images), f"train {self.recipe.space.name}")
        try:
            before = steps_in(phases[: begun.phase], images)
            if not begun.finished:
                before += begun.epoch * (images // phases[begun.phase].batch) + begun.step
            progress.advance(before)
            for number in range(begun.phase, len(phases)):
                self._run_phase(number)
        finally:
            progress.close()

    def _run_phase(self, number: int) -> None:
        phases, begun = self.recipe.schedule.phases, self.keeper.checkpoint
        phase, network = phases[number], self.engine.network
        space = PhaseSpace(self.recipe.space, phase)
        if (begun.epoch, begun.step) == (0, 0):
            if number > 0 and phase.widens(phases[number - 1]):
                before = PhaseSpace(self.recipe.space, phases[number - 1])
                network.sort_channels(before.hidden_widths())
            if phase.distillation and not phase.sandwich and self.teacher is None:
                self.teacher = Teacher.freeze(network.eval(), self.source)
        self.engine.restart(begun.momenta)
        network.train()
        for arch in space.only():
            self.engine.compile_for(arch)
        last = number == len(phases) - 1
        draws, learnt = self.sampling.within(space, phase, last=last), begun.estimate
        for epoch in range(begun.epoch, phase.epochs):
            key = (self.recipe.seed, number, epoch)
            composed = self.sampling.composed(draws, space, phase, learnt)
            plan = EpochPlan.draw(key, phase, len(self.source), composed)
            so_far = self._run_epoch(plan)
            learnt = self.sampling.learn(space, plan, so_far.losses, learnt)
            self._validate(plan)
            self.keeper.epoch(so_far, self.engine, self.teacher, learnt)
            if self.stopping:
                self._stop()

    def _validate(self, plan: EpochPlan) -> None:
        """Log the accuracy after an epoch, on the first rank alone."""
        validation = self.running.validation
        if validation is None or not self.ranks.first:
            return
        result = validation.accuracy(self.engine.network)
        if result is not None:
            accuracy, images = result
            _, phase, epoch = plan.key
            self.log.add(
                kind="validation",
                phase=phase,
                epoch=epoch,
                step=plan.steps - 1,
                network=NETWORK,
                accuracy=accuracy,
                images=images,
            )

    def _run_epoch(self, plan: EpochPlan) -> EpochProgress:
        begun, clock = self.keeper.checkpoint, self.running.clock
        losses, started_s = list(begun.losses), clock() - begun.seconds
        so_far = EpochProgress(plan=plan, losses=losses, seconds=begun.seconds)
        wanted = plan.wanted(begun.step, self.parts, self.recipe.micro_batches)
        stream = iter(self.source.stream(wanted))
        teacher = self.teacher if plan.phase.distillation and not plan.phase.sandwich else None
        for step in range(begun.step, plan.steps):
            batches = [next(stream) for _ in self.parts]
            archs = self.recipe.space.decode(plan.codes[step])
            own, right = self.engine.step(plan.phase, plan.lr_at(step), archs, batches, teacher)
            *sums, right, stops = self.ranks.sums([*own, right, float(self.running.stop())])
            losses.append(tuple(total / self.ranks.world for total in sums))
            so_far = replace(so_far, seconds=clock() - started_s)
            self._tell(so_far, right / self.ranks.world)
            self.stopping = stops > 0
            if step + 1 < plan.steps and (self.stopping or self.keeper.due):
                self.keeper.within(so_far, self.engine, self.teacher)
                if self.stopping:
                    self._stop()
        return so_far

    def _stop(self) -> None:
        self.ranks.wait()  # torchrun ends the others once one has ended: the first is to save
        raise InterruptedSweepError("training was told to stop; everything up to here is saved")

    def _tell(self, so_far: EpochProgress, accuracy: float) -> None:
        """Log and show the last step; `InputError` where it diverged."""
        plan, losses, step = so_far.plan, so_far.losses, len(so_far.losses) - 1
        phase, (_, number, epoch) = plan.phase, plan.key
        if not all(map(math.isfinite, losses[-1])):
            raise InputError(
                f"training diverged in phase {phase.name!r}, epoch {epoch + 1}, step {step + 1}: "
                f"the losses are {losses[-1]}; lower the schedule's lr there"
            )
        images_per_s = len(losses) * phase.batch * phase.subnets / max(so_far.seconds, 1e-9)
        if isinstance(self.running.progress, StepWatcher):
            images_left = images_after((number, epoch, step), self.recipe, len(self.source))
            self.running.progress.show_step(
                TrainingProgress(
                    phase=phase.name,
                    phase_number=number + 1,
                    phases=len(self.recipe.schedule.phases),
                    epoch=epoch + 1,
                    epochs=phase.epochs,
                    loss=sum(losses[-1]) / phase.subnets,
                    accuracy=accuracy,
                    lr=plan.lr_at(step),
                    images_per_s=images_per_s,
                    seconds_left=images_left / images_per_s,
                )
            )
        note = f"{phase.name} {epoch + 1}/{phase.epochs}, loss {so_far.loss:.3f}"
        self.running.progress.advance(1, note)
        if self.ranks.first and ((step + 1) % EVERY_STEPS == 0 or step + 1 == plan.steps):
            lately = losses[step // EVERY_STEPS * EVERY_STEPS :]
            self.log.add(
                phase=number,
                name=phase.name,
                epoch=epoch,
                step=step,
                loss=sum(map(sum, lately)) / (len(lately) * phase.subnets),
                lr=plan.lr_at(step),
                images_per_s=images_per_s,
            )


def check_fit(recipe: Recipe, source: Source, running: Running) -> None:
    """Raise `InputError` where a recipe does not fit its images, its device or its ranks."""
    space, ranks = recipe.space, running.ranks
    if recipe.precision == "float16" and running.own_device.type != "cuda":
        raise InputError("float16 trains on CUDA devices only; take bfloat16 or float32")
    if not recipe.schedule.phases:
        raise InputError(f"the schedule {recipe.schedule.name!r} has no phases: nothing to train")
    if (space.in_channels, space.classes) != (source.channels, source.classes):
        raise InputError(
            f"the space {space.name} has {space.in_channels} input channels and {space.classes} "
            f"classes, the data {source.channels} and {source.classes}; change the space's"
        )
    parts = recipe.micro_batches
    if parts % ranks.world:
        raise InputError(
            f"{parts} micro-batches cannot be shared evenly by {ranks.world} ranks; give their "
            f"number times --accumulate as {parts} was made up when the training began"
        )
    for phase in recipe.schedule.phases:
        PhaseSpace(space, phase)
        if phase.batch > len(source):
            raise InputError(
                f"phase {phase.name!r} takes batches of {phase.batch}, the data has "
                f"{len(source)} images"
            )
        if phase.batch % parts or phase.batch // parts < 2:
            raise InputError(
                f"phase {phase.name!r} takes batches of {phase.batch}, which {parts} micro-batches "
                "cannot share evenly with at least 2 images each; change the schedule's batch, the "
                "ranks or --accumulate"
            )
