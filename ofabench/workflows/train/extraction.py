"""Extraction of a sub-network from a supernet, and its file, with its images."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from bench.blocks.spec import BlockSpec
from bench.errors import InputError
from bench.reading import to_plain
from supernet.data.class_names import ClassNames
from supernet.data.open_data import Data, get_dataset, open_data
from supernet.data.parts import DataParts
from supernet.export.finetuning_record import FinetuningRecord
from supernet.export.network_file import StandaloneNetwork, load_network, save_network
from supernet.space.space import ArchConfig
from supernet.train.checkpoint import Checkpoint
from supernet.train.recalibrate import CALIBRATION_IMAGES, extract_calibrated
from supernet.verification.accuracy_evaluation import normalisation_of
from supernet.weights.tensor_file import digest_tensors


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ExtractedNetwork:
    """A sub-network, and the images for calibration and accuracy, if any were opened."""

    network: StandaloneNetwork
    data: DataParts | None = None

    @property
    def arch(self) -> ArchConfig:
        """Its architecture."""
        return self.network.arch

    @property
    def blocks(self) -> tuple[BlockSpec, ...]:
        """Its blocks in order."""
        return self.network.blocks

    @property
    def module(self) -> nn.Sequential:
        """The torch module, images (n, c, r, r) to logits (n, classes), in evaluation mode.

        Its parameters have no gradients; `requires_grad_()` enables them.
        """
        return self.network.network

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(block.macs for block in self.blocks)

    @property
    def params(self) -> int:
        """Trainable parameters."""
        return sum(block.params for block in self.blocks)

    @property
    def finetuning(self) -> FinetuningRecord | None:
        """Its fine-tuning, with the accuracy before and after; None as extracted."""
        return self.network.finetuning

    @property
    def recorded_data(self) -> str | None:
        """Name of the images of its fine-tuning or extraction, else of its supernet's training."""
        provenance = self.network.provenance
        recorded = provenance.get("calibration") or provenance.get("data")
        return str(recorded) if recorded else None

    def save(self, path: Path | str) -> None:
        """Write a file for `load_extracted` and `ofabench export --network`."""
        save_network(Path(path), self.network)

    def to_dict(self) -> dict[str, Any]:
        """Return space, architecture, size and provenance as JSON values."""
        return {
            "space": self.network.space,
            "arch": self.arch.to_json(),
            "macs": self.macs,
            "params": self.params,
            "class_names": list(self.network.class_names) or None,
            "finetuning": to_plain(self.finetuning),
            "provenance": dict(self.network.provenance),
        }

    def __repr__(self) -> str:
        """Its architecture, its size, and its fine-tuning."""
        line = json.dumps({"space": self.network.space, **self.arch.to_json()})
        size = f"{self.macs:,} multiply-adds, {self.params:,} parameters"
        sentences = [] if self.finetuning is None else self.finetuning.sentences()
        return "\n  ".join([line, size, *sentences])


def extract(
    checkpoint: Checkpoint, file: str, arch: ArchConfig, data: Data | None
) -> ExtractedNetwork:
    """Extract `arch` from a supernet, with batch norms recalibrated on training images.

    The images are those of `data`, else those of the supernet's training. `file` is the name of the
    supernet's file.
    """
    space = checkpoint.space
    parts = open_data(checkpoint.data if data is None else data, space, labels=False)
    named = _named(data, parts, checkpoint)
    images = parts.train_source.calibration(CALIBRATION_IMAGES, arch.resolution)
    network = StandaloneNetwork(
        space=space.name,
        arch=arch,
        blocks=space.blocks(arch),
        network=extract_calibrated(checkpoint.supernet(), arch, images).requires_grad_(False),
        normalisation=normalisation_of(parts),
        provenance=_provenance(file, checkpoint, named),
        class_names=_class_names(checkpoint, parts, named),
    )
    return ExtractedNetwork(network=network, data=parts)


