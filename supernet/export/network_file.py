"""File of one sub-network with its weights, as `ofabench extract` writes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.blocks.layers import NORM_EPS
from bench.blocks.spec import BlockSpec
from bench.blocks.torch_modules import build_network
from bench.errors import FileError, InputError, first_line
from bench.files import VALUE_DAMAGE
from bench.reading import from_plain, to_plain
from supernet.data.class_names import ClassNames, read_class_names
from supernet.export.finetuning_record import FinetuningRecord
from supernet.export.model_card import Normalisation
from supernet.space.space import ArchConfig
from supernet.weights.tensor_file import load_tensors, save_tensors

WHAT = "sub-network"


@dataclass(frozen=True, kw_only=True)
class StandaloneNetwork:
    """Sub-network: modules of `build_network(blocks)`, in evaluation mode when loaded.

    Images are prepared by `normalisation`, and resized to `arch.resolution`. `class_names` is empty
    where unknown. `finetuning` is None for a network as it was extracted.
    """

    space: str
    arch: ArchConfig
    blocks: tuple[BlockSpec, ...]
    network: nn.Sequential
    normalisation: Normalisation
    provenance: Mapping[str, Any] = field(default_factory=dict)
    class_names: ClassNames = ()
    finetuning: FinetuningRecord | None = None

    @property
    def norm_eps(self) -> float:
        """Epsilon of its norms, which is the same for all."""
        norms = (each for each in self.network.modules() if isinstance(each, nn.BatchNorm2d))
        return next((norm.eps for norm in norms), NORM_EPS)


def save_network(path: Path, network: StandaloneNetwork) -> None:
    """Write a network atomically."""
    metadata = {
        "space": network.space,
        "arch": network.arch.to_json(),
        "blocks": [spec.key for spec in network.blocks],
        "normalisation": {
            "mean": list(network.normalisation.mean),
            "std": list(network.normalisation.std),
        },
        "norm_eps": network.norm_eps,
        "provenance": dict(network.provenance),
        "class_names": list(network.class_names),
        "finetuning": to_plain(network.finetuning),
    }
    save_tensors(path, what=WHAT, metadata=metadata, network=network.network.state_dict())


def load_network(path: Path) -> StandaloneNetwork:
    """Read a file of `save_network`; `FileError` where it is of another kind or damaged."""
    metadata, groups = load_tensors(path, what=WHAT)
    try:
        blocks = tuple(BlockSpec.parse(key) for key in metadata["blocks"])
        return StandaloneNetwork(
            space=str(metadata["space"]),
            arch=ArchConfig.from_json(metadata["arch"]),
            blocks=blocks,
            network=_network(blocks, groups["network"], float(metadata["norm_eps"])),
            normalisation=from_plain(Normalisation, metadata["normalisation"], "normalisation"),
            provenance=metadata["provenance"],
            class_names=read_class_names(metadata.get("class_names"), blocks[-1].out_channels),
            finetuning=_finetuning(metadata.get("finetuning")),
        )
    except (*VALUE_DAMAGE, RuntimeError, InputError) as error:
        raise FileError(f"{path} is damaged ({first_line(error)}); extract it again") from error


def _finetuning(value: Any) -> FinetuningRecord | None:
    return None if value is None else from_plain(FinetuningRecord, value, "the fine-tuning")


def _network(
    blocks: Sequence[BlockSpec], state: Mapping[str, torch.Tensor], norm_eps: float
) -> nn.Sequential:
    with torch.device("meta"):
        network = build_network(blocks, norm_eps=norm_eps)
    network.load_state_dict(state, assign=True)
    return network.eval().requires_grad_(False)
