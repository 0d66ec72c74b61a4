"""Model card: a small JSON file beside an exported model that describes it.

It states how to prepare images, the precision of the file, its difference from torch, and its
accuracy.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from bench.blocks.spec import BlockSpec
from bench.digests import content_digest
from bench.errors import FileError, InputError, first_line
from bench.files import VALUE_DAMAGE, read_bytes, read_json
from bench.reading import from_plain, to_plain
from supernet.data.class_names import ClassNames, read_class_names
from supernet.data.wilson import wilson_interval
from supernet.export.finetuning_record import FinetuningRecord
from supernet.space.arch import ArchConfig

CARD_FORMAT = "ofabench-card-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalisation:
    """Normalisation of the network's input: (byte - mean) / std, by channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Calibration data of a quantised file: the number of training images."""

    data: str
    images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracies:
    """Accuracies of the float32 network (`before`) and of the file (`after`), on the same images.

    Fractions, each with its standard error over groups of images; `part` is the part of `data`.
    `groups` is None in older cards.
    """

    data: str
    part: str
    images: int
    before: float
    before_error: float
    after: float
    after_error: float
    groups: int | None = None

    @property
    def before_interval(self) -> tuple[float, float]:
        """95 % interval of `before`."""
        return wilson_interval(self.before, self.before_error, self.images, self.groups)

    @property
    def after_interval(self) -> tuple[float, float]:
        """95 % interval of `after`."""
        return wilson_interval(self.after, self.after_error, self.images, self.groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputDifference:
    """Difference between the outputs of a file and of torch, over `images` images.

    `largest` is the largest difference over the largest output (where that is above 1), `snr_db`
    the power of torch's outputs over that of the difference, None where there is none, and
    `agreement` the share of images with the same class. `of` names the images.
    """

    largest: float
    snr_db: float | None
    agreement: float
    images: int
    of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """Description of a model file.

    `closeness` is None in older cards; `accuracies` and `calibration` are optional. `class_names`
    is empty where unknown. `forms` are the graph forms other than the plain ones, by name.
    `finetuning` is None for a network with the weights of its supernet.
    """

    space: str
    arch: ArchConfig
    backend: str
    batch: int
    blocks: tuple[BlockSpec, ...]
    normalisation: Normalisation
    sha256: str
    largest_difference: float
    precision: str = "fp32"
    size_bytes: int | None = None
    closeness: OutputDifference | None = None
    calibration: Calibration | None = None
    accuracies: Accuracies | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    class_names: ClassNames = ()
    forms: Mapping[str, str] = field(default_factory=dict)
    finetuning: FinetuningRecord | None = None

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(block.macs for block in self.blocks)

    @property
    def params(self) -> int:
        """Trainable parameters."""
        return sum(block.params for block in self.blocks)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, with input and output shapes, MACs and parameters for readers."""
        first, last = self.blocks[0], self.blocks[-1]
        return {
            "format": CARD_FORMAT,
            "space": self.space,
            "arch": self.arch.to_json(),
            "backend": self.backend,
            "precision": self.precision,
            "forms": dict(self.forms),
            "input_shape": [self.batch, first.in_channels, first.in_size, first.in_size],
            "classes": last.out_channels,
            "class_names": list(self.class_names) or None,
            "normalisation": to_plain(self.normalisation),
            "macs": self.macs,
            "params": self.params,
            "blocks": [block.key for block in self.blocks],
            "sha256": self.sha256,
            "size_bytes": self.size_bytes,
            "largest_difference": self.largest_difference,
            "closeness": to_plain(self.closeness),
            "calibration": to_plain(self.calibration),
            "accuracies": to_plain(self.accuracies),
            "finetuning": to_plain(self.finetuning),
            "provenance": dict(self.provenance),
        }

    @classmethod
    def from_json(cls, data: Any, where: Path) -> Self:
        """Read `to_json` back, of this version or an earlier; `FileError` where it is none."""
        form = data.get("format") if isinstance(data, dict) else None
        if form != CARD_FORMAT:
            raise FileError(
                f"{where} is not a card of ours (format {form!r:.40}, expected {CARD_FORMAT!r}), "
                "the JSON file that `ofabench export` writes beside a model; export it again"
            )
        try:
            blocks = tuple(BlockSpec.parse(key) for key in data["blocks"])
            parts = {
                "batch": data["input_shape"][0],
                "blocks": to_plain(blocks),
                "class_names": read_class_names(data.get("class_names"), blocks[-1].out_channels),
            }
            return from_plain(cls, {**data, **parts}, "its values", other_keys=True)
        except (*VALUE_DAMAGE, InputError) as error:
            line = first_line(error)
            raise FileError(
                f"{where} is a damaged card ({line}); make it again with `ofabench export`"
            ) from error


def card_path(model: Path) -> Path:
    """Return the path of a model file's card: `net.onnx.json` for `net.onnx`."""
    return model.with_name(model.name + ".json")


def read_exported(model: Path) -> tuple[bytes, ModelCard]:
    """Read a model file and its card.

    Raises `FileError` where the model or the card cannot be read, or the card is of another file.
    """
    if model.is_dir():
        raise FileError(
            f"{model} is a folder; name the model file in it, which has its card (MODEL.json) "
            "beside it"
        )
    content = read_bytes(model)
    path = card_path(model)
    if not path.exists():
        raise FileError(_no_card(model, content))
    card = ModelCard.from_json(read_json(path), path)
    digest = content_digest(content)
    if digest != card.sha256:
        raise FileError(
            f"{model} is not the file that its card {path.name} describes (sha256 {digest[:12]}, "
            f"expected {card.sha256[:12]}); export it again"
        )
    return content, card


def _no_card(model: Path, content: bytes) -> str:
    """Explain what a card is and how to get one, for a model file without a card."""
    described = model.with_suffix("")
    if model.suffix == ".json" and described.exists():
        return f"{model} is a card, not a model; give {described}"
    if b'"__metadata__"' in content[:200]:
        return (
            f"{model} holds weights in safetensors, expected a model file of a runtime; write one "
            "with `ofabench export` (--checkpoint or --network)"
        )
    return (
        f"{model} has no card: expected {card_path(model).name} beside it, a JSON file that says "
        "which network the model is (its blocks, precision, image normalisation and SHA-256); "
        "`ofabench export` and `ofabench deploy` write it with the model, so copy it from there, "
        f"or export the network again; `ofabench measure {model}` measures it without a card"
    )
