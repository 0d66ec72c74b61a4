"""A sub-network as a file of a runtime, checked against torch before it is put in place.

Beside the file lies its card: a small JSON file that says what the network is and how its images
must be prepared, so that whoever gets both needs nothing else.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from bench.errors import FileError, InputError
from bench.files import read_bytes, read_json, write_bytes, write_text
from bench.spec import BlockSpec, Target
from supernet.arch import ArchConfig

if TYPE_CHECKING:
    from torch import nn

    from bench.backends.base import Backend

Array = NDArray[np.float32]

TOLERANCE = 1e-4  # between a file's outputs and torch's, over the largest output where above 1
CHECKED_INPUTS = 4
CARD_FORMAT = "ofabench-card-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalisation:
    """How an image of bytes becomes the network's input: (byte - mean) / std, by channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a model file is. `largest_difference` is from torch, as `check_file` measures it."""

    space: str
    arch: ArchConfig
    backend: str
    batch: int
    blocks: tuple[BlockSpec, ...]
    normalisation: Normalisation
    sha256: str
    largest_difference: float
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """JSON values; input and output shapes, MACs and parameters are added for readers."""
        first, last = self.blocks[0], self.blocks[-1]
        return {
            "format": CARD_FORMAT,
            "space": self.space,
            "arch": self.arch.to_json(),
            "backend": self.backend,
            "input_shape": [self.batch, first.in_channels, first.in_size, first.in_size],
            "classes": last.out_channels,
            "normalisation": {
                "mean": list(self.normalisation.mean),
                "std": list(self.normalisation.std),
            },
            "macs": sum(block.macs for block in self.blocks),
            "params": sum(block.params for block in self.blocks),
            "blocks": [block.key for block in self.blocks],
            "sha256": self.sha256,
            "largest_difference": self.largest_difference,
            "provenance": dict(self.provenance),
        }

    @classmethod
    def from_json(cls, data: Any, where: Path) -> Self:
        """Read `to_json` back; `FileError` where `data` is none of it."""
        try:
            if data["format"] != CARD_FORMAT:
                raise ValueError(f"format {data['format']}")
            normalisation = data["normalisation"]
            return cls(
                space=str(data["space"]),
                arch=ArchConfig.from_json(data["arch"]),
                backend=str(data["backend"]),
                batch=int(data["input_shape"][0]),
                blocks=tuple(BlockSpec.parse(key) for key in data["blocks"]),
                normalisation=Normalisation(
                    mean=tuple(float(value) for value in normalisation["mean"]),
                    std=tuple(float(value) for value in normalisation["std"]),
                ),
                sha256=str(data["sha256"]),
                largest_difference=float(data["largest_difference"]),
                provenance=data["provenance"],
            )
        except (KeyError, TypeError, ValueError, IndexError, InputError) as error:
            raise FileError(
                f"{where} is no card of an exported model ({error}); make it again with "
                "`ofabench export`"
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an exported network comes from: what its card says besides the file itself."""

    space: str
    arch: ArchConfig
    normalisation: Normalisation
    provenance: Mapping[str, Any] = field(default_factory=dict)


def export(
    network: "nn.Module", blocks: Sequence[BlockSpec], backend: "Backend", origin: Origin, out: Path
) -> Card:
    """Write `network` (made by `build_network(blocks)`) for `backend`, and its card beside it.

    The file computes what the network computes, to `TOLERANCE`, or nothing is written
    (`InputError`).
    """
    from bench.blocks import model_of

    content = backend.serialise(model_of(network, blocks), batch=1)
    difference = check_file(network, content, backend, blocks)
    card = Card(
        space=origin.space,
        arch=origin.arch,
        backend=backend.name,
        batch=1,
        blocks=tuple(blocks),
        normalisation=origin.normalisation,
        sha256=hashlib.sha256(content).hexdigest(),
        largest_difference=difference,
        provenance=origin.provenance,
    )
    write_bytes(out, content)
    write_text(card_path(out), json.dumps(card.to_json(), indent=2) + "\n")
    return card


def check_file(
    network: "nn.Module", content: bytes, backend: "Backend", blocks: Sequence[BlockSpec]
) -> float:
    """Largest difference between the file's outputs and torch's on random images.

    Relative to the largest output where that is above 1; `InputError` above `TOLERANCE`.
    """
    import torch

    first = blocks[0]
    rng = np.random.default_rng(0)
    shape = (CHECKED_INPUTS, first.in_channels, first.in_size, first.in_size)
    images = rng.standard_normal(shape, dtype=np.float32)
    was_training = network.training
    network.eval()
    with torch.inference_mode():
        expected = network(torch.from_numpy(images)).numpy()
    network.train(was_training)
    got = run_file(content, backend, images)
    largest = float(np.abs(got - expected).max() / max(1.0, float(np.abs(expected).max())))
    if not largest <= TOLERANCE:
        raise InputError(
            f"the {backend.name} file differs from torch by {largest:.2g}, at most {TOLERANCE:g} "
            "was expected; nothing was written: report it with the architecture"
        )
    return largest


def run_file(content: bytes, backend: "Backend", images: Array) -> Array:
    """Outputs of a model file of batch 1 for images (n, channels, height, width)."""
    target = Target(device="here", backend=backend.name, backend_version=backend.version())
    loaded = backend.load_file(content, target)
    return np.concatenate([loaded.infer(images[i : i + 1]) for i in range(len(images))])


def card_path(model: Path) -> Path:
    """Where a model file's card lies: `net.onnx` has `net.onnx.json`."""
    return model.with_name(model.name + ".json")


def read_exported(model: Path) -> tuple[bytes, Card]:
    """Read a model file and its card; `FileError` where one lacks or they do not belong."""
    content = read_bytes(model)
    path = card_path(model)
    card = Card.from_json(read_json(path), path)
    found = hashlib.sha256(content).hexdigest()
    if found != card.sha256:
        raise FileError(
            f"{model} is not the file that its card {path.name} describes (sha256 {found[:12]}, "
            f"expected {card.sha256[:12]}); export it again"
        )
    return content, card
