"""Write a network as OFA's `net.config` (see net_config), for OFA's code to build.

Class names are those of the current `ofa` (ResidualBlock, MBConvLayer). `image_size`, which OFA
stores in a separate `run.config`, is an additional field that its code ignores.
"""

from collections.abc import Sequence
from typing import Any

from bench.blocks.spec import BlockSpec
from bench.errors import InputError
from supernet.published.net_config import ACTS, INVERTED, MOBILENET, PROXYLESS, RESIDUALS, blocks_of

_ACT_NAMES = {act: name for name, act in ACTS.items() if name != "none"}
_BN = {"momentum": 0.1, "eps": 1e-5}  # as in bench.blocks.torch_modules


def net_config(blocks: Sequence[BlockSpec]) -> dict[str, Any]:
    """Return the JSON values of a network; `InputError` where OFA's classes do not support it.

    Blocks are stem, inverted residuals, last expansion, pooling, optional feature mix, classifier.
    """
    kinds = [block.kind for block in blocks]
    mixed = "feature_mix" in kinds
    head = ["final_expand", "avg_pool", *(["feature_mix"] if mixed else []), "classifier"]
    residuals = len(blocks) - 1 - len(head)
    if residuals < 0 or kinds != ["stem", *["mbconv"] * residuals, *head]:
        unsupported = next(
            (kind for kind in kinds if kind not in ("stem", "mbconv", *head)), kinds[0]
        )
        raise InputError(
            f"OFA's net.config supports networks of inverted residuals only, this one has an "
            f"unsupported {unsupported}"
        )
    last = "final_expand_layer" if mixed else "feature_mix_layer"
    config: dict[str, Any] = {
        "name": MOBILENET if mixed else PROXYLESS,
        "bn": dict(_BN),
        "first_conv": _conv(blocks[0]),
        "blocks": [_residual(block) for block in blocks[1 : 1 + residuals]],
        last: _conv(blocks[1 + residuals]),
    }
    if mixed:
        config["feature_mix_layer"] = _conv(blocks[-2])
    config["classifier"] = _linear(blocks[-1])
    config["image_size"] = blocks[0].in_size
    if blocks_of(config, blocks[0].in_size, "the network") != tuple(blocks):
        raise InputError("OFA's net.config reads back as another network: squeeze-excite differs")
    return config


def _conv(block: BlockSpec) -> dict[str, Any]:
    return {
        "name": "ConvLayer",
        "kernel_size": block.kernel,
        "stride": block.stride,
        "dilation": 1,
        "groups": 1,
        "bias": False,
        "has_shuffle": False,
        "use_se": False,
        "in_channels": block.in_channels,
        "out_channels": block.out_channels,
        "use_bn": block.kind != "feature_mix",
        "act_func": _ACT_NAMES[block.act],
        "dropout_rate": 0,
        "ops_order": "weight_bn_act",
    }


def _residual(block: BlockSpec) -> dict[str, Any]:
    ratio = block.mid_channels / block.in_channels
    conv = {
        "name": INVERTED[0],
        "in_channels": block.in_channels,
        "out_channels": block.out_channels,
        "kernel_size": block.kernel,
        "stride": block.stride,
        "expand_ratio": int(ratio) if ratio.is_integer() else ratio,
        "mid_channels": block.mid_channels,
        "act_func": _ACT_NAMES[block.act],
        "use_se": block.se > 0,
    }
    shortcut = None
    if block.residual:
        shortcut = {
            "name": "IdentityLayer",
            "in_channels": [block.in_channels],
            "out_channels": [block.out_channels],
            "use_bn": False,
            "act_func": None,
            "dropout_rate": 0,
            "ops_order": "weight_bn_act",
        }
    return {"name": RESIDUALS[0], "conv": conv, "shortcut": shortcut}


def _linear(block: BlockSpec) -> dict[str, Any]:
    return {
        "name": "LinearLayer",
        "in_features": block.in_channels,
        "out_features": block.out_channels,
        "bias": True,
        "use_bn": False,
        "act_func": None,
        "dropout_rate": 0,
        "ops_order": "weight_bn_act",
    }
