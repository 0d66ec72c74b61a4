"""Files of networks by their choices: one or many, wrapped or not, of a space or of none."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import FileError, InputError
from supernet.search.result_file import read_network
from supernet.space.arch_file import find_network, parse_networks, spaces_of
from supernet.space.space import ArchConfig, SearchSpace

W10, W12 = SearchSpace.load("ofa-mbv3-w1.0"), SearchSpace.load("ofa-mbv3-w1.2")
RESNET = SearchSpace.load("ofa-resnet50d")
OFA: dict[str, Any] = {"ks": 3, "e": 3, "d": 2, "r": [128]}
OURS = json.loads(W10.to_line(W10.smallest(128)))


def archs(text: str, space: SearchSpace | None = W10) -> list[ArchConfig]:
    return [find_network(network, space)[1] for network in parse_networks(text, "a.jsonl")]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(OFA),
        json.dumps(OFA, indent=4),
        "\ufeff" + json.dumps(OFA),
        str({"wid": None, **OFA}),  # Python's, with None and single quotes
        str({"wid": None, **OFA}) + "\n",
        json.dumps({"config": OFA}),
        json.dumps({"arch": OFA, "accuracy": 0.7}),
        json.dumps({"latency_constrain": 600, "net_config": OFA}),
        json.dumps({"arch": {"config": OFA}}),
        json.dumps({"arch": json.dumps(OFA)}),
        json.dumps({"arch": {"ks": 3, "e": 3, "d": 2}, "image_size": 128}),
        json.dumps({"arch": OFA, "image_size": 160}),  # the inner one is the network's
        json.dumps([json.dumps(OFA)]),  # net_id.dict
        json.dumps({json.dumps(OFA): 76.5}),  # acc.dict
        str((0.76, OFA, 12.5)),  # what EvolutionFinder returns
        json.dumps([0.76, OFA, 12.5]),
        json.dumps({"space": "ofa-mbv3-w1.0", **OFA}),
        json.dumps({"space": "ofa-mbv3-w1.0", "config": OFA}),
        json.dumps({name: OURS[name] for name in OURS if name != "space"}),
        json.dumps(OURS),
        json.dumps({"arch": OURS, "format": "ofabench-search-1"}),
    ],
)
def test_formats_of_a_single_network(text: str) -> None:
    assert archs(text) == [W10.smallest(128)]


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(json.dumps({**OFA, "r": size}) for size in (128, 160)),
        "\n\n".join(str({**OFA, "r": [size]}) for size in (128, 160)),
        json.dumps([{**OFA, "r": size} for size in (128, 160)]),
        json.dumps([{"config": {**OFA, "r": size}} for size in (128, 160)], indent=2),
        json.dumps([[0.5, {**OFA, "r": size}] for size in (128, 160)]),
        json.dumps({json.dumps({**OFA, "r": size}): 70.0 for size in (128, 160)}),
        json.dumps({"front": [{"arch": {**OURS, "resolution": size}} for size in (128, 160)]}),
        json.dumps({**OURS}) + "\n" + json.dumps({**OFA, "r": 160}),
    ],
)
def test_formats_of_several_networks(text: str) -> None:
    assert archs(text) == [W10.smallest(128), W10.smallest(160)]


def test_a_line_that_names_its_space_is_of_that_one() -> None:
    (network,) = parse_networks(json.dumps({"space": "ofa-mbv3-w1.2", **OFA}), "a.jsonl")

    assert find_network(network, W10)[0] == W12
    assert find_network(network, None)[0] == W12


def test_the_only_shipped_space_with_the_network_is_chosen() -> None:
    text = json.dumps({"d": 1, "e": 0.25, "w": 1, "image_size": 224})
    (network,) = parse_networks(text, "a.jsonl")
    assert find_network(network, None)[0] == RESNET
    (wide,) = parse_networks(json.dumps({**OFA, "ks": [3] * 20, "w": 1.2}), "a.jsonl")
    assert find_network(wide, None)[0] == W12


def test_an_ambiguous_or_unknown_space_is_refused() -> None:
    both, none = parse_networks(
        json.dumps({**OFA, "ks": [3] * 20}) + "\n" + json.dumps({**OFA, "ks": 9}), "a.jsonl"
    )

    assert [space.name for space, _ in spaces_of(both, [W10, W12, RESNET])] == [W10.name, W12.name]
    with pytest.raises(InputError, match=r"line 1: .* ofa-mbv3-w1.0, ofa-mbv3-w1.2 all have"):
        find_network(both, None)
    with pytest.raises(InputError, match=r"line 2: .* belongs to none of .*; give its --space"):
        find_network(none, None)
    with pytest.raises(InputError, match=r"line 2: ks0 of network 0 is 9, .* allows 3, 5, 7"):
        find_network(none, W10)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello", "a.jsonl, line 1: not a line of an archs file"),
        ("{1: 2", "a.jsonl, line 1: not a line of an archs file"),
        ("{" * 5000, "a.jsonl, line 1: not a line of an archs file"),
        ("[" * 100_000, "not a line of an archs file"),
        ('{"a": 1}', r"a\.jsonl, line 1: a line of an archs file is a JSON object"),
        ("3", r"a\.jsonl, line 1: a line of an archs file is a JSON object"),
        ('{"config": 3}', "a line of an archs file is a JSON object"),
        ('[{"ks": 3}]', "network 0: a line of an archs file"),
        (json.dumps({**OFA, "space": 3}), "space is 3, expected the name of a space"),
        (json.dumps({**OFA, "space": "mars"}), r"a\.jsonl, line 1: unknown space 'mars'"),
        (
            json.dumps({**OURS, "bits": 8}),
            r"line 1: an architecture: bits is an unknown key",
        ),
        ('{"space": "tiny", "resolution": 1}', "line 1: an architecture: depths is missing"),
        ("__import__('os')", "not a line of an archs file"),
    ],
)
def test_a_file_without_a_network_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        archs(text)
    assert "\n" not in str(caught.value)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=6)
        | st.dictionaries(
            st.sampled_from(["ks", "e", "d", "r", "w", "wid", "config", "arch", "space"]), inner
        )
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(fields=st.fixed_dictionaries({}, optional=dict.fromkeys(["ks", "e", "d", "r", "w"], VALUES)))
def test_any_values_are_a_network_or_refused_in_one_line(fields: dict[str, Any]) -> None:
    for space in (W10, RESNET):
        for text in (json.dumps({**OFA, **fields}), str({**OFA, **fields}), json.dumps(fields)):
            with contextlib.suppress(InputError):
                (arch,) = archs(text, space)
                space.check(arch)


def test_one_network_of_a_file_in_a_space(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(str({"wid": None, **OFA}))

    for space in (W10, W10.name):
        network = read_network(path, space=space)
        assert (network.space, network.arch, network.limits) == (W10.name, W10.smallest(128), None)
    with pytest.raises(InputError, match="give --space"):
        read_network(path)

    path.write_text(json.dumps([OFA, OFA]))
    with pytest.raises(InputError, match="holds 2 networks, expected one"):
        read_network(path, space=W10)
    path.write_text(json.dumps([OFA, {**OFA, "r": 160}]))
    assert read_network(path, 2, W10).arch == W10.smallest(160)
    path.write_text(" \n")
    with pytest.raises(FileError, match="is empty, expected a search's result"):
        read_network(path, space=W10)
