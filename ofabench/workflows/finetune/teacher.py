"""Teacher of a fine-tuning: the largest sub-network of a supernet."""

from pathlib import Path

import torch

from bench.digests import file_digest
from bench.errors import InputError
from supernet.data.batch_stream import Source
from supernet.data.class_names import check_same
from supernet.data.parts import DataParts
from supernet.train.checkpoint import load_trained
from supernet.train.distill import Teacher

_SHOWN_DIGITS = 12


def load_teacher(
    path: Path, parts: DataParts, source: Source, device: torch.device
) -> tuple[Teacher, str]:
    """Return the teacher of a supernet's file, and its name with the file's digest.

    It teaches on the training images `source` of the data `parts`.

    Its batch norms are recalibrated on training images. Raises `InputError` where its channels or
    classes are not those of the data, or its training is not finished; `FileError` where the file
    is no supernet.
    """
    checkpoint, digest = load_trained(path), file_digest(path)
    space = checkpoint.space
    if (space.in_channels, space.classes) != (parts.channels, parts.classes):
        raise InputError(
            f"the teacher {path} has {space.in_channels} input channels and {space.classes} "
            f"classes, the data {parts.name} {parts.channels} and {parts.classes}; give a teacher "
            "with those of the data, or leave --teacher out"
        )
    check_same(checkpoint.class_names, parts.class_names, parts.name)
    teacher = Teacher.freeze(checkpoint.supernet().to(device), source)
    return teacher, f"{path.name} {digest[:_SHOWN_DIGITS]}"
