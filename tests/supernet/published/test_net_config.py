"""OFA's network files: read to blocks, written from them, and found in their spaces."""

import contextlib
import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.blocks.spec import BlockSpec
from bench.errors import FileError, InputError
from supernet.published.net_config import blocks_of
from supernet.published.net_config_export import net_config
from supernet.published.published import member_of, read_networks
from supernet.space.space import SearchSpace

SPACES = {
    name: SearchSpace.load(name)
    for name in ("ofa-mbv3-w1.0", "ofa-mbv3-w1.2", "ofa-proxyless-w1.3")
}


def conv(cin: int, cout: int, kernel: int = 1, stride: int = 1) -> dict[str, Any]:
    return {
        "name": "ConvLayer",
        "kernel_size": kernel,
        "stride": stride,
        "dilation": 1,
        "groups": 1,
        "bias": False,
        "has_shuffle": False,
        "in_channels": cin,
        "out_channels": cout,
        "use_bn": True,
        "act_func": "relu6",
        "dropout_rate": 0,
        "ops_order": "weight_bn_act",
    }


def older() -> dict[str, Any]:
    """A network in the classes of ProxylessNAS's and OFA's first files, by hand."""
    inverted = {
        "name": "MBInvertedConvLayer",
        "in_channels": 16,
        "out_channels": 16,
        "kernel_size": 5,
        "stride": 1,
        "expand_ratio": 3,
        "mid_channels": None,
    }
    identity = {"name": "IdentityLayer", "in_channels": [16], "out_channels": [16]}
    block = {
        "name": "MobileInvertedResidualBlock",
        "mobile_inverted_conv": inverted,
        "shortcut": identity,
    }
    plain = {**inverted, "expand_ratio": 1}
    return {
        "name": "ProxylessNASNets",
        "bn": {"momentum": 0.1, "eps": 0.001},
        "first_conv": conv(3, 16, 3, 2),
        "blocks": [{**block, "mobile_inverted_conv": plain, "shortcut": None}, block],
        "feature_mix_layer": conv(16, 32),
        "classifier": {
            "name": "LinearLayer",
            "in_features": 32,
            "out_features": 10,
            "bias": True,
            "use_bn": False,
            "act_func": None,
        },
    }


def test_the_first_files_are_read() -> None:
    assert [block.key for block in blocks_of(older(), 8, "it")] == [
        "stem-8x3-m0-o16-k3-s2-relu6-se0-r0",
        "mbconv-4x16-m16-o16-k5-s1-relu6-se0-r0",
        "mbconv-4x16-m48-o16-k5-s1-relu6-se0-r1",
        "final_expand-4x16-m0-o32-k1-s1-relu6-se0-r0",
        "avg_pool-4x32-m0-o32-k1-s1-none-se0-r0",
        "classifier-1x32-m0-o10-k1-s1-none-se0-r0",
    ]


def test_a_block_with_only_a_shortcut_is_omitted() -> None:
    for absent in (None, {"name": "ZeroLayer"}):
        config = older()
        config["blocks"][1]["mobile_inverted_conv"] = absent

        assert len(blocks_of(config, 8, "it")) == 5


@pytest.mark.parametrize("name", SPACES)
def test_networks_of_a_space_round_trip(name: str, tmp_path: Path) -> None:
    space = SPACES[name]
    archs = space.sample(np.random.default_rng(12), 50)
    path = tmp_path / "networks.json"
    path.write_text(json.dumps([net_config(space.blocks(arch)) for arch in archs]))

    networks = read_networks(path, [])

    assert [network.blocks for network in networks] == [space.blocks(arch) for arch in archs]
    for network, arch in zip(networks[:10], archs, strict=False):
        member = member_of(network, SPACES.values())
        assert member is not None
        assert (member.space, member.arch) == (name, arch)


def test_fields_of_a_written_network() -> None:
    config = net_config(SPACES["ofa-mbv3-w1.0"].blocks(SPACES["ofa-mbv3-w1.0"].largest()))

    names = ("name", "bn", "first_conv", "blocks", "final_expand_layer", "feature_mix_layer")
    assert list(config) == [*names, "classifier", "image_size"]
    assert (config["name"], config["image_size"], len(config["blocks"])) == ("MobileNetV3", 224, 21)
    assert config["blocks"][0]["conv"]["expand_ratio"] == 1
    assert config["blocks"][1] == {
        "name": "ResidualBlock",
        "conv": {
            "name": "MBConvLayer",
            "in_channels": 16,
            "out_channels": 24,
            "kernel_size": 7,
            "stride": 2,
            "expand_ratio": 6,
            "mid_channels": 96,
            "act_func": "relu",
            "use_se": False,
        },
        "shortcut": None,
    }
    assert config["feature_mix_layer"]["use_bn"] is False


def test_networks_that_their_classes_cannot_be_are_refused() -> None:
    resnet, mbv3 = SearchSpace.load("ofa-resnet50d"), SPACES["ofa-mbv3-w1.0"]
    blocks = list(mbv3.blocks(mbv3.smallest()))
    at = next(i for i, block in enumerate(blocks) if block.se)
    blocks[at] = BlockSpec.parse(blocks[at].key.replace(f"-se{blocks[at].se}-", "-se8-"))

    with pytest.raises(InputError, match="this one has an unsupported max_pool"):
        net_config(resnet.blocks(resnet.smallest()))
    with pytest.raises(InputError, match="squeeze-excite differs"):
        net_config(blocks)


