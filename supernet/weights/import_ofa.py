"""Import of the once-for-all weights of OFA's authors into a `SuperNet`.

Their files are torch files of a state dict, as the PyPI package `ofa` writes and reads them
(`OFAMobileNetV3`, `OFAProxylessNASNets`, `OFAResNets`). The tensors are the same as ours; only
their names differ, so an import is a table of names.
"""

from collections.abc import Mapping

from torch import Tensor

from bench.errors import InputError
from supernet.space.space import SearchSpace
from supernet.weights.model import SuperNet
from supernet.weights.tensor_file import Tensors
from supernet.weights.torch_file import plain_name

OFA_SPACES = ("ofa-mbv3-w1.0", "ofa-mbv3-w1.2", "ofa-proxyless-w1.3", "ofa-resnet50d")

# Last parts of tensors that are no part of a network, and what they are.
IGNORED = {
    "total_ops": "multiply-adds, left behind by the profiler thop",
    "total_params": "parameters, left behind by the profiler thop",
    "n_averaged": "how many states an averaged model is the mean of",
}

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


def import_ofa(state: Mapping[str, Tensor], space: SearchSpace, where: str) -> Tensors:
    """State of `SuperNet(space)` with the weights of OFA's `state`.

    Every tensor is used, or named in `IGNORED`, and every one of ours is filled. `InputError`
    names `where`, the first that is missing, has another shape, or has no place, and the space
    that would fit.
    """
    if space.name not in OFA_SPACES:
        raise InputError(
            f"OFA's authors trained no network of {space.name}, only of {', '.join(OFA_SPACES)}"
        )
    theirs = {
        _newer(plain_name(name)): tensor
        for name, tensor in state.items()
        if name.rpartition(".")[2] not in IGNORED
    }
    ours = SuperNet(space).state_dict()
    wanted = {name: ofa_name(name, space) for name in ours}
    shapes = {wanted[name]: tuple(tensor.shape) for name, tensor in ours.items()}
    if difference := _difference(theirs, shapes, space):
        raise InputError(f"{where}{difference}; {_advice(theirs, space)}")
    found: Tensors = {}
    for name, tensor in ours.items():
        given = theirs[wanted[name]]
        if given.is_floating_point() != tensor.is_floating_point():
            raise InputError(
                f"{where}: {wanted[name]} is {given.dtype}, expected {tensor.dtype}; save the "
                "network's state dict as it was trained"
            )
        found[name] = given.detach().to(tensor.dtype, copy=True).contiguous()
    return found


def _difference(
    theirs: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]], space: SearchSpace
) -> str:
    """The first way in which `theirs` are not a network of the space; empty where they are."""
    for name, shape in shapes.items():
        if name not in theirs:
            return f" has no tensor {name}, which a network of {space.name} has"
        if (got := tuple(theirs[name].shape)) != shape:
            return f": {name} is {got}, in {space.name} it is {shape}"
    for name in theirs:
        if name not in shapes:
            return f" holds {name}, for which a network of {space.name} has no place"
    return ""


def _advice(theirs: Mapping[str, Tensor], space: SearchSpace) -> str:
    """Which space the tensors fit, but perhaps for the number of classes."""
    for name in OFA_SPACES:
        other = space if name == space.name else SearchSpace.load(name)
        shapes = {
            ofa_name(ours, other): tuple(tensor.shape)
            for ours, tensor in SuperNet(other).state_dict().items()
        }
        last = [key for key in shapes if key.startswith("classifier.")]
        classes = {len(theirs[key]) for key in last if key in theirs and theirs[key].ndim}
        if len(classes) != 1:
            continue
        (count,) = classes
        shapes |= {key: (count, *shapes[key][1:]) for key in last}
        if _difference(theirs, shapes, other):
            continue
        if count == other.classes:
            return f"its tensors fit {name}: give --space {name}"
        return (
            f"its tensors fit {name} with {count} classes: write `ofabench space show {name} "
            f"--toml` to a file, set classes = {count} in it and give it as --space"
        )
    return f"its tensors fit none of {', '.join(OFA_SPACES)}"


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


def _newer(name: str) -> str:
    """A block's layer by its newer name."""
    return name.replace(".mobile_inverted_conv.", ".conv.")
