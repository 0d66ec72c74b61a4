"""Run of a training: ranks, threads, device, graceful stop; of a supernet or a single network."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from bench.errors import InputError, InterruptedSweepError
from bench.extras import check_extra
from bench.protocol.progress import NoProgress, Progress
from ofabench.options.running import RunningOptions
from ofabench.workflows.train.cuda_check import check_cuda
from ofabench.workflows.train.graceful_stop import stop_requested
from supernet.data.augmented_source import BatchAugmentation, augmented
from supernet.data.batch_stream import Source
from supernet.data.folder_source import FolderSource
from supernet.data.parts import DataParts
from supernet.train.callbacks import TrainCallback
from supernet.train.checkpoint import Recipe
from supernet.train.distributed import Ranks, process_group
from supernet.train.run_options import RunOptions
from supernet.train.schedule import steps_done
from supernet.train.tensorboard import TensorBoardMirror, check_run
from supernet.train.validation import EpochValidation


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchers:
    """What a training reports to: progress after each step, callbacks after each epoch."""

    progress: Progress | None = None
    callbacks: Sequence[TrainCallback] = ()

    def __post_init__(self) -> None:
        """Raise `InputError` where the callbacks are no list of callables."""
        callbacks: Any = self.callbacks
        if not isinstance(callbacks, list | tuple) or not all(map(callable, callbacks)):
            raise InputError(
                f"callbacks are {callbacks!r:.80}, expected a list of functions that take an epoch"
            )


@contextmanager
def joined_ranks(options: RunningOptions) -> Iterator[Ranks]:
    """Yield the ranks of torchrun, or a single one, with the options' threads.

    `InputError` where the device is CUDA and there is none.
    """
    check_cuda(options.device)
    continued_by = "start all ranks again with --resume"
    with _threads(options.threads), process_group(options.device, continued_by) as ranks:
        yield ranks


def check_tensorboard(options: RunningOptions, out: Path) -> None:
    """Check that the events of a training with the checkpoint `out` can be written.

    Raises `MissingRuntimeError` where the extra is not installed, `InputError` or `FileError` where
    the folder cannot be used; nothing on disk changes.
    """
    if options.tensorboard is not None:
        check_run(options.tensorboard / out.stem, resume=options.resume)


@contextmanager
def running_options(  # noqa: PLR0913, PLR0917 - what a run has beside its recipe
    options: RunningOptions,
    ranks: Ranks,
    out: Path,
    recipe: Recipe,
    source: Source,
    watchers: Watchers,
    validation: EpochValidation | None,
    verb: str = "train",
) -> Iterator[RunOptions]:
    """Yield the trainer's options; after SIGTERM or Ctrl-C the training stops.

    `out` is the checkpoint, which the message of an interrupted training names. `verb` is shown
    with the progress.
    """
    progress = watchers.progress
    with stop_requested() as stop, _stop_messages(out), ExitStack() as opened:
        mirror = None
        if options.tensorboard is not None and ranks.first:
            steps = partial(steps_done, recipe.schedule.phases, len(source))
            run = TensorBoardMirror(options.tensorboard / out.stem, steps)
            mirror = opened.enter_context(run)
        yield RunOptions(
            device=options.device,
            compiled=options.compile,
            compile_limit_s=options.compile_limit_s,
            resume=options.resume,
            checkpoint_s=options.checkpoint_every_s,
            ranks=ranks,
            progress=progress if progress is not None and ranks.first else NoProgress(),
            stop=stop,
            validation=validation,
            mirror=mirror,
            callbacks=watchers.callbacks,
            verb=verb,
        )


def augmented_source(parts: DataParts, options: RunningOptions) -> Source:
    """Return the training images, augmented as the options say.

    Raises `MissingRuntimeError` where an extra is needed and not installed.
    """
    if options.augmentation.rand_augment:
        check_extra("kornia", "--rand-augment needs")
    if isinstance(parts.train_source, FolderSource):
        check_extra("kornia", "training on a folder of images needs")
    return augmented(parts, _augmentation(options))


def augmentation_text(options: RunningOptions) -> str:
    """Return a description of the augmentation for the recipe; "" for none."""
    return str(_augmentation(options))


def _augmentation(options: RunningOptions) -> BatchAugmentation:
    return BatchAugmentation(
        rand_augment=options.augmentation.rand_augment,
        operations=options.augmentation.rand_augment_operations,
        mixup=options.augmentation.mixup,
        cutmix=options.augmentation.cutmix,
        erasing=options.augmentation.random_erasing,
    )


def path_of(out: Path | str, what: str) -> Path:
    """Return `out` as a path; `InputError`, which says what it is of, for anything else."""
    if not isinstance(out, str | Path):
        raise InputError(f"out is {out!r:.80}, expected the path of {what}")
    return Path(out)


@contextmanager
def _stop_messages(out: Path) -> Iterator[None]:
    """Add how to continue to the message of an interrupted training."""
    try:
        yield
    except InterruptedSweepError:
        raise InterruptedSweepError(
            f"training stopped; {out} has its state: continue with the same command and --resume"
        ) from None
    except KeyboardInterrupt:
        raise InterruptedSweepError(
            f"training stopped at once; {out} has its state at the last checkpoint: continue with "
            "the same command and --resume"
        ) from None


@contextmanager
def _threads(threads: int | None) -> Iterator[None]:
    """Set torch's number of threads for the block; None leaves it unchanged."""
    before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        if threads is not None:
            torch.set_num_threads(before)
