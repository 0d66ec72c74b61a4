"""`finetune`: training of a single network, such as one that a search chose."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.errors import FileError, InputError
from bench.protocol.progress import Progress
from ofabench.options.finetune import FinetuneOptions
from ofabench.workflows.export.source import Source
from ofabench.workflows.finetune.finetuned_network import check_same_request, finetuned_network
from ofabench.workflows.finetune.task import FinetuningTask, open_task
from ofabench.workflows.finetune.teacher import load_teacher
from ofabench.workflows.train.broken_images import log_broken
from ofabench.workflows.train.extraction import ExtractedNetwork, load_extracted
from ofabench.workflows.train.training_run import (
    Watchers,
    check_tensorboard,
    joined_ranks,
    path_of,
    running_options,
)
from supernet.data.open_data import Data
from supernet.train import trainer
from supernet.train.callbacks import TrainCallback
from supernet.train.checkpoint import FINE_TUNING, load_checkpoint
from supernet.train.distributed import Ranks
from supernet.train.single_network import (
    initial_weights_of,
    schedule_difference,
)

_LOG = logging.getLogger(__name__)


def finetune(  # noqa: PLR0913 - which network, on what, how, and where
    network: Source,
    data: Data | None = None,
    *,
    out: Path | str,
    pick: int | None = None,
    options: FinetuneOptions | None = None,
    progress: Progress | None = None,
    callbacks: Sequence[TrainCallback] = (),
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
        callbacks: functions that are called with a `TrainingEpoch` after each epoch.

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
    watchers = Watchers(progress=progress, callbacks=callbacks)
    with joined_ranks(options) as ranks:
        if ranks.first:
            _check_out(path, resume=options.resume)
            check_tensorboard(options, state_path(path))
        ranks.wait()
        task = open_task(network, data, pick, options)
        finished = path.exists()
        if finished:  # and only resumed
            check_same_request(path, task.record.sha256, task.recipe.data, options)
        else:
            _train(task, path, options, watchers, ranks)
        if ranks.first and not finished:
            _finish(task, path)
        ranks.wait()  # for the first rank's file
    log_broken(task.parts.broken())
    return replace(load_extracted(path), data=task.parts)


def state_path(out: Path) -> Path:
    """Return the file of an unfinished fine-tuning into `out`."""
    return out.with_name(f"{out.stem}.finetune.safetensors")


def _train(
    task: FinetuningTask,
    out: Path,
    options: FinetuneOptions,
    watchers: Watchers,
    ranks: Ranks,
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
    with running_options(
        options, ranks, state, recipe, source, watchers, validation, "fine-tune"
    ) as running:
        trainer.train(recipe, source, state, running, None, initial, teacher)


def _finish(task: FinetuningTask, out: Path) -> None:
    """Write the best network; the state is of no more use."""
    state = state_path(out)
    checkpoint = load_checkpoint(state, FINE_TUNING)
    network = finetuned_network(task, checkpoint)
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


def _check_same(state: Path, task: FinetuningTask) -> None:
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
