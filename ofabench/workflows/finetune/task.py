"""Task of a fine-tuning: network, images and recipe, checked against each other."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.errors import InputError
from ofabench.options.finetune import FinetuneOptions
from ofabench.workflows.export.source import Source, open_network
from ofabench.workflows.train.extraction import ExtractedNetwork
from ofabench.workflows.train.training_run import (
    augmentation_text,
    augmented_source,
)
from supernet.data.batch_stream import Source as TrainingSource
from supernet.data.open_data import Data, open_data
from supernet.data.parts import DataParts
from supernet.data.torch_dataset import TorchData
from supernet.export.network_file import WHAT as SUB_NETWORK
from supernet.export.network_file import StandaloneNetwork
from supernet.space.space import SearchSpace
from supernet.train.checkpoint import WHAT as SUPERNET
from supernet.train.checkpoint import Recipe
from supernet.train.init_record import InitRecord
from supernet.train.recalibrate import CALIBRATION_IMAGES
from supernet.train.schedule import Phase, Schedule
from supernet.train.single_network import (
    Optimisation,
    single_schedule,
    space_for_classes,
    weights_digest,
)
from supernet.train.validation import LEAST_IMAGES, SingleNetworkValidation
from supernet.weights.tensor_file import kind_of


@dataclass(frozen=True, kw_only=True)
class FinetuningTask:
    """Network to train, its space with the classes of the data, images, and recipe.

    `source` are the training images of `parts`, augmented. `recipe` is that of a single process,
    without the teacher.
    """

    network: StandaloneNetwork
    space: SearchSpace
    parts: DataParts
    source: TrainingSource
    recipe: Recipe
    record: InitRecord
    options: FinetuneOptions

    @cached_property
    def validation(self) -> SingleNetworkValidation:
        """Validation on all validation images."""
        size = self.space.resolutions[0]
        calibration = self.parts.train_source.calibration(CALIBRATION_IMAGES, size)
        return SingleNetworkValidation(self.parts.validation, calibration)


def open_task(
    network: Source, data: Data | None, pick: int | None, options: FinetuneOptions
) -> FinetuningTask:
    """Open network and images, and check that they fit each other."""
    _check_kind(network)
    # A supernet's sub-network gets its statistics from these images.
    calibration = data if isinstance(network, tuple) else None
    extracted = open_network(network, calibration, pick=pick, images=False)
    given = extracted.network
    images = _images(extracted, data)
    classes = given.blocks[-1].out_channels
    if isinstance(images, TorchData) and images.class_names:
        classes = len(images.class_names)  # a Dataset does not say how many classes it has
    needs = space_for_classes(given.space, given.blocks, classes, given.norm_eps)
    parts = open_data(images, needs, workers=options.workers, labels=False)
    source = augmented_source(parts, options)
    if len(parts.validation) < LEAST_IMAGES:
        raise InputError(
            f"data {parts.name} has {len(parts.validation)} validation images, by which the best "
            f"epoch is chosen, expected {LEAST_IMAGES} or more; give data with a validation part"
        )
    space = space_for_classes(given.space, given.blocks, parts.classes, given.norm_eps)
    recipe = Recipe(
        space=space,
        schedule=_schedule(options),
        data=images if isinstance(images, str) else source.name,
        seed=options.seed,
        precision=options.precision,
        augmentation=augmentation_text(options),
        ema=options.ema or 0.0,
    )
    record = InitRecord(
        file=_name(network, given),
        sha256=weights_digest(given.network),
        space=given.space,
        class_names=given.class_names,
    )
    return FinetuningTask(
        network=given,
        space=space,
        parts=parts,
        source=source,
        recipe=recipe,
        record=record,
        options=options,
    )


def _check_kind(network: Source) -> None:
    """Raise `InputError` where a supernet has no architecture, or a sub-network has one."""
    if isinstance(network, str | Path) and kind_of(Path(network)) == SUPERNET:
        raise InputError(
            f"{network} is a supernet: give --arch, the network to fine-tune (a search's result, "
            "an archs file, or one of the words largest, smallest)"
        )
    file = network[0] if isinstance(network, tuple) and network else None
    if isinstance(file, str | Path) and kind_of(Path(file)) == SUB_NETWORK:
        raise InputError(f"{file} is one network already: leave --arch out")


def _images(extracted: ExtractedNetwork, data: Data | None) -> Data:
    """The given images, else those that the network was extracted with."""
    if data is not None:
        return str(data) if isinstance(data, Path) else data
    if extracted.data is not None:
        return extracted.data
    recorded = extracted.recorded_data
    if recorded is None:
        raise InputError("the network does not name its training images; give --data")
    return recorded


def _name(network: Source, given: StandaloneNetwork) -> str:
    if isinstance(network, str | Path):
        return Path(network).name
    return str(given.provenance.get("checkpoint") or "the network")


def _schedule(options: FinetuneOptions) -> Schedule:
    distillation = 0.0 if options.teacher is None else options.distillation
    everything = Phase(
        name="all",
        epochs=options.epochs,
        lr=options.lr,
        batch=options.batch,
        warmup_epochs=options.warmup_epochs,
        decay="none" if options.decay == "none" else "cosine",
        distillation=distillation,
    )
    head = Phase(
        name="head",
        trainable="head",
        epochs=max(options.head_epochs, 1),
        lr=options.head_lr,
        batch=options.batch,
        distillation=distillation,
    )
    optimisation = Optimisation(
        weight_decay=options.weight_decay,
        label_smoothing=options.label_smoothing,
        clip_norm=options.clip_norm,
    )
    phases = [head, everything] if options.head_epochs else [everything]
    return single_schedule(phases, optimisation)
