"""Published networks: rebuilt from their shapes, counted, and found in their spaces."""

import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.blocks.spec import BlockSpec
from bench.errors import FileError, InputError
from supernet.published.published import member_of, read_networks, shipped_spaces
from supernet.space.membership import find_arch
from supernet.space.space import ArchConfig, SearchSpace

FIXTURE = Path(__file__).parents[2] / "support" / "published_networks.json"
SPACES = shipped_spaces()
BY_NAME = {space.name: space for space in SPACES}
OFF = "note10_lat-8ms_top1-71.4_finetune-25"  # listed with 79 M MACs, its shapes count 75.8 M


def entries() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads(FIXTURE.read_text())
    return loaded


def written(tmp_path: Path, *networks: Any) -> Path:
    path = tmp_path / "networks.json"
    path.write_text(json.dumps(networks))
    return path


@pytest.mark.parametrize("at", range(5))
def test_a_published_network_has_the_published_macs_and_parameters(at: int) -> None:
    entry, network = entries()[at], read_networks(FIXTURE, SPACES)[at]

    assert network.name == entry["name"]
    assert network.params == entry["counted_params"]
    assert network.macs == entry["counted_macs"]
    assert network.published_params == round(entry["params_m"] * 1e6)
    assert network.params == pytest.approx(entry["params_m"] * 1e6, abs=0.05e6)
    if entry["name"] != OFF:
        assert network.macs == pytest.approx(entry["macs_m"] * 1e6, abs=1e6)
    member = member_of(network, SPACES)
    assert (member and member.space) == entry["space"]


def test_the_architecture_of_a_member_is_the_one_read_off_its_shapes() -> None:
    (network,) = [n for n in read_networks(FIXTURE, SPACES) if n.name.startswith("note8_lat-22ms")]

    member = member_of(network, SPACES)

    assert member is not None
    assert member.arch == ArchConfig(
        resolution=140,
        depths=(2, 2, 2, 2, 2),
        kernels=(3, 3, 0, 0, 5, 5, 0, 0, 7, 3, 0, 0, 5, 3, 0, 0, 3, 7, 0, 0),
        expands=(3, 3, 0, 0, 3, 3, 0, 0, 4, 3, 0, 0, 3, 4, 0, 0, 6, 6, 0, 0),
    )


def test_a_network_at_a_resolution_of_no_space_belongs_to_none() -> None:
    (entry,) = [e for e in entries() if e["space"] is None]
    assert entry["resolution"] == 236  # the spaces end at 224

    (network,) = read_networks(FIXTURE, SPACES)[1:2]

    assert network.name == entry["name"]
    assert member_of(network, SPACES) is None
    smaller = [_resized(block, network.blocks[0].in_size) for block in network.blocks]
    assert find_arch(BY_NAME["ofa-mbv3-w1.2"], smaller) is not None


def _resized(block: BlockSpec, resolution: int) -> BlockSpec:
    """Fit a block to 224 px: each of the network's sizes halves the one before."""
    if block.in_size == 1:
        return block
    halvings = round(np.log2(resolution / block.in_size))
    return BlockSpec.parse(block.key.replace(f"-{block.in_size}x", f"-{224 >> halvings}x", 1))


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_architectures_of_a_space_are_found_by_their_blocks(space: SearchSpace) -> None:
    for arch in [*space.sample(np.random.default_rng(0), 15), space.smallest(), space.largest()]:
        match = find_arch(space, space.blocks(arch))

        assert match is not None
        assert space.blocks(match) == space.blocks(arch)
        # 0.65 and 0.8 both give ResNet's stem 24 channels inside, so w0 may be the other one.
        assert replace(match, widths=match.widths[1:]) == replace(arch, widths=arch.widths[1:])


@pytest.mark.parametrize("cut", [slice(1, None), slice(None, -1), slice(0, 0)])
def test_a_part_of_a_network_is_no_member(cut: slice) -> None:
    space = BY_NAME["tiny"]

    assert find_arch(space, space.blocks(space.largest())[cut]) is None


def test_a_network_with_an_unavailable_depth_is_no_member() -> None:
    space = BY_NAME["ofa-mbv3-w1.0"]
    walk = space.named_blocks(space.smallest())
    shallow = [spec for unit, spec in walk if unit != "s3.b1"]  # depth 1, the space has 2 to 4

    assert find_arch(space, shallow) is None