def test_where_the_resolution_comes_from(tmp_path: Path) -> None:
    folder = tmp_path / "phone_lat-8ms"
    folder.mkdir()
    path, beside = folder / "net.config", folder / "run.config"
    path.write_text(json.dumps(older()))

    with pytest.raises(InputError, match="is beside it; give --resolution"):
        read_networks(path, [])
    beside.write_text('{"image_size": 12}')
    assert read_networks(path, [])[0].resolution == 12
    assert read_networks(path, [])[0].name == "phone_lat-8ms"
    for field, size in (("resolution", 16), ("image_size", 20)):
        path.write_text(json.dumps({**older(), field: size}))
        assert read_networks(path, [])[0].resolution == size
    assert read_networks(path, [], 24)[0].resolution == 24

    path.write_text(json.dumps(older()))
    for damaged in ("[" * 100_000, "{}", '{"image_size": "big"}', "junk"):
        beside.write_text(damaged)
        with pytest.raises((InputError, FileError), match=r"run\.config"):
            read_networks(path, [])


@pytest.mark.parametrize(
    ("place", "change", "message"),
    [
        ((), {"name": "ResNets"}, "name is 'ResNets', expected MobileNetV3 or ProxylessNASNets"),
        ((), {"name": "MobileNetV3"}, "final_expand_layer: got None, expected a layer named Conv"),
        ((), {"blocks": {}}, r"blocks is \{\}, expected a list"),
        ((), {"blocks": [7]}, r"blocks\[0\]: got 7, expected a layer named ResidualBlock"),
        (("first_conv",), {"groups": 2}, "first_conv: groups is 2; only 1 is supported"),
        (("first_conv",), {"act_func": "gelu"}, "act_func is 'gelu', expected null or one of"),
        (("first_conv",), {"kernel_size": "3"}, "kernel_size is '3', expected int"),
        (("first_conv",), {"out_channels": 8}, "a mbconv takes 16 channels, the layer before"),
        (("classifier",), {"bias": False}, "classifier: bias is False"),
        (("feature_mix_layer",), {"kernel_size": 3}, "feature_mix_layer: kernel_size is 3"),
        (("blocks", 1), {"mobile_inverted_conv": 7}, r"blocks\[1\], mobile_inverted_conv: got 7"),
        (("blocks", 0), {"mobile_inverted_conv": None}, "neither mobile_inverted_conv nor"),
        (("blocks", 1), {"shortcut": {"name": "ConvLayer"}}, "shortcut: got 'ConvLayer'"),
    ],
)
def test_an_unsupported_layer_is_refused_with_its_place(
    place: tuple[Any, ...], change: dict[str, Any], message: str
) -> None:
    config = older()
    layer: Any = config
    for step in place:
        layer = layer[step]
    layer |= change

    with pytest.raises(InputError, match=message):
        blocks_of(config, 8, "it")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"groups": 8}, "groups is 8; only None is supported"),
        ({"expand_ratio": None}, "expand_ratio is None"),
        ({"expand_ratio": 1}, None),
        ({"expand_ratio": 1, "mid_channels": 48}, "expand_ratio is 1 for 48 hidden channels of 16"),
        ({"expand_ratio": 2, "mid_channels": 16}, "expand_ratio is 2 for 16 hidden channels of 16"),
        ({"use_se": 1}, "use_se is 1, expected bool"),
        ({"stride": 2}, "a residual mbconv must keep its shape"),
        ({"kernel_size": 4}, "kernel of a mbconv is 4"),
    ],
)
def test_an_unsupported_inverted_residual_is_refused(
    change: dict[str, Any], message: str | None
) -> None:
    config = older()
    inverted = config["blocks"][1]["mobile_inverted_conv"]
    config["blocks"][1]["mobile_inverted_conv"] = {**inverted, **change}

    if message is None:
        assert blocks_of(config, 8, "it")[2].mid_channels == 16
        return
    with pytest.raises(InputError, match=rf"blocks\[1\], mobile_inverted_conv: .*{message}"):
        blocks_of(config, 8, "it")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def layers(config: dict[str, Any]) -> list[dict[str, Any]]:
    """Every object of a network's JSON."""
    objects: list[dict[str, Any]] = []
    ahead: list[Any] = [config]
    while ahead:
        value = ahead.pop()
        if isinstance(value, dict):
            objects.append(value)
            ahead += value.values()
        elif isinstance(value, list):
            ahead += value
    return objects


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), value=JSON | st.just(10**400))
def test_any_damaged_network_is_refused_or_still_valid(
    tmp_path: Path, data: st.DataObject, value: Any
) -> None:
    config = copy.deepcopy(older())
    layer = data.draw(st.sampled_from(layers(config)))
    layer[data.draw(st.sampled_from(sorted(layer)))] = value
    path = tmp_path / "networks.json"
    path.write_text(json.dumps(config))

    with contextlib.suppress(InputError):
        (network,) = read_networks(path, [], 8)
        assert network.macs > 0
