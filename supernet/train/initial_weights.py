"""Start of a training from the weights of another supernet of the same blocks and choices.

Number of classes, input channels, resolutions and the space's name may differ. Tensors whose shape
depends on a difference are initialised as for a training from scratch; all others are copied.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.digests import file_digest
from bench.errors import InputError
from supernet.data.class_names import ClassNames, differ, shortened
from supernet.space.shared_blocks import Channels
from supernet.space.space import SearchSpace
from supernet.train.checkpoint import load_trained
from supernet.train.init_record import InitRecord
from supernet.train.schedule import Schedule
from supernet.weights.model import SuperNet
from supernet.weights.tensor_file import Tensors


@dataclass(frozen=True, kw_only=True)
class InitialWeights:
    """State of the whole supernet before the first step, and its provenance."""

    record: InitRecord
    network: Tensors

    def notes(self, schedule: Schedule, class_names: ClassNames, data: str) -> list[str]:
        """Return lines on the weights, for a training on `data` with these class names."""
        record, notes = self.record, [self.record.line()]
        kept = not any(_is_head(name) for name in record.reinitialised)
        if kept and differ(record.class_names, class_names):
            notes.append(
                f"the classes of {record.file} are {shortened(record.class_names)}, those of the "
                f"data {data} are {shortened(class_names)}: their number is equal, so the head is "
                "kept as it was trained"
            )
        others = [name for name in record.reinitialised if not _is_head(name)]
        first = schedule.phases[0] if schedule.phases else None
        if others and first is not None and first.head_only:
            notes.append(
                f"phase {first.name!r} trains the head only: the re-initialised "
                f"{', '.join(others)} are not trained in it"
            )
        return notes


def load_initial_weights(path: Path, space: SearchSpace, seed: int) -> InitialWeights:
    """Return the weights of the supernet in `path` for a supernet of `space`.

    `seed` determines the re-initialised tensors. Raises `FileError` where the file is no supernet,
    `InputError` where its training is not finished, or its blocks or choices are others.
    """
    digest, checkpoint = file_digest(path), load_trained(path)
    _check_same_blocks(path, checkpoint.space, space)
    network = SuperNet(space, seed).state_dict()
    changed = [name for name in network if network[name].shape != checkpoint.network[name].shape]
    network |= {name: each for name, each in checkpoint.network.items() if name not in changed}
    record = InitRecord(
        file=path.name,
        sha256=digest,
        space=checkpoint.space.name,
        reinitialised=tuple(changed),
        class_names=checkpoint.class_names,
    )
    return InitialWeights(record=record, network=network)


def check_start(schedule: Schedule, initial: InitialWeights | None) -> None:
    """Raise `InputError` where a new training would train the head of random weights only."""
    first = schedule.phases[0]
    if first.head_only and initial is None:
        raise InputError(
            f"phase {first.name!r} trains the head only, and the other weights would be random; "
            "give trained weights by --init, or let the first phase train all weights"
        )


def check_resumed(initial: InitialWeights | None, recorded: InitRecord | None) -> None:
    """Raise `InputError` where a training to resume began from other weights than `initial`."""
    if initial is None or (recorded is not None and recorded.sha256 == initial.record.sha256):
        return
    began = f"from other weights ({recorded.file})" if recorded else "from random weights"
    raise InputError(
        f"the training to resume began {began}, not from {initial.record.file}; resume without "
        "--init, or train into another file"
    )


def _is_head(tensor: str) -> bool:
    return tensor.startswith("units.head_classifier.")


def _check_same_blocks(path: Path, theirs: SearchSpace, space: SearchSpace) -> None:
    if _blocks(theirs) == _blocks(space):
        return
    difference = "blocks or choices differ"
    if theirs.family != space.family:
        difference = f"families {theirs.family} and {space.family}"
    raise InputError(
        f"{path} has weights of the space {theirs.name}, which {space.name} cannot start from "
        f"({difference}); expected the same blocks and choices: only the classes, input channels, "
        "resolutions and name of the space may differ"
    )


def _blocks(space: SearchSpace) -> tuple[Any, ...]:
    """Return all that determines shared weights, except input channels and classes."""
    stem, *inner, classifier = space.units
    units = (
        replace(stem, in_channels=Channels()),
        *inner,
        replace(classifier, out_channels=Channels()),
    )
    layout = replace(space.layout, columns=space.layout.columns[1:])  # without the resolution
    return space.family, space.norm_eps, units, layout