def load_extracted(
    path: Path | str, data: Data | None = None, *, images: bool = False
) -> ExtractedNetwork:
    """Return the sub-network of a file written by `extract`.

    Args:
        path: its file.
        data: a name, a folder of images or torch Datasets; None for those of its extraction.
        images: whether to open images, which an int8 file and an accuracy need.

    Raises:
        FileError: the file is of another kind, or damaged.
        InputError: the images do not fit the network's input, or are normalised differently.

    Example:
        >>> import torch
        >>> from tests.support.micro_supernets import micro_images, save_micro
        >>> from ofabench.workflows.train.supernet import load_supernet
        >>> supernet = load_supernet(save_micro("s.safetensors"), data=micro_images())
        >>> _ = supernet.extract("largest", out="net.safetensors")
        >>> load_extracted("net.safetensors").module(torch.zeros(2, 1, 12, 12)).shape
        torch.Size([2, 3])
    """
    network = load_network(Path(path))
    return with_images(network, data, str(path)) if images else ExtractedNetwork(network=network)


def with_images(network: StandaloneNetwork, data: Data | None, where: str) -> ExtractedNetwork:
    """Open the images of `data`, else those of the sub-network's extraction.

    `InputError`, which names the sub-network by `where`, if they are unknown or do not fit.
    """
    if data is None:
        data = ExtractedNetwork(network=network).recorded_data
        if data is None:
            raise InputError(f"{where} does not name its training images; give --data")
    parts = _data_for(data, network)
    name = os.fspath(data) if isinstance(data, str | os.PathLike) else parts.name
    same_data = name == network.provenance.get("data")
    if same_data and not network.class_names and parts.classes == network.blocks[-1].out_channels:
        network = replace(network, class_names=parts.class_names)  # older files have no class names
    return ExtractedNetwork(network=network, data=parts)


def _named(data: Data | None, parts: DataParts, checkpoint: Checkpoint) -> str | None:
    """The name of the given data, unless it is a Dataset of the supernet's training."""
    if data is None:
        return None
    if isinstance(data, str | os.PathLike):
        return os.fspath(data)
    return None if parts.name == checkpoint.data else parts.name


def _class_names(checkpoint: Checkpoint, parts: DataParts, data: str | None) -> ClassNames:
    """Names of the checkpoint's classes, else those of its training images.

    An imported supernet has no training images: the class names of `data` apply.
    """
    same_data = data in (None, checkpoint.data) or not checkpoint.schedule.phases
    if checkpoint.class_names or not same_data or parts.classes != checkpoint.space.classes:
        return checkpoint.class_names
    return parts.class_names


@dataclass(frozen=True, slots=True)
class _ImageRequirements:
    """Requirements of one network on its images."""

    name: str
    in_channels: int
    classes: int
    resolutions: tuple[int, ...]


def _data_for(data: Data, network: StandaloneNetwork) -> DataParts:
    first, classes = network.blocks[0], network.blocks[-1].out_channels
    if isinstance(data, str | os.PathLike):
        parts = get_dataset(os.fspath(data), channels=first.in_channels, size=first.in_size)
    else:
        requirements = _ImageRequirements(
            network.space, first.in_channels, classes, (first.in_size,)
        )
        parts = open_data(data, requirements, labels=False)
    if parts.channels != first.in_channels:
        raise InputError(
            f"data {parts.name} has {parts.channels} channels, the network takes "
            f"{first.in_channels}; give other data"
        )
    if normalisation_of(parts) != network.normalisation:
        raise InputError(
            f"the network expects images with {network.normalisation}, data {parts.name} has "
            f"{normalisation_of(parts)}; give the data of its extraction"
        )
    return parts


def _provenance(file: str, checkpoint: Checkpoint, data: str | None) -> Mapping[str, Any]:
    return {
        "checkpoint": file,
        "weights": digest_tensors(checkpoint.network),
        "data": checkpoint.data,
        "schedule": checkpoint.schedule.name,
        "seed": checkpoint.seed,
        **({"calibration": data} if data else {}),
    }
