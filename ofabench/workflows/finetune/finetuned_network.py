"""Result of a fine-tuning: the best network with its accuracy before and after."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from bench.blocks.torch_modules import build_network
from bench.errors import FileError, InputError
from ofabench.options.finetune import FinetuneOptions
from ofabench.workflows.finetune.task import FinetuningTask
from supernet.data.dataset import score
from supernet.export.finetuning_record import FinetuningRecord
from supernet.export.network_file import StandaloneNetwork, load_network
from supernet.train.best_network import BestNetwork
from supernet.train.checkpoint import Checkpoint
from supernet.train.recalibrate import channels_last
from supernet.verification.accuracy_evaluation import normalisation_of
from supernet.weights.tensor_file import Tensors

# Recorded by other fields, or without influence on the result.
_ELSEWHERE = (
    "resume",
    "workers",
    "teacher",
    "checkpoint_every_s",
    "compile",
    "compile_limit_s",
    "tensorboard",
)


def finetuned_network(task: FinetuningTask, checkpoint: Checkpoint) -> StandaloneNetwork:
    """Return the best network of a finished fine-tuning, which may be that of its start."""
    best = checkpoint.best
    if best is None:
        raise FileError("the fine-tuning has no evaluated epoch; fine-tune again")
    blocks = task.space.blocks(task.space.largest())
    tuned = _module(task, best.network)
    record = _record(task, checkpoint, best, tuned)
    before = _start(task)
    if before is not None:
        correct_before, groups = task.validation.correct(before)
        correct_after, _ = task.validation.correct(tuned)
        start, gain = score(correct_before, groups), score(correct_after - correct_before, groups)
        record = replace(record, before=start.accuracy, before_error=start.error)
        record = replace(record, gain=gain.accuracy, gain_error=gain.error)
        if gain.accuracy <= 0:
            tuned = before
            record = replace(
                record,
                best_epoch=0,
                after=start.accuracy,
                after_error=start.error,
                gain=0.0,
                gain_error=0.0,
            )
    given = task.network
    return StandaloneNetwork(
        space=given.space,
        arch=given.arch,
        blocks=blocks,
        network=tuned.requires_grad_(False).eval(),
        normalisation=normalisation_of(task.parts),
        provenance={**given.provenance, "calibration": checkpoint.data},
        class_names=task.parts.class_names or checkpoint.class_names,
        finetuning=record,
    )


def check_same_request(path: Path, weights: str, data: str, options: FinetuneOptions) -> None:
    """Raise `InputError` where the fine-tuned network in `path` is of another request."""
    record = load_network(path).finetuning
    if record is None:
        raise InputError(f"{path} exists and is not fine-tuned; name another file")
    requested = {"weights": weights, "data": data, **recorded_options(options)}
    existing = {"weights": record.weights, "data": record.data, **record.options}
    different = [name for name, value in requested.items() if existing.get(name) != value]
    if different:
        raise InputError(
            f"{path} exists already, fine-tuned with other {', '.join(different)}; name another "
            "file, or remove it"
        )


def recorded_options(options: FinetuneOptions) -> dict[str, Any]:
    """Return the options that a record keeps."""
    return {name: value for name, value in options.to_dict().items() if name not in _ELSEWHERE}


def _record(
    task: FinetuningTask, checkpoint: Checkpoint, best: BestNetwork, tuned: nn.Sequential
) -> FinetuningRecord:
    after = score(*task.validation.correct(tuned))
    init = checkpoint.init
    return FinetuningRecord(
        data=checkpoint.data,
        start="" if init is None else init.file,
        weights="" if init is None else init.sha256,
        epochs=len(checkpoint.records),
        best_epoch=best.epoch,
        images=after.images,
        groups=after.groups,
        after=after.accuracy,
        after_error=after.error,
        reinitialised=() if init is None else init.reinitialised,
        teacher=checkpoint.recipe.teacher,
        options=recorded_options(task.options),
    )


def _start(task: FinetuningTask) -> nn.Sequential | None:
    """The given network, recalibrated on the training images; None if its head does not fit."""
    given = task.network
    if given.blocks[-1].out_channels != task.space.classes:
        return None
    network = _module(task, given.network.state_dict())
    task.validation.score(network)
    return network


def _module(task: FinetuningTask, state: Tensors) -> nn.Sequential:
    """Modules of the space's network with a copy of these tensors."""
    space = task.space
    network = build_network(space.blocks(space.largest()), norm_eps=space.norm_eps)
    network.load_state_dict(state)
    return channels_last(network).eval()
