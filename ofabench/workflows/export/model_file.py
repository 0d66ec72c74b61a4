"""Model file: a sub-network in a runtime's format, compared with torch, with accuracies."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.notebook.html_table import lines_html
from bench.protocol.backend import Backend
from ofabench.options.export import ExportOptions
from ofabench.workflows.export.card_text import card_lines
from ofabench.workflows.train.extraction import ExtractedNetwork
from supernet.data.class_names import differ, shortened
from supernet.data.dataset import Dataset, resize, score
from supernet.export.export import ExportSpec, ModelFile, make_card, make_file, write_exported
from supernet.export.model_card import Accuracies, ModelCard
from supernet.export.precision import INT8, check_converter

CHECKED_IMAGES = 100  # to compare int8 with torch if no accuracy is wanted
PART = "validation"


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ExportedModel:
    """A model file and its card; `path` is None if it is not written.

    `no_accuracy_reason` is the reason why the card has no accuracies, or "".
    """

    content: bytes
    card: ModelCard
    no_accuracy_reason: str = ""
    path: Path | None = None

    def save(self, path: Path | str) -> "ExportedModel":
        """Write the file and its card (FILE.json); return the model with its path."""
        write_exported(Path(path), self.content, self.card)
        return replace(self, path=Path(path))

    def to_dict(self) -> dict[str, Any]:
        """Return the card as JSON values, with the file's path if it is written."""
        path = {} if self.path is None else {"path": str(self.path)}
        return {**path, **self.card.to_json()}

    def __repr__(self) -> str:
        """Return architecture, path, difference from torch, and accuracies in a few lines."""
        line = json.dumps({"space": self.card.space, **self.card.arch.to_json()})
        where = "not written" if self.path is None else f"written to {self.path}, with its card"
        return "\n".join([line, f"  {where}", *card_lines(self.card, self.no_accuracy_reason)])

    def _repr_html_(self) -> str:
        return lines_html(repr(self).splitlines())


def check_form(options: ExportOptions) -> None:
    """Raise an error if such a file cannot be made here, before anything is computed."""
    check_converter(options.format, options.precision)


def needs_images(options: ExportOptions) -> bool:
    """Return whether images are needed for the file, or for its accuracy."""
    return options.precision == INT8 or options.accuracy


def make_model(
    extracted: ExtractedNetwork, options: ExportOptions, backend: Backend
) -> ExportedModel:
    """Return a sub-network's file, written by `backend`, compared with torch, with both accuracies.

    Nothing is written. Accuracies are of validation images; no test image is used.
    """
    validation, no_accuracy_reason = _validation_images(extracted, options)
    data, size = extracted.data, extracted.blocks[0].in_size
    calibration = None
    if options.precision == INT8 and data is not None:
        images = data.train_source.calibration(options.calibration, size)
        calibration = images.contiguous().numpy()
    form = ExportSpec(
        backend=backend,
        precision=options.precision,
        calibration=calibration,
        calibrated_on="" if data is None else data.name,
        checked=None if validation is None else _pixels(validation, size),
        of="" if data is None else f"{PART} images of {data.name}",
    )
    made = make_file(extracted.network, form)
    accuracies = None
    if validation is not None and not no_accuracy_reason:
        accuracies = _accuracies(made, validation, "" if data is None else data.name)
    card = make_card(extracted.network, form, made, accuracies)
    return ExportedModel(content=made.content, card=card, no_accuracy_reason=no_accuracy_reason)


def _validation_images(
    extracted: ExtractedNetwork, options: ExportOptions
) -> tuple[Dataset | None, str]:
    """Draw validation images (never for calibration); and why they give no accuracy, or ''."""
    data = extracted.data
    if data is None:
        return None, "not requested"
    no_accuracy_reason = "" if options.accuracy else "not requested"
    classes = extracted.blocks[-1].out_channels
    if not no_accuracy_reason and data.classes != classes:
        no_accuracy_reason = f"{data.name} has {data.classes} classes, the network {classes}"
    names = extracted.network.class_names
    if not no_accuracy_reason and differ(names, data.class_names):
        no_accuracy_reason = (
            f"the classes of {data.name} are {shortened(data.class_names)}, the network's "
            f"{shortened(names)}"
        )
    if no_accuracy_reason and options.precision != INT8:
        return None, no_accuracy_reason
    count = CHECKED_IMAGES if no_accuracy_reason else options.images
    return data.validation.subset(count, np.random.default_rng(0)), no_accuracy_reason


def _pixels(images: Dataset, size: int) -> NDArray[np.float32]:
    pixels: NDArray[np.float32] = resize(images.images, size).contiguous().numpy()
    return pixels


def _accuracies(made: ModelFile, images: Dataset, name: str) -> Accuracies:
    labels, groups = images.labels.numpy(), images.groups.numpy()
    before = score(made.expected.argmax(axis=1) == labels, groups)
    after = score(made.actual.argmax(axis=1) == labels, groups)
    return Accuracies(
        data=name,
        part=PART,
        images=len(labels),
        before=before.accuracy,
        before_error=before.error,
        after=after.accuracy,
        after_error=after.error,
        groups=after.groups,
    )
