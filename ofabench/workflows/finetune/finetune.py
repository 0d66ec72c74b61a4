"""`finetune`: training of a single network, such as one that a search chose."""

import logging
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from bench.errors import FileError, InputError
from bench.protocol.progress import Progress
from ofabench.options.finetune import FinetuneOptions
from ofabench.workflows.export.source import Source, open_network
from ofabench.workflows.finetune.finetuned_network import (
    Finetuning,
    check_same_request,
    finetuned_network,
)
from ofabench.workflows.finetune.teacher import load_teacher
from ofabench.workflows.train.broken_images import log_broken
from ofabench.workflows.train.extraction import ExtractedNetwork, load_extracted
from ofabench.workflows.train.training_run import (
    augmentation_text,
    augmented_source,
    joined_ranks,
    path_of,
    running_options,
)
from supernet.data.batch_stream import Source as TrainingSource
from supernet.data.open_data import Data, open_data
from supernet.data.parts import DataParts
from supernet.data.torch_dataset import TorchData
from supernet.export.network_file import WHAT as SUB_NETWORK
from supernet.export.network_file import StandaloneNetwork
from supernet.space.space import SearchSpace
from supernet.train import trainer
from supernet.train.checkpoint import FINE_TUNING, Recipe, load_checkpoint
from supernet.train.checkpoint import WHAT as SUPERNET
from supernet.train.distributed import Ranks
from supernet.train.init_record import InitRecord
from supernet.train.recalibrate import CALIBRATION_IMAGES
from supernet.train.schedule import Phase, Schedule
from supernet.train.single_network import (
    Optimisation,
    initial_weights_of,
    schedule_difference,
    single_schedule,
    space_for_classes,
    weights_digest,
)
from supernet.train.validation import LEAST_IMAGES, SingleNetworkValidation
from supernet.weights.tensor_file import kind_of

_LOG = logging.getLogger(__name__)


def finetune(  # noqa: PLR0913 - which network, on what, how, and where
    network: Source,
    data: Data | None = None,
    *,
    out: Path | str,
    pick: int | None = None,
    options: FinetuneOptions | None = None,
    progress: Progress | None = None,
) -> ExtractedNetwork:
    """Fine-tune a sub-network, and write the best one by validation to `out`.

    While it runs, its state and a log are next to `out` (`NET.finetune.safetensors`, `.jsonl`);
    `options.resume` continues from it. Ctrl-C and SIGTERM save and stop. Started by torchrun, all
    processes train together. No test image is used.

    Args:
        network: a pair (supernet, arch), each in memory or a file; a sub-network that
            `SuperNet.extract` returned; or its file. `arch` may also be a search's result, or one
            of the words largest and smallest.
        data: a name, a folder of images or torch Datasets, as for `train`; with another number of
            classes, which torch Datasets have by `TorchData.class_names`, the head is initialised.
            None for the data of the network's extraction.
        out: the fine-tuned network's file, for `export` and `ofabench export --network`.
        pick: which network of the file `arch`, from 1.
        options: schedule, teacher, average of the weights, device.
        progress: is shown each step; None shows nothing.

    Returns:
        The network after the best epoch, or as it was if no epoch was better, with its accuracy
        before and after (`network.finetuning`).

    Raises:
        InputError: network, data, teacher and options do not fit each other, the data have no
            validation images, or the loss diverges.
        FileError: a file cannot be read or written.
        InterruptedSweepError: it was stopped; the state is kept.

    Example:
        >>> from ofabench.workflows.train.supernet import load_supernet
        >>> from tests.support.micro_supernets import micro_images, save_micro
        >>> supernet = load_supernet(save_micro("supernet.safetensors"), data=micro_images())
        >>> quick = FinetuneOptions(epochs=1, batch=32, threads=1)
        >>> tuned = finetune((supernet, "smallest"), micro_images(), out="net.safetensors",
        ...                  options=quick)
        >>> tuned.finetuning.epochs, tuned.finetuning.images
        (1, 30)
    """
    options = FinetuneOptions.or_defaults(options)
    path = path_of(out, "the fine-tuned network's file")
    with joined_ranks(options) as ranks:
        if ranks.first:
            _check_out(path, resume=options.resume)
        ranks.wait()
        task = _open(network, data, pick, options)
        finished = path.exists()
        if finished:  # and only resumed
            check_same_request(path, task.record.sha256, task.recipe.data, options)
        else:
            _train(task, path, options, progress, ranks)
        if ranks.first and not finished:
            _finish(task, path)
        ranks.wait()  # for the first rank's file
    log_broken(task.parts.broken())
    return replace(load_extracted(path), data=task.parts)


