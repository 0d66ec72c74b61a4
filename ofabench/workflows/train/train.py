"""`train`: training of a supernet, whose sub-networks share their weights."""

import logging
from collections.abc import Sequence
from pathlib import Path

from bench.errors import FileError, InputError
from bench.protocol.progress import Progress
from ofabench.options.train import TrainOptions
from ofabench.workflows.space import load_space
from ofabench.workflows.train.broken_images import log_broken
from ofabench.workflows.train.supernet import SuperNet, load_supernet
from ofabench.workflows.train.training_limits import sampling_of
from ofabench.workflows.train.training_run import (
    Watchers,
    augmentation_text,
    augmented_source,
    check_tensorboard,
    joined_ranks,
    path_of,
    running_options,
)
from supernet.data.open_data import Data, open_data
from supernet.space.space import SearchSpace
from supernet.train import trainer
from supernet.train.callbacks import TrainCallback
from supernet.train.checkpoint import Recipe
from supernet.train.distributed import Ranks
from supernet.train.initial_weights import load_initial_weights
from supernet.train.schedule import Schedule
from supernet.train.validation import Validation
from supernet.train.watched_networks import watched_networks

__all__ = ["SuperNet", "load_supernet", "train"]

_LOG = logging.getLogger(__name__)


def train(  # noqa: PLR0913 - what is trained, on what, how, and what is shown of it
    space: SearchSpace | str | Path,
    data: Data = "digits",
    *,
    out: Path | str,
    options: TrainOptions | None = None,
    progress: Progress | None = None,
    callbacks: Sequence[TrainCallback] = (),
) -> SuperNet:
    r"""Train a supernet and write it to `out`, with a log next to it.

    The file is written after each epoch and every few minutes; `options.resume` continues from it.
    `options.init` names another supernet, whose weights a new training starts from.
    Ctrl-C and SIGTERM save and stop. Started by torchrun, all processes train together, and the
    first one writes.

    Args:
        space: the space, its name, or a TOML file.
        data: "digits"; a folder of images with train/CLASS/ and val/CLASS/, or of WebDataset
            shards; a torch Dataset whose items are (image, label); a pair of them for training and
            validation; a mapping of them by train, validation and test; or a `TorchData`, which
            also names them and their classes.
        out: the supernet's file (safetensors); it must not exist unless `options.resume`.
        options: schedule, seed, device, initial weights, and latency limits.
        progress: is shown each step; None shows nothing.
        callbacks: functions that are called with a `TrainingEpoch` after each epoch.

    Returns:
        The trained supernet.

    Raises:
        InputError: space, data, schedule and options do not fit each other, or the loss diverges.
        FileError: a file cannot be read or written.
        InfeasibleError: no network is within the latency limits.
        MissingRuntimeError: the data needs an extra that is not installed.
        InterruptedSweepError: it was stopped; `out` has the state.

    Example:
        >>> from tests.support.micro_supernets import MICRO, micro_dataset
        >>> short = 'name = "short"\nphases = [{name = "all", epochs = 1, lr = 0.05, batch = 40}]'
        >>> _ = Path("short.toml").write_text(short)
        >>> options = TrainOptions(schedule="short.toml", threads=1)
        >>> epochs = []
        >>> supernet = train(MICRO, micro_dataset(), out="s.safetensors", options=options,
        ...                  callbacks=[epochs.append])
        >>> supernet.finished, len(supernet.records), epochs[0].accuracies[0].network
        (True, 1, 'largest')
        >>> len(supernet.evaluate([MICRO.smallest(), MICRO.largest()]).frame)
        2
    """
    options, path = TrainOptions.or_defaults(options), path_of(out, "the supernet's file")
    watchers = Watchers(progress=progress, callbacks=callbacks)
    with joined_ranks(options) as ranks:
        _train(load_space(space), data, path, options, watchers, ranks)
        ranks.wait()  # for the first rank's file
    return SuperNet(path, None if isinstance(data, str | Path) else data)


def _train(  # noqa: PLR0913, PLR0917 - as `train`, and the ranks
    space: SearchSpace,
    data: Data,
    out: Path,
    options: TrainOptions,
    watchers: Watchers,
    ranks: Ranks,
) -> None:
    sampling, restricted = sampling_of(options, space, _LOG.info if ranks.first else _discard)
    schedule = Schedule.load(options.schedule)
    parts = open_data(data, space, workers=options.workers)
    source = augmented_source(parts, options)
    recipe = Recipe(
        space=space,
        schedule=schedule,
        data=data if isinstance(data, str) else source.name,
        seed=options.seed,
        micro_batches=ranks.world * options.accumulate,
        precision=options.precision,
        sampling=restricted,
        augmentation=augmentation_text(options),
    )
    initial = None
    if options.init is not None:
        initial = load_initial_weights(options.init, space, options.seed)
    if ranks.first:
        _check_out(out, resume=options.resume)
        check_tensorboard(options, out)
        if initial is not None and not options.resume:
            for note in initial.notes(schedule, source.class_names, source.name):
                _LOG.info(note)
    ranks.wait()  # else others could take the first rank's new checkpoint for an old one
    networks = watched_networks(space, schedule.phases, sampling, options.validation_networks)
    validation = Validation(lambda: parts.validation, networks)
    with running_options(options, ranks, out, recipe, source, watchers, validation) as running:
        trainer.train(recipe, source, out, running, sampling, initial)
    log_broken(source.broken())


def _check_out(out: Path, *, resume: bool) -> None:
    if resume and not out.exists():
        raise FileError(f"{out} does not exist, so it cannot be resumed; train without --resume")
    if out.exists() and not resume:
        raise InputError(
            f"{out} exists already: continue it with --resume, remove it, or name another file"
        )


def _discard(line: str) -> None:
    del line