def test_lines_of_an_archs_file_are_read_too(tmp_path: Path) -> None:
    tiny = BY_NAME["tiny"]
    archs = tiny.sample(np.random.default_rng(0), 3)
    path = tmp_path / "archs.jsonl"
    path.write_text("\n".join([*map(tiny.to_line, archs), ""]))

    for count in (3, 1):  # one line alone is JSON as well
        networks = read_networks(path, SPACES)
        assert [network.blocks for network in networks] == [tiny.blocks(a) for a in archs[:count]]
        assert networks[0].published_params is None
        path.write_text(tiny.to_line(archs[0]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": None}, "network 0: name is None, expected str"),
        ({"net": "VGG"}, r"network 0 \(.*\): net is 'VGG', expected MobileNetV3 or ProxylessNAS"),
        ({"resolution": "224"}, "resolution is '224', expected int"),
        ({"resolution": 0}, "in_size of a stem is 0"),
        ({"stem_out": True}, "stem_out is True, expected int"),
        ({"feature_mix": None}, "feature_mix is None, expected int"),
        ({"params_m": "9"}, "params_m is '9', expected a number"),
        ({"blocks": []}, r"blocks is \[\], expected a list of shapes"),
        ({"blocks": "[{"}, "blocks is text that is not JSON"),
        ({"blocks": [7]}, r"blocks\[0\]: int, expected a JSON object"),
        ({"stem_out": 32}, r"blocks\[0\]: in_channels is 24, the block before has 32"),
    ],
)
def test_a_wrong_network_is_refused_with_its_field(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path = written(tmp_path, {**entries()[0], **change})

    with pytest.raises(InputError, match=message):
        read_networks(path, SPACES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"act": "swish"}, "act is 'swish', expected one of relu"),
        ({"se": 1}, "se is 1, expected bool"),
        ({"kernel": 4}, "kernel of a mbconv is 4"),
        ({"residual": True, "stride": 2}, "a residual mbconv must keep its shape"),
    ],
)
def test_a_wrong_block_is_refused_with_its_place(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    entry = entries()[0]
    entry["blocks"][3] |= change

    with pytest.raises(InputError, match=rf"blocks\[3\].*{message}"):
        read_networks(written(tmp_path, entry), SPACES)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), value=JSON | st.just(10**400) | st.just(float("nan")))
def test_any_damaged_network_is_refused_or_still_valid(
    tmp_path: Path, data: st.DataObject, value: Any
) -> None:
    entry = entries()[0]
    place = data.draw(st.sampled_from([entry, entry["blocks"][2]]))
    place[data.draw(st.sampled_from(sorted(place)))] = value

    with contextlib.suppress(InputError):
        (network,) = read_networks(written(tmp_path, entry), SPACES)
        member_of(network, SPACES)
        assert network.macs > 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty, expected a JSON list"),
        (b"{}", "holds no JSON list of networks"),
        (b"[]", "holds no JSON list of networks"),
        (b"\xff\xfe", "is not a file of networks"),
        (b"[" * 100_000, "not a line"),
        (b"hello\n", "line 1: not a line of an archs file"),
        (
            b'{"space": "mars", "resolution": 1, "depths": [], "kernels": [], "expands": []}',
            "expected one of",
        ),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "networks.json"
    path.write_bytes(content)

    with pytest.raises(InputError, match=message):
        read_networks(path, SPACES)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot read"):
        read_networks(tmp_path / "none.json", SPACES)


def test_all_38_published_networks_count_as_published(shared_data: Path) -> None:
    networks = read_networks(shared_data / "ofa_specialized.json", SPACES)
    assert len(networks) == 38

    members = {network.name: member_of(network, SPACES) for network in networks}
    for network in networks:
        assert network.published_params is not None
        assert network.published_macs is not None
        assert abs(network.params - network.published_params) < 0.1e6
        assert abs(network.macs - network.published_macs) < 1e6 or network.name == OFF
        member = members[network.name]
        # All shapes are the spaces' own; what is larger than 224 px is the only thing outside.
        assert (member is not None) == (network.resolution <= 224)
        if member is not None:
            space = BY_NAME[member.space]
            assert space.blocks(member.arch) == network.blocks
            assert space.decode(space.encode([member.arch])) == [member.arch]
    spaces = [member.space for member in members.values() if member is not None]
    assert {name: spaces.count(name) for name in set(spaces)} == {
        "ofa-mbv3-w1.0": 16,
        "ofa-mbv3-w1.2": 6,
        "ofa-proxyless-w1.3": 12,
    }
