"""Weights of the once-for-all networks that OFA's authors trained, as weights of a `SuperNet`.

Their files are torch files of a state dict, as the PyPI package `ofa` writes and reads them
(`OFAMobileNetV3`, `OFAProxylessNASNets`, `OFAResNets`). The tensors are the same as ours; only
their names differ, so an import is a table of names.
"""

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.errors import FileError, InputError
from bench.files import read_bytes, zip_damage
from supernet.model import SuperNet
from supernet.space import SearchSpace
from supernet.tensor_file import Tensors

OFA_SPACES = ("ofa-mbv3-w1.0", "ofa-mbv3-w1.2", "ofa-proxyless-w1.3", "ofa-resnet50d")

# Last parts of tensors that are no part of a network, and what they are.
IGNORED = {
    "total_ops": "multiply-adds, left behind by the profiler thop",
    "total_params": "parameters, left behind by the profiler thop",
}

_NOT_TENSORS = (  # what torch makes of a file that is none of its own, or is damaged
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    OSError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    MemoryError,
)
_BLOCK_LAYERS = {  # a layer's name in ours, and in theirs
    "expand": "inverted_bottleneck.",
    "depthwise": "depth_conv.",
    "project": "point_linear.",
}
_BOTTLENECK_LAYERS = {
    "reduce": "conv1.",
    "spatial": "conv2.",
    "expand": "conv3.",
    "downsample": "downsample.",
}
_RESNET_STEM = {"stem.conv0": "0", "stem.conv1": "1.conv", "stem.conv2": "2"}


def read_ofa_file(path: Path) -> Tensors:
    """State dict of a torch file, alone or under 'state_dict'; `FileError` where it is none.

    Nothing of it is run: pickled objects are refused.
    """
    content = read_bytes(path)
    if content[:2] == b"PK" and (damage := zip_damage(content)):
        raise FileError(f"{path} is damaged ({damage}); copy it again from where it came")
    try:
        loaded: Any = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except _NOT_TENSORS as error:
        if "GLOBAL" in str(error) or "Unsupported global" in str(error):
            raise FileError(
                f"{path} holds pickled objects besides tensors, which might run code and are not "
                "loaded; save its network's `state_dict()` alone"
            ) from error
        raise FileError(
            f"{path} is not a torch file of tensors, or is cut short; expected the weights of a "
            "once-for-all network as the package `ofa` saves them"
        ) from error
    state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else loaded
    if not isinstance(state, dict) or not state:
        raise FileError(
            f"{path} holds {_told(state)}, expected a state dict of named tensors, alone or under "
            "'state_dict'"
        )
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise FileError(
                f"{path} holds {_told(tensor)} as {name!r:.60}, expected named tensors alone, or "
                "under 'state_dict'"
            )
    return dict(state)


def import_ofa(state: Mapping[str, Tensor], space: SearchSpace, where: str) -> Tensors:
    """State of `SuperNet(space)` with the weights of OFA's `state`.

    Every tensor is used, or named in `IGNORED`, and every one of ours is filled. `InputError`
    names `where` and the first that is missing, has another shape, or has no place.
    """
    if space.name not in OFA_SPACES:
        raise InputError(
            f"OFA's authors trained no network of {space.name}, only of {', '.join(OFA_SPACES)}"
        )
    theirs = {_plain(name): tensor for name, tensor in state.items()}
    ours: Tensors = {}
    for name, tensor in SuperNet(space).state_dict().items():
        their_name = ofa_name(name, space)
        found = theirs.pop(their_name, None)
        if found is None:
            raise InputError(
                f"{where} has no tensor {their_name}, which a network of {space.name} has; give "
                "the --space it was trained in"
            )
        if found.shape != tensor.shape:
            raise InputError(
                f"{where}: {their_name} is {tuple(found.shape)}, in {space.name} it is "
                f"{tuple(tensor.shape)}; give the --space it was trained in"
            )
        if found.is_floating_point() != tensor.is_floating_point():
            raise InputError(f"{where}: {their_name} is {found.dtype}, expected {tensor.dtype}")
        ours[name] = found.detach().to(tensor.dtype, copy=True).contiguous()
    for name in theirs:
        if name.rpartition(".")[2] not in IGNORED:
            raise InputError(
                f"{where} holds {name}, for which a network of {space.name} has no place; give "
                "the --space it was trained in"
            )
    return ours


def ofa_name(name: str, space: SearchSpace) -> str:
    """Name in OFA's state dict of the tensor that `SuperNet(space).state_dict()` calls `name`.

    Their elastic layers hold a plain one inside: `conv.conv.weight`, `bn.bn.weight`.
    """
    _, member, *parts = name.split(".")
    unit = {one.name.replace(".", "_"): one.name for one in space.units}[member]
    prefix, elastic = _their_layer(unit, space)
    inner = {"conv": ".conv", "bn": ".bn", "linear": ".linear"} if elastic else {}
    match parts:
        case ["transforms", size]:
            return f"{prefix}depth_conv.conv.{int(size) + 2}to{size}_matrix"
        case ["block", "main", "se", layer, tensor]:
            return f"{prefix}depth_conv.se.fc.{layer}.{tensor}"
        case ["block", "main", "linear", tensor]:
            return f"{prefix}linear{inner.get('linear', '')}.{tensor}"
        case ["block", _, layer, kind, tensor]:
            layers = _BOTTLENECK_LAYERS if space.family == "resnet" else _BLOCK_LAYERS
            theirs = "bn" if kind == "norm" else "conv"
            return f"{prefix}{layers.get(layer, '')}{theirs}{inner.get(theirs, '')}.{tensor}"
    raise InputError(f"a network of OFA's has nothing like {name}")


def _their_layer(unit: str, space: SearchSpace) -> tuple[str, bool]:
    """Prefix of a unit's tensors in theirs, and whether its layers are elastic there."""
    resnet = space.family == "resnet"
    if unit in _RESNET_STEM and resnet:
        return f"input_stem.{_RESNET_STEM[unit]}.", True
    fixed = {
        "stem": "first_conv.",
        "first": "blocks.0.conv.",
        "head.feature_mix": "feature_mix_layer.",
        "head.classifier": "classifier.",
        # OFA's ProxylessNAS has one convolution there, and calls it so.
        "head.final_expand": "final_expand_layer."
        if any(one.name == "head.feature_mix" for one in space.units)
        else "feature_mix_layer.",
    }
    if unit in fixed:
        return fixed[unit], resnet
    blocks = [one.name for one in space.units if one.place is not None]
    if resnet:
        return f"blocks.{blocks.index(unit)}.", True
    return f"blocks.{1 + blocks.index(unit)}.conv.", True


def _plain(name: str) -> str:
    """Without what data-parallel training puts before; and a block's layer by its newer name."""
    return name.removeprefix("module.").replace(".mobile_inverted_conv.", ".conv.")


def _told(value: object) -> str:
    return f"a {type(value).__name__}" if value else f"an empty {type(value).__name__}"
