"""Train a supernet phase by phase; training can continue from any step."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.errors import InputError, InterruptedSweepError
from supernet.data.batch_stream import Source
from supernet.data.class_names import check_same
from supernet.train.best_network import BestNetwork
from supernet.train.callbacks import StepWatcher, TrainingProgress
from supernet.train.checkpoint import Checkpoint, Recipe, load_checkpoint, save_checkpoint
from supernet.train.checkpointing import Checkpointer, EpochProgress
from supernet.train.distill import Teacher
from supernet.train.engine import Engine
from supernet.train.epoch import EpochPlan
from supernet.train.initial_weights import InitialWeights, check_resumed, check_start
from supernet.train.log import EVERY_STEPS, TrainingLog
from supernet.train.recalibrate import channels_last
from supernet.train.run_options import RunOptions
from supernet.train.sampling import PhaseSpace, Sampling
from supernet.train.schedule import Phase
from supernet.weights.model import SuperNet


def train(  # noqa: PLR0913, PLR0917 - what is trained, on what, and from where
    recipe: Recipe,
    source: Source,
    out: Path,
    running: RunOptions | None = None,
    sampling: Sampling | None = None,
    initial: InitialWeights | None = None,
    teacher: Teacher | None = None,
) -> SuperNet:
    """Train a supernet on the images of `source`, with checkpoints in `out` and a log beside it.

    A new training begins from the weights `initial`; None for random ones. `teacher` is the one
    that the recipe names; without, the full network becomes the teacher after the first phase. On a
    CPU, equal recipes, images, threads, ranks and initial weights give equal weights, also after a
    stop and a resume.
    Raises `InputError` where recipe, data and ranks are incompatible, `out` is of another
    recipe, or the loss diverges; `InfeasibleError` where no network meets the limits;
    `InterruptedSweepError` after a requested stop, with everything saved.
    """
    running, sampling = running or RunOptions(), sampling or Sampling()
    check_fit(recipe, source, running)
    sampling.check(recipe.space, recipe.schedule.phases)
    log, resume = TrainingLog.beside(out), running.resume
    if resume:
        checkpoint = load_checkpoint(out, recipe.what)
        checkpoint.recipe.check_same(recipe)
        check_same(checkpoint.class_names, source.class_names, source.name)
        check_resumed(initial, checkpoint.init)
        checkpoint = replace(checkpoint, class_names=source.class_names or checkpoint.class_names)
    else:
        check_start(recipe.schedule, initial)
        checkpoint = Checkpoint(
            recipe=recipe,
            phase=0,
            epoch=0,
            network=initial.network
            if initial is not None
            else SuperNet(recipe.space, recipe.seed).state_dict(),
            class_names=source.class_names,
            init=initial.record if initial is not None else None,
        )
        if running.ranks.first:
            # Also checks that `out` can be written, before hours of training.
            save_checkpoint(out, checkpoint)
    if running.ranks.first and not checkpoint.finished:
        log.cut(checkpoint.place, checkpoint.about(), restart=not resume)
    checkpointer = Checkpointer(checkpoint, out, running)
    trainer = _Trainer(checkpointer, source, log, running, sampling, teacher)
    trainer.run()
    return trainer.engine.network.eval()


def steps_in(phases: Sequence[Phase], images: int) -> int:
    """Return the number of optimiser steps of the phases on so many images."""
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
    def __init__(  # noqa: PLR0913, PLR0917 - as `train`
        self,
        checkpointer: Checkpointer,
        source: Source,
        log: TrainingLog,
        running: RunOptions,
        sampling: Sampling,
        teacher: Teacher | None,
    ) -> None:
        checkpoint = checkpointer.checkpoint
        self.recipe, self.source, self.log, self.checkpointer = (
            checkpoint.recipe,
            source,
            log,
            checkpointer,
        )
        self.running, self.sampling, self.ranks = running, sampling, running.ranks
        network = channels_last(SuperNet(self.recipe.space)).to(running.own_device)
        network.load_state_dict(checkpoint.network)
        self.engine = Engine(network, self.recipe, running)
        if self.engine.average is not None and checkpoint.average:
            self.engine.average.restore(checkpoint.average)
        self.teacher = teacher
        if checkpoint.teacher and not checkpoint.finished:
            self.teacher = Teacher.load(network, source, checkpoint.teacher)
        per_rank = self.recipe.micro_batches // self.ranks.world
        self.parts = range(self.ranks.rank * per_rank, (self.ranks.rank + 1) * per_rank)
        self.stopping = False

    def run(self) -> None:
        """Train all remaining phases."""
        checkpoint, images = self.checkpointer.checkpoint, len(self.source)
        phases, progress = self.recipe.schedule.phases, self.running.progress
        what = f"{self.running.verb} {self.recipe.space.name}"
        progress.start(steps_in(phases, images), what)
        try:
            done_steps = steps_in(phases[: checkpoint.phase], images)
            if not checkpoint.finished:
                done_steps += (
                    checkpoint.epoch * (images // phases[checkpoint.phase].batch) + checkpoint.step
                )
            progress.advance(done_steps)
            for number in range(checkpoint.phase, len(phases)):
                self._run_phase(number)
        finally:
            progress.close()

    def _run_phase(self, number: int) -> None:
        phases, checkpoint = self.recipe.schedule.phases, self.checkpointer.checkpoint
        phase, network = phases[number], self.engine.network
        space = PhaseSpace(self.recipe.space, phase)
        if (checkpoint.epoch, checkpoint.step) == (0, 0):
            # Phases that train the head only do not change any width.
            earlier = [each for each in phases[:number] if not each.head_only]
            if earlier and not phase.head_only and phase.widens(earlier[-1]):
                previous_space = PhaseSpace(self.recipe.space, earlier[-1])
                network.sort_channels(previous_space.hidden_widths())
            if phase.distillation and not phase.sandwich and self.teacher is None:
                self.teacher = Teacher.freeze(network.eval(), self.source)
        self.engine.restart(checkpoint.momenta)
        network.train()
        for arch in () if phase.head_only else space.only():
            self.engine.compile_for(arch)
        last = number == len(phases) - 1
        draws, estimate = self.sampling.within(space, phase, last=last), checkpoint.estimate
        for epoch in range(checkpoint.epoch, phase.epochs):
            key = (self.recipe.seed, number, epoch)
            composed = self.sampling.composed(draws, space, phase, estimate)
            plan = EpochPlan.draw(key, phase, self.source, composed)
            progress = self._run_epoch(plan)
            estimate = self.sampling.learn(space, plan, progress.losses, estimate)
            evaluated = self._validate(plan)
            self.checkpointer.epoch(progress, self.engine, self.teacher, estimate, evaluated)
            if self.stopping:
                self._stop()

    def _validate(self, plan: EpochPlan) -> BestNetwork | None:
        """Log the accuracy after an epoch, on the first rank alone.

        Returns the network with its accuracy, if the best one is to be kept.
        """
        validation = self.running.validation
        if validation is None or not self.ranks.first:
            return None
        result = validation.evaluate(self.engine.averaged())
        if result is None:
            return None
        _, phase, epoch = plan.key
        self.log.add(
            kind="validation",
            phase=phase,
            epoch=epoch,
            step=plan.steps - 1,
            network=result.network,
            accuracy=result.accuracy,
            images=result.images,
        )
        if not result.state:
            return None
        return BestNetwork(
            accuracy=result.accuracy,
            images=result.images,
            epoch=len(self.checkpointer.checkpoint.records) + 1,
            network=result.state,
        )

    def _run_epoch(self, plan: EpochPlan) -> EpochProgress:
        checkpoint, clock = self.checkpointer.checkpoint, self.running.clock
        losses, started_s = list(checkpoint.losses), clock() - checkpoint.seconds
        progress = EpochProgress(plan=plan, losses=losses, seconds=checkpoint.seconds)
        requests = plan.requests(checkpoint.step, self.parts, self.recipe.micro_batches)
        stream = iter(self.source.stream(requests))
        teacher = self.teacher if plan.phase.distillation and not plan.phase.sandwich else None
        for step in range(checkpoint.step, plan.steps):
            batches = [next(stream) for _ in self.parts]
            archs = self.recipe.space.decode(plan.codes[step])
            own, right = self.engine.step(plan.phase, plan.lr_at(step), archs, batches, teacher)
            *sums, right, stops = self.ranks.sums([*own, right, float(self.running.stop())])
            losses.append(tuple(total / self.ranks.world for total in sums))
            progress = replace(progress, seconds=clock() - started_s)
            self._report_step(progress, right / self.ranks.world)
            self.stopping = stops > 0
            if step + 1 < plan.steps and (self.stopping or self.checkpointer.due):
                self.checkpointer.within(progress, self.engine, self.teacher)
                if self.stopping:
                    self._stop()
        return progress

    def _stop(self) -> None:
        self.ranks.wait()  # torchrun ends all ranks with the first to end
        raise InterruptedSweepError(
            "training was stopped on request; everything up to here is saved"
        )

    def _report_step(self, progress: EpochProgress, accuracy: float) -> None:
        """Log and show the last step; `InputError` where the loss diverged."""
        plan, losses, step = progress.plan, progress.losses, len(progress.losses) - 1
        phase, (_, number, epoch) = plan.phase, plan.key
        if not all(map(math.isfinite, losses[-1])):
            raise InputError(
                f"training diverged in phase {phase.name!r}, epoch {epoch + 1}, step {step + 1}: "
                f"the losses are {losses[-1]}; lower the schedule's lr there"
            )
        images_per_s = len(losses) * phase.batch * phase.subnets / max(progress.seconds, 1e-9)
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
        note = f"{phase.name} {epoch + 1}/{phase.epochs}, loss {progress.loss:.3f}"
        self.running.progress.advance(1, note)
        if self.ranks.first and ((step + 1) % EVERY_STEPS == 0 or step + 1 == plan.steps):
            recent = losses[step // EVERY_STEPS * EVERY_STEPS :]
            self.log.add(
                phase=number,
                name=phase.name,
                epoch=epoch,
                step=step,
                loss=sum(map(sum, recent)) / (len(recent) * phase.subnets),
                lr=plan.lr_at(step),
                images_per_s=images_per_s,
            )


def check_fit(recipe: Recipe, source: Source, running: RunOptions) -> None:
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
            f"{parts} micro-batches cannot be shared evenly by {ranks.world} ranks; their number "
            f"times --accumulate must divide {parts}, as at the start of the training"
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
