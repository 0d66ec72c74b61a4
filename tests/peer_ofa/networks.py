"""Networks of the package `ofa`, once it is on the path: made, filled with numbers, switched.

Imported only where the package is wanted: `import_peer` puts stand-ins for torchvision into this
process's modules, for its networks import it and never use it.
"""

import importlib
import math
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

_ELASTIC = {"ks_list": [3, 5, 7], "expand_ratio_list": [3, 4, 6], "depth_list": [2, 3, 4]}
_WIDTHS = [0.65, 0.8, 1.0]
_RESNET = {
    "depth_list": [0, 1, 2],
    "expand_ratio_list": [0.2, 0.25, 0.35],
    "width_mult_list": _WIDTHS,
}
# As `ofa.model_zoo.ofa_net` makes the networks whose weights are published.
NETWORKS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "ofa-mbv3-w1.0": ("OFAMobileNetV3", {**_ELASTIC, "width_mult": 1.0}),
    "ofa-mbv3-w1.2": ("OFAMobileNetV3", {**_ELASTIC, "width_mult": 1.2}),
    "ofa-proxyless-w1.3": ("OFAProxylessNASNets", {**_ELASTIC, "width_mult": 1.3}),
    "ofa-resnet50d": ("OFAResNets", _RESNET),
}
_RESNET_DEPTHS = (2, 2, 4, 2)  # that its depth choices count from
_STAND_INS = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional",
              "torchvision.datasets")  # fmt: skip


class PeerNetwork(Protocol):
    """What is used of a network of theirs; which sub-network runs is its state."""

    def set_active_subnet(self, **choices: Any) -> None: ...


def import_peer(folder: Path) -> Any:
    """Module of `ofa` with its once-for-all networks, from `folder`."""
    for name in _STAND_INS:
        module = types.ModuleType(name)
        sys.modules[name] = module
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], last, module)
    transforms = cast(Any, sys.modules["torchvision.transforms"])
    transforms.RandomResizedCrop = type("RandomResizedCrop", (), {})  # a base class of theirs
    sys.path.insert(0, str(folder))
    return importlib.import_module("ofa.imagenet_classification.elastic_nn.networks")


def build_peer(networks: Any, space: str, seed: int) -> nn.Module:
    """Make their network of a space, its every tensor filled with numbers that show in logits."""
    name, choices = NETWORKS[space]
    network: nn.Module = getattr(networks, name)(dropout_rate=0, **choices)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, tensor in network.state_dict().items():
            _fill(key, tensor, generator)
    return network


def activate(network: nn.Module, space: str, arch: Mapping[str, Any]) -> None:
    """Make `arch`, as `ArchConfig.to_json` has it, the sub-network that runs."""
    peer = cast(PeerNetwork, network)
    if space == "ofa-resnet50d":
        stem, *stages = arch["depths"]
        extra = [depth - base for depth, base in zip(stages, _RESNET_DEPTHS, strict=True)]
        widths = [_WIDTHS.index(width) for width in arch["widths"]]
        expands = [expand or 0.2 for expand in arch["expands"]]  # of blocks that do not run
        peer.set_active_subnet(d=[2 if stem else 0, *extra], e=expands, w=widths)
        return
    kernels = [kernel or 3 for kernel in arch["kernels"]]
    expands = [expand or 3 for expand in arch["expands"]]
    peer.set_active_subnet(ks=kernels, e=expands, d=list(arch["depths"]))


def _fill(key: str, tensor: Tensor, generator: torch.Generator) -> None:
    last = key.rpartition(".")[2]
    if not tensor.is_floating_point():
        return
    if last == "running_var" or (last == "weight" and tensor.ndim == 1):
        tensor.uniform_(0.5, 1.5, generator=generator)
    elif last.endswith("_matrix"):
        noise = torch.empty_like(tensor).normal_(0.0, 0.1, generator=generator)
        tensor.copy_(torch.eye(len(tensor)) + noise)
    elif tensor.ndim == 1:
        tensor.normal_(0.0, 0.1, generator=generator)
    else:
        # So that what goes through them neither dies away nor drowns in rounding.
        linear = any(part in key for part in ("point_linear", "conv3", "downsample", "linear"))
        gain = 1.6 if linear else 2.0
        tensor.normal_(0.0, math.sqrt(gain / math.prod(tensor.shape[1:])), generator=generator)
