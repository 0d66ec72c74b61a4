"""Figures of a running training, for its callbacks."""

from collections.abc import Sequence

from supernet.train.callbacks import NetworkAccuracy, TrainingEpoch, TrainingProgress
from supernet.train.checkpoint import Recipe
from supernet.train.checkpointing import EpochProgress
from supernet.train.schedule import steps_done
from supernet.train.validation import Evaluated


def step_figures(
    progress: EpochProgress, accuracy: float, recipe: Recipe, images: int
) -> TrainingProgress:
    """Return the figures after a step, whose training `accuracy` is given; `images` of the data."""
    plan, losses, step = progress.plan, progress.losses, len(progress.losses) - 1
    phase, (_, number, epoch) = plan.phase, plan.key
    rate = images_per_s(progress)
    return TrainingProgress(
        phase=phase.name,
        phase_number=number + 1,
        phases=len(recipe.schedule.phases),
        epoch=epoch + 1,
        epochs=phase.epochs,
        loss=sum(losses[-1]) / phase.subnets,
        accuracy=accuracy,
        lr=plan.lr_at(step),
        images_per_s=rate,
        seconds_left=images_after((number, epoch, step), recipe, images) / rate,
    )


def epoch_figures(
    progress: EpochProgress, evaluated: Sequence[Evaluated], recipe: Recipe, images: int
) -> TrainingEpoch:
    """Return the figures of a finished epoch on so many `images` of the data."""
    plan, phases = progress.plan, recipe.schedule.phases
    _, number, epoch = plan.key
    return TrainingEpoch(
        phase=plan.phase.name,
        phase_number=number + 1,
        phases=len(phases),
        epoch=epoch + 1,
        epochs=plan.phase.epochs,
        steps=steps_done(phases, images, (number, epoch, plan.steps)),
        loss=progress.loss,
        lr=plan.lr_at(plan.steps - 1),
        images=plan.images,
        seconds=progress.seconds,
        accuracies=tuple(
            NetworkAccuracy(network=each.network, accuracy=each.accuracy, images=each.images)
            for each in evaluated
        ),
    )


def images_per_s(progress: EpochProgress) -> float:
    """Return the images per second of an epoch so far, each counted for each sub-network."""
    phase = progress.plan.phase
    return len(progress.losses) * phase.batch * phase.subnets / max(progress.seconds, 1e-9)


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
    steps = epoch * (images // phase.batch) + step + 1
    return left - steps * phase.batch * phase.subnets
