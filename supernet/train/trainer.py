"""Train a supernet phase by phase; training can continue from any step."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.errors import InputError, InterruptedSweepError
from supernet.data.batch_stream import Source
from supernet.data.class_names import check_same
from supernet.train.best_network import BestNetwork
from supernet.train.callbacks import StepWatcher
from supernet.train.checkpoint import Checkpoint, Recipe, load_checkpoint, save_checkpoint
from supernet.train.checkpointing import Checkpointer, EpochProgress
from supernet.train.distill import Teacher
from supernet.train.engine import Engine
from supernet.train.epoch import EpochPlan
from supernet.train.figures import epoch_figures, images_per_s, step_figures
from supernet.train.initial_weights import InitialWeights, check_resumed, check_start
from supernet.train.log import EVERY_STEPS, TrainingLog
from supernet.train.recalibrate import channels_last
from supernet.train.run_options import RunOptions
from supernet.train.sampling import PhaseSpace, Sampling
from supernet.train.schedule import steps_done
from supernet.train.validation import Evaluated
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
    log, resume = TrainingLog.beside(out, running.mirror), running.resume
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
        about = {**checkpoint.about(), **_evaluated_networks(running)}
        log.cut(checkpoint.place, about, restart=not resume)
    checkpointer = Checkpointer(checkpoint, out, running)
    trainer = _Trainer(checkpointer, source, log, running, sampling, teacher)
    trainer.run()
    return trainer.engine.network.eval()


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
        progress.start(steps_done(phases, images, (len(phases), 0, 0)), what)
        try:
            progress.advance(steps_done(phases, images, checkpoint.place))
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
            best = self._candidate(evaluated)
            self.checkpointer.epoch(progress, self.engine, self.teacher, estimate, best)
            for callback in self.running.callbacks if self.ranks.first else ():
                callback(epoch_figures(progress, evaluated, self.recipe, len(self.source)))
            if self.stopping:
                self._stop()

    def _validate(self, plan: EpochPlan) -> tuple[Evaluated, ...]:
        """Evaluate networks after an epoch and log their accuracies, on the first rank alone."""
        validation = self.running.validation
        if validation is None or not self.ranks.first:
            return ()
        evaluated = validation.evaluate(self.engine.averaged())
        _, phase, epoch = plan.key
        for result in evaluated:
            self.log.add(
                kind="validation",
                phase=phase,
                epoch=epoch,
                step=plan.steps - 1,
                network=result.network,
                accuracy=result.accuracy,
                images=result.images,
            )
        return evaluated

    def _candidate(self, evaluated: Sequence[Evaluated]) -> BestNetwork | None:
        """Return the evaluated network with its accuracy, if the best one is to be kept."""
        kept = next((result for result in evaluated if result.state), None)
        if kept is None:
            return None
        return BestNetwork(
            accuracy=kept.accuracy,
            images=kept.images,
            epoch=len(self.checkpointer.checkpoint.records) + 1,
            network=kept.state,
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
        if isinstance(self.running.progress, StepWatcher):
            figures = step_figures(progress, accuracy, self.recipe, len(self.source))
            self.running.progress.show_step(figures)
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
                images_per_s=images_per_s(progress),
            )


def _evaluated_networks(running: RunOptions) -> dict[str, Any]:
    """Return the architectures of the evaluated networks, for the log; empty without any."""
    validation = running.validation
    archs = {} if validation is None else validation.networks
    return {"networks": {name: arch.to_json() for name, arch in archs.items()}} if archs else {}


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
