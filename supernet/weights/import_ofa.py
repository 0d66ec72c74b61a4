"""Import once-for-all weights of OFA's authors into a `SuperNet`.

Their files are torch files of a state dict, as the PyPI package `ofa` writes and reads them
(`OFAMobileNetV3`, `OFAProxylessNASNets`, `OFAResNets`). The tensors are the same; only their names
differ, so the import maps names.
"""

from collections.abc import Mapping

from torch import Tensor

from bench.errors import InputError
from supernet.space.space import SearchSpace
from supernet.weights.model import SuperNet
from supernet.weights.tensor_file import Tensors
from supernet.weights.torch_file import plain_name

OFA_SPACES = ("ofa-mbv3-w1.0", "ofa-mbv3-w1.2", "ofa-proxyless-w1.3", "ofa-resnet50d")

# Last name parts of tensors that do not belong to the network, with their meaning.
IGNORED = {
    "total_ops": "multiply-adds, added by the profiler thop",
    "total_params": "parameters, added by the profiler thop",
    "n_averaged": "number of states averaged in the model",
}

_BLOCK_LAYERS = {  # names of layers here, and in OFA
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
    """Return the state of `SuperNet(space)` with the weights of OFA's `state`.

    Every tensor of the file is used, or in `IGNORED`, and every tensor of the supernet is set.
    `InputError` names `where`, the first tensor that is missing, unknown or of another shape, and
    the space that would fit.
    """
    if space.name not in OFA_SPACES:
        raise InputError(
            f"OFA's authors trained no network of {space.name}, only of {', '.join(OFA_SPACES)}"
        )
    ofa_tensors = {
        _newer(plain_name(name)): tensor
        for name, tensor in state.items()
        if name.rpartition(".")[2] not in IGNORED
    }
    own_tensors = SuperNet(space).state_dict()
    ofa_names = {name: ofa_name(name, space) for name in own_tensors}
    shapes = {ofa_names[name]: tuple(tensor.shape) for name, tensor in own_tensors.items()}
    if difference := _difference(ofa_tensors, shapes, space):
        raise InputError(f"{where}{difference}; {_advice(ofa_tensors, space)}")
    result: Tensors = {}
    for name, tensor in own_tensors.items():
        ofa_tensor = ofa_tensors[ofa_names[name]]
        if ofa_tensor.is_floating_point() != tensor.is_floating_point():
            raise InputError(
                f"{where}: {ofa_names[name]} is {ofa_tensor.dtype}, expected {tensor.dtype}; save "
                "the network's state dict as it was trained"
            )
        result[name] = ofa_tensor.detach().to(tensor.dtype, copy=True).contiguous()
    return result


def _difference(
    ofa_tensors: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]], space: SearchSpace
) -> str:
    """Describe the first difference to a network of the space; empty where there is none."""
    for name, shape in shapes.items():
        if name not in ofa_tensors:
            return f" has no tensor {name}, which a network of {space.name} has"
        if (actual := tuple(ofa_tensors[name].shape)) != shape:
            return f": {name} is {actual}, in {space.name} it is {shape}"
    for name in ofa_tensors:
        if name not in shapes:
            return f" holds {name}, for which a network of {space.name} has no place"
    return ""


def _advice(ofa_tensors: Mapping[str, Tensor], space: SearchSpace) -> str:
    """Name the space that the tensors fit, except possibly for the number of classes."""
    for name in OFA_SPACES:
        candidate = space if name == space.name else SearchSpace.load(name)
        shapes = {
            ofa_name(own_name, candidate): tuple(tensor.shape)
            for own_name, tensor in SuperNet(candidate).state_dict().items()
        }
        last = [key for key in shapes if key.startswith("classifier.")]
        classes = {
            len(ofa_tensors[key]) for key in last if key in ofa_tensors and ofa_tensors[key].ndim
        }
        if len(classes) != 1:
            continue
        (count,) = classes
        shapes |= {key: (count, *shapes[key][1:]) for key in last}
        if _difference(ofa_tensors, shapes, candidate):
            continue
        if count == candidate.classes:
            return f"its tensors fit {name}: give --space {name}"
        return (
            f"its tensors fit {name} with {count} classes: write `ofabench space show {name} "
            f"--toml` to a file, set classes = {count} in it and give it as --space"
        )
    return f"its tensors fit none of {', '.join(OFA_SPACES)}"


def ofa_name(name: str, space: SearchSpace) -> str:
    """Return OFA's name of the tensor `name` of `SuperNet(space).state_dict()`.

    OFA's elastic layers contain a plain one: `conv.conv.weight`, `bn.bn.weight`.
    """
    _, member, *parts = name.split(".")
    unit = {space_unit.name.replace(".", "_"): space_unit.name for space_unit in space.units}[
        member
    ]
    prefix, elastic = _ofa_layer(unit, space)
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
            ofa_kind = "bn" if kind == "norm" else "conv"
            return f"{prefix}{layers.get(layer, '')}{ofa_kind}{inner.get(ofa_kind, '')}.{tensor}"
    raise InputError(f"a network of OFA's has nothing like {name}")


def _ofa_layer(unit: str, space: SearchSpace) -> tuple[str, bool]:
    """Return the prefix of a unit's tensors in OFA, and whether its layers are elastic there."""
    resnet = space.family == "resnet"
    if unit in _RESNET_STEM and resnet:
        return f"input_stem.{_RESNET_STEM[unit]}.", True
    fixed = {
        "stem": "first_conv.",
        "first": "blocks.0.conv.",
        "head.feature_mix": "feature_mix_layer.",
        "head.classifier": "classifier.",
        # OFA's ProxylessNAS has a single convolution there, with this name.
        "head.final_expand": "final_expand_layer."
        if any(space_unit.name == "head.feature_mix" for space_unit in space.units)
        else "feature_mix_layer.",
    }
    if unit in fixed:
        return fixed[unit], resnet
    blocks = [space_unit.name for space_unit in space.units if space_unit.place is not None]
    if resnet:
        return f"blocks.{blocks.index(unit)}.", True
    return f"blocks.{1 + blocks.index(unit)}.conv.", True


def _newer(name: str) -> str:
    """Return the newer name of a block's layer."""
    return name.replace(".mobile_inverted_conv.", ".conv.")