def state_path(out: Path) -> Path:
    """Return the file of an unfinished fine-tuning into `out`."""
    return out.with_name(f"{out.stem}.finetune.safetensors")


@dataclass(frozen=True, kw_only=True)
class _Task:
    """Network to train, its space with the classes of the data, images, and recipe.

    `source` are the training images of `parts`, augmented.
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


def _open(network: Source, data: Data | None, pick: int | None, options: FinetuneOptions) -> _Task:
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
    teacher = "" if options.teacher is None else options.teacher.name
    recipe = Recipe(
        space=space,
        schedule=_schedule(options),
        data=images if isinstance(images, str) else source.name,
        seed=options.seed,
        precision=options.precision,
        augmentation=augmentation_text(options),
        ema=options.ema or 0.0,
        teacher=teacher,
    )
    record = InitRecord(
        file=_name(network, given),
        sha256=weights_digest(given.network),
        space=given.space,
        class_names=given.class_names,
    )
    return _Task(
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


def _train(
    task: _Task, out: Path, options: FinetuneOptions, progress: Progress | None, ranks: Ranks
) -> None:
    state, source, parts = state_path(out), task.source, task.parts
    recipe = replace(task.recipe, micro_batches=ranks.world * options.accumulate)
    teacher = None
    if options.teacher is not None:
        device = ranks.device_of(options.device)
        teacher, name = load_teacher(options.teacher, parts, source, device)
        recipe = replace(recipe, teacher=name)
    initial = None
    if options.resume:
        _check_same(state, task)
    else:
        network = task.network.network
        initial = initial_weights_of(network, task.space, options.seed, task.record)
        if ranks.first:
            for note in initial.notes(recipe.schedule, source.class_names, source.name):
                _LOG.info(note)
    validation = task.validation if ranks.first else None
    with running_options(options, ranks, state, progress, validation, "fine-tune") as running:
        trainer.train(recipe, source, state, running, None, initial, teacher)


def _finish(task: _Task, out: Path) -> None:
    """Write the best network; the state is of no more use."""
    state = state_path(out)
    checkpoint = load_checkpoint(state, FINE_TUNING)
    finetuning = Finetuning(
        given=task.network,
        space=task.space,
        parts=task.parts,
        validation=task.validation,
        options=task.options,
    )
    network = finetuned_network(finetuning, checkpoint)
    ExtractedNetwork(network=network).save(out)
    state.unlink()


def _check_out(out: Path, *, resume: bool) -> None:
    state = state_path(out)
    if resume:
        if not (out.exists() or state.exists()):
            raise FileError(
                f"there is no fine-tuning to resume: {state} does not exist; start without --resume"
            )
        return
    if out.exists():
        raise InputError(f"{out} exists already: remove it, or name another file")
    if state.exists():
        raise InputError(
            f"{state} has an interrupted fine-tuning: continue it with --resume, remove it, or "
            "name another file"
        )


def _check_same(state: Path, task: _Task) -> None:
    """Raise `InputError` where the fine-tuning to resume has other weights or another schedule.

    The trainer checks all else.
    """
    checkpoint, record = load_checkpoint(state, FINE_TUNING), task.record
    difference = schedule_difference(checkpoint.schedule, task.recipe.schedule)
    if difference:
        raise InputError(
            f"the fine-tuning to resume has {difference}; resume with the same options, or "
            "fine-tune into another file"
        )
    began = checkpoint.init
    if began is None or began.sha256 != record.sha256:
        file = "other weights" if began is None else began.file
        raise InputError(
            f"the fine-tuning to resume began with other weights ({file}) than {record.file}; "
            "resume with the same network, or fine-tune into another file"
        )
