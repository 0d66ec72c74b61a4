"""Exports a sub-network to a runtime's file, checked against torch before it is kept."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.digests import content_digest
from bench.files import write_bytes, write_text
from bench.protocol.backend import Array, Backend
from bench.protocol.target import Target
from supernet.export.model_card import (
    Accuracies,
    Calibration,
    ModelCard,
    OutputDifference,
    card_path,
)
from supernet.export.model_metadata import with_class_names
from supernet.export.output_check import check_close, compare
from supernet.export.precision import FP32, check_precision, convert

if TYPE_CHECKING:
    from torch import nn

    from supernet.export.network_file import StandaloneNetwork

CHECKED_INPUTS = 4
RANDOM = "random"
AT_ONCE = 50  # images that torch takes at a time


@dataclass(frozen=True, kw_only=True)
class Form:
    """What file is made: of which runtime, in which precision, and what of that needs images.

    `calibration` (n, c, r, r) are training images, which int8 takes its ranges from, of the data
    called `calibrated_on`. `checked` are other images (validation), of the data that `of` names,
    on which file and torch are held together; without any, random ones are made.
    """

    backend: Backend
    precision: str = FP32
    calibration: Array | None = None
    calibrated_on: str = ""
    checked: Array | None = None
    of: str = RANDOM


@dataclass(frozen=True, kw_only=True)
class Made:
    """A file that was made and found close: its content, and what it and torch gave, (n, ...)."""

    content: bytes
    expected: Array
    got: Array
    closeness: OutputDifference


def make_file(cut: "StandaloneNetwork", form: Form) -> Made:
    """Make a file of `cut`; `InputError` where it is not close enough to torch."""
    from bench.blocks.torch_modules import model_of

    backend = form.backend
    check_precision(backend.name, form.precision)
    plain = backend.serialise(model_of(cut.network, cut.blocks), batch=1)
    random = _random_images(cut)
    # The file before it is converted too: it tells a wrong graph from a coarse number.
    found = compare(
        torch_outputs(cut.network, random), run_file(plain, backend, random, FP32), RANDOM
    )
    check_close(found, backend.name, FP32)
    content = convert(plain, backend.name, form.precision, form.calibration)
    content = with_class_names(content, backend.name, cut.class_names, cut.normalisation)
    images = random if form.checked is None else form.checked
    expected = torch_outputs(cut.network, images)
    got = run_file(content, backend, images, form.precision)
    closeness = compare(expected, got, form.of if form.checked is not None else RANDOM)
    check_close(closeness, backend.name, form.precision)
    return Made(content=content, expected=expected, got=got, closeness=closeness)


def make_card(
    cut: "StandaloneNetwork", form: Form, made: Made, accuracies: Accuracies | None = None
) -> ModelCard:
    """Describe a file that was made of `cut`."""
    images = form.calibration if form.precision == "int8" else None
    return ModelCard(
        space=cut.space,
        arch=cut.arch,
        backend=form.backend.name,
        batch=1,
        blocks=tuple(cut.blocks),
        normalisation=cut.normalisation,
        sha256=content_digest(made.content),
        largest_difference=made.closeness.largest,
        precision=form.precision,
        size_bytes=len(made.content),
        closeness=made.closeness,
        calibration=None
        if images is None
        else Calibration(data=form.calibrated_on, images=len(images)),
        accuracies=accuracies,
        provenance=cut.provenance,
        class_names=cut.class_names,
    )


def write_exported(out: Path, content: bytes, card: ModelCard) -> None:
    """Write a model file, and its card beside it."""
    write_bytes(out, content)
    write_text(card_path(out), json.dumps(card.to_json(), indent=2, allow_nan=False) + "\n")


def export(cut: "StandaloneNetwork", form: Form, out: Path) -> ModelCard:
    """Write `cut` as a file, and its card beside it; nothing where it is not close to torch."""
    made = make_file(cut, form)
    card = make_card(cut, form, made)
    write_exported(out, made.content, card)
    return card


def torch_outputs(network: "nn.Module", images: Array) -> Array:
    """Outputs of `network` as it infers, (n, ...), for images (n, c, r, r)."""
    import torch

    was_training = network.training
    network.eval()
    with torch.inference_mode():
        parts = torch.split(torch.from_numpy(images), AT_ONCE)
        outputs = torch.cat([network(part) for part in parts]).numpy()
    network.train(was_training)
    return np.asarray(outputs)


def run_file(content: bytes, backend: Backend, images: Array, precision: str = FP32) -> Array:
    """Outputs of a model file of batch 1 for images (n, channels, height, width)."""
    target = Target(
        device="here",
        backend=backend.name,
        backend_version=backend.version(),
        precision=precision,
    )
    loaded = backend.load_file(content, target)
    return np.concatenate([loaded.infer(images[i : i + 1]) for i in range(len(images))])


def _random_images(cut: "StandaloneNetwork") -> Array:
    first = cut.blocks[0]
    shape = (CHECKED_INPUTS, first.in_channels, first.in_size, first.in_size)
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
