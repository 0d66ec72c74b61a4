"""Export a sub-network to a runtime's file, checked against torch before it is written."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.digests import content_digest
from bench.files import write_bytes, write_text
from bench.protocol.backend import Array, Backend
from bench.protocol.target import Target
from supernet.export.calibration_check import AT_ONCE, warn_of_calibration
from supernet.export.model_card import (
    Accuracies,
    Calibration,
    ModelCard,
    OutputDifference,
    card_path,
)
from supernet.export.model_metadata import with_class_names
from supernet.export.output_check import check_close, compare
from supernet.export.precision import FP16, FP32, INT8, check_precision, convert, output_names

if TYPE_CHECKING:
    from torch import nn

    from supernet.export.network_file import StandaloneNetwork

CHECKED_INPUTS = 4
RANDOM = "random"


@dataclass(frozen=True, kw_only=True)
class ExportSpec:
    """What to export: runtime, precision, and the images for quantisation and checks.

    `calibration` (n, c, r, r) are training images that determine the ranges of int8, from the data
    `calibrated_on`. `checked` are other images (validation), from the data `of`, on which file and
    torch are compared; without any, random images are used.
    """

    backend: Backend
    precision: str = FP32
    calibration: Array | None = None
    calibrated_on: str = ""
    checked: Array | None = None
    of: str = RANDOM


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """Checked model file: its content, and the outputs of torch and of the file, (n, ...)."""

    content: bytes
    expected: Array
    actual: Array
    difference: OutputDifference


def make_file(network: "StandaloneNetwork", form: ExportSpec) -> ModelFile:
    """Make the model file of a network; `InputError` where it differs too much from torch."""
    from bench.blocks.torch_modules import model_of

    backend = form.backend
    check_precision(backend.name, form.precision)
    plain = backend.serialise(model_of(network.network, network.blocks), batch=1)
    random = _random_images(network)
    # Also check the float32 file, to distinguish a wrong graph from low precision.
    plain_difference = compare(
        torch_outputs(network.network, random), run_file(plain, backend, random, FP32), RANDOM
    )
    check_close(plain_difference, backend.name, _rounded_to(backend, FP32))
    if form.precision == INT8 and form.calibration is not None and len(form.calibration):
        warn_of_calibration(network.network, form.calibration, form.calibrated_on)
    content = convert(
        plain,
        backend.name,
        form.precision,
        form.calibration,
        float_outputs=_float_outputs(network, backend),
    )
    content = with_class_names(content, backend.name, network.class_names, network.normalisation)
    images = random if form.checked is None else form.checked
    expected = torch_outputs(network.network, images)
    actual = run_file(content, backend, images, form.precision)
    difference = compare(expected, actual, form.of if form.checked is not None else RANDOM)
    check_close(difference, backend.name, _rounded_to(backend, form.precision))
    return ModelFile(content=content, expected=expected, actual=actual, difference=difference)


def _rounded_to(backend: Backend, precision: str) -> str:
    """Return the precision whose tolerance applies: float16 where the form stores weights so."""
    half = dict(backend.options()).get("weights") == "float16"
    return FP16 if half and precision == FP32 else precision


def make_card(
    network: "StandaloneNetwork",
    form: ExportSpec,
    file: ModelFile,
    accuracies: Accuracies | None = None,
) -> ModelCard:
    """Return the card of a model file."""
    images = form.calibration if form.precision == "int8" else None
    return ModelCard(
        space=network.space,
        arch=network.arch,
        backend=form.backend.name,
        batch=1,
        blocks=tuple(network.blocks),
        normalisation=network.normalisation,
        sha256=content_digest(file.content),
        largest_difference=file.difference.largest,
        precision=form.precision,
        forms=dict(form.backend.options()),
        size_bytes=len(file.content),
        closeness=file.difference,
        calibration=None
        if images is None
        else Calibration(data=form.calibrated_on, images=len(images)),
        accuracies=accuracies,
        provenance=network.provenance,
        class_names=network.class_names,
        finetuning=network.finetuning,
    )


def write_exported(out: Path, content: bytes, card: ModelCard) -> None:
    """Write a model file and its card."""
    write_bytes(out, content)
    write_text(card_path(out), json.dumps(card.to_json(), indent=2, allow_nan=False) + "\n")


def export(network: "StandaloneNetwork", form: ExportSpec, out: Path) -> ModelCard:
    """Write a network's model file and card; write nothing where it differs from torch."""
    file = make_file(network, form)
    card = make_card(network, form, file)
    write_exported(out, file.content, card)
    return card


def torch_outputs(network: "nn.Module", images: Array) -> Array:
    """Return outputs (n, ...) of `network` in evaluation mode for images (n, c, r, r)."""
    import torch

    was_training = network.training
    network.eval()
    with torch.inference_mode():
        parts = torch.split(torch.from_numpy(images), AT_ONCE)
        outputs = torch.cat([network(part) for part in parts]).numpy()
    network.train(was_training)
    return np.asarray(outputs)


def run_file(content: bytes, backend: Backend, images: Array, precision: str = FP32) -> Array:
    """Return outputs of a model file of batch 1 for images (n, channels, height, width)."""
    target = Target(
        device="here",
        backend=backend.name,
        backend_version=backend.version(),
        precision=precision,
    )
    loaded = backend.load_file(content, target)
    return np.concatenate([loaded.infer(images[i : i + 1]) for i in range(len(images))])


def _float_outputs(network: "StandaloneNetwork", backend: Backend) -> tuple[str, ...]:
    """Return the operators' outputs, by name, that a form keeps in float32: those of the stem."""
    if dict(backend.options()).get("stem") != "float":
        return ()
    from bench.blocks.model import random_model

    stem = backend.serialise(random_model(network.blocks[:1]))
    return output_names(stem, backend.name)


def _random_images(network: "StandaloneNetwork") -> Array:
    first = network.blocks[0]
    shape = (CHECKED_INPUTS, first.in_channels, first.in_size, first.in_size)
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
