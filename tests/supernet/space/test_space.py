"""Spaces: what each holds, the walk from a network to its blocks, lines and tables of networks."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.blocks.model import check_chain
from bench.blocks.spec import BlockSpec
from bench.errors import InputError
from bench.protocol.target import Target
from latency_models.formats.ofa import from_ofa
from supernet.space.shared_blocks import BlockPlace, make_divisible
from supernet.space.space import ArchConfig, SearchSpace, parse_line, space_names

NAMES = ["ofa-mbv3-w1.0", "ofa-mbv3-w1.2", "ofa-proxyless-w1.3", "ofa-resnet50d", "tiny"]
SPACES = {name: SearchSpace.load(name) for name in NAMES}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_all_shipped_spaces_are_known() -> None:
    assert space_names() == NAMES


@pytest.mark.parametrize(
    ("name", "networks"),
    [
        # Elastic stages: depth 2, 3, 4 of 3 kernels x 3 expands each.
        ("ofa-mbv3-w1.0", (9**2 + 9**3 + 9**4) ** 5),
        ("ofa-mbv3-w1.2", (9**2 + 9**3 + 9**4) ** 5),
        ("ofa-proxyless-w1.3", (9**2 + 9**3 + 9**4) ** 5 * 9),
        # Stem with and without its middle convolution; six widths of 3; one kernel, 3 expands.
        ("ofa-resnet50d", 2 * 3**6 * (3**2 + 3**3 + 3**4) ** 3 * (3**4 + 3**5 + 3**6)),
    ],
)
def test_the_number_of_networks_is_exact(name: str, networks: int) -> None:
    assert SPACES[name].count() == networks


def test_all_resolutions_of_ofa_mbv3_have_1257_blocks_between_them() -> None:
    space = SPACES["ofa-mbv3-w1.0"]

    blocks = space.unique_blocks()

    assert len(space.resolutions) == 25
    assert len(blocks) == len(set(blocks)) == 1257


def test_blocks_of_one_resolution_are_counted_by_hand() -> None:
    # First blocks of 5 stages and later blocks of 5 stages, 9 choices each; 112 -> 112 and the
    # like occur once however deep. Stem, first block, final expand, pool, mix, classifier: 6.
    assert len(SPACES["ofa-mbv3-w1.0"].unique_blocks([224])) == 5 * 2 * 9 + 6


def test_the_smallest_network_of_ofa_mbv3_is_written_out() -> None:
    space = SPACES["ofa-mbv3-w1.0"]

    blocks = space.blocks(space.smallest(224))

    keys = [block.key for block in blocks]
    assert keys[:5] == [
        "stem-224x3-m0-o16-k3-s2-hswish-se0-r0",
        "mbconv-112x16-m16-o16-k3-s1-relu-se0-r1",
        "mbconv-112x16-m48-o24-k3-s2-relu-se0-r0",
        "mbconv-56x24-m72-o24-k3-s1-relu-se0-r1",
        "mbconv-56x24-m72-o40-k3-s2-relu-se24-r0",
    ]
    assert keys[-6:] == [
        "mbconv-14x112-m336-o160-k3-s2-hswish-se88-r0",
        "mbconv-7x160-m480-o160-k3-s1-hswish-se120-r1",
        "final_expand-7x160-m0-o960-k1-s1-hswish-se0-r0",
        "avg_pool-7x960-m0-o960-k1-s1-none-se0-r0",
        "feature_mix-1x960-m0-o1280-k1-s1-hswish-se0-r0",
        "classifier-1x1280-m0-o1000-k1-s1-none-se0-r0",
    ]


def test_resnet50d_itself_is_in_its_space() -> None:
    space = SPACES["ofa-resnet50d"]
    arch = ArchConfig(
        resolution=224,
        depths=(1, 3, 4, 6, 3),
        kernels=(3,) * 18,
        expands=(0.25,) * 18,
        widths=(1.0,) * 6,
    )

    blocks = space.blocks(arch)

    # ResNet-50-D as published: 25.58 M parameters, 4.3 G MACs at 224 px.
    assert sum(block.params for block in blocks) == 25_576_264
    assert sum(block.macs for block in blocks) == pytest.approx(4.33e9, rel=0.002)
    assert [block.kind for block in blocks[:4]] == ["stem", "stem", "stem", "max_pool"]
    assert [block.residual for block in blocks[:3]] == [False, True, False]


def test_the_stem_of_resnet_loses_its_middle_convolution_and_narrows() -> None:
    space = SPACES["ofa-resnet50d"]

    blocks = space.blocks(space.smallest(224))

    # 64 x 0.65 = 41.6 -> 40, half of it 20 -> 24; 256 x 0.65 = 166.4 -> 168; 168 x 0.2 -> 32.
    assert [block.key for block in blocks[:4]] == [
        "stem-224x3-m0-o24-k3-s2-relu-se0-r0",
        "stem-112x24-m0-o40-k3-s1-relu-se0-r0",
        "max_pool-112x40-m0-o40-k3-s2-none-se0-r0",
        "bottleneck-56x40-m32-o168-k3-s1-relu-se0-r1",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_walk_is_a_chain_of_the_units_that_its_space_holds(name: str) -> None:
    space = SPACES[name]
    units = list(space.unit_places)

    for arch in [space.smallest(), space.largest(), *space.sample(rng(), 40)]:
        walk = space.named_blocks(arch)
        check_chain([spec for _, spec in walk])
        names = [unit for unit, _ in walk]
        assert names == sorted(names, key=units.index)
        assert walk[-1][1].out_channels == space.classes
        assert space.blocks(arch) == tuple(spec for _, spec in walk)


@pytest.mark.parametrize("name", NAMES)
def test_no_block_is_larger_than_the_one_it_is_cut_from(name: str) -> None:
    space = SPACES[name]
    measures = ("in_channels", "mid_channels", "out_channels", "kernel", "se")
    largest = space.unit_specs()
    assert list(largest.values()) == list(space.blocks(space.largest()))
    assert list(largest) == list(space.unit_places)

    for arch in space.sample(rng(), 40):
        for unit, spec in space.named_blocks(arch):
            full = largest[unit]
            assert (spec.kind, spec.stride, spec.act) == (full.kind, full.stride, full.act)
            assert all(getattr(spec, m) <= getattr(full, m) for m in measures)


@pytest.mark.parametrize("name", NAMES)
def test_choices_by_columns_give_the_blocks_of_the_walk(name: str) -> None:
    space = SPACES[name]
    archs = space.sample(rng(), 25)

    for arch, row in zip(archs, space.encode(archs).tolist(), strict=True):
        blocks: tuple[BlockSpec, ...] = ()
        for position in space.choices:
            blocks += dict(position.options)[tuple(row[column] for column in position.columns)]
        assert blocks == space.blocks(arch)


def test_places_name_the_elastic_blocks() -> None:
    places = SPACES["tiny"].unit_places

    assert places["s2.b1"] == BlockPlace(stage=1, index=1)
    assert places["stem"] is places["head.classifier"] is None


@given(st.floats(1, 4000), st.sampled_from([1, 4, 8]))
def test_widths_are_multiples_near_the_requested_width(value: float, divisor: int) -> None:
    width = make_divisible(value, divisor)

    assert width % divisor == 0
    assert width >= 0.9 * value
    assert abs(width - value) <= divisor


# Networks and lines.


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30)
@given(seed=st.integers(0, 2**32))
def test_a_line_of_an_archs_file_round_trips(name: str, seed: int) -> None:
    space = SPACES[name]
    (arch,) = space.sample(rng(seed), 1)

    line = space.to_line(arch)

    assert "\n" not in line
    assert parse_line(line) == (name, arch)
    assert space.from_line(line) == arch
    assert ArchConfig.from_json(json.loads(json.dumps(arch.to_json()))) == arch


def test_values_of_absent_blocks_are_dropped() -> None:
    space = SPACES["tiny"]
    small = space.smallest()
    assert small.depths == (1, 1, 1)
    other = ArchConfig(
        resolution=small.resolution,
        depths=small.depths,
        kernels=tuple(k or 99 for k in small.kernels),
        expands=tuple(e or 0.5 for e in small.expands),
    )

    assert other != small
    assert space.canonical(other) == small
    assert hash(space.canonical(other)) == hash(small)
    assert space.blocks(other) == space.blocks(small)
    assert space.to_line(other) == space.to_line(small)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resolution": 30}, "resolution of network 0 is 30, tiny allows 24, 28, 32"),
        ({"depths": (1, 4, 1)}, "d1 of network 0 is 4, tiny allows 1, 2, 3"),
        ({"depths": (1, 1)}, "has \\(3, 8, 8, 0\\) depths, kernels, expands and widths, got"),
        ({"kernels": (9, *(3,) * 7)}, "ks0 of network 0 is 9, tiny allows 3, 5, 7"),
        ({"expands": (2.5, *(2,) * 7)}, "e0 of network 0 is 2.5, tiny allows 2, 3, 4"),
        ({"expands": (float("nan"), *(2,) * 7)}, "e0 of network 0 is nan"),
        ({"widths": (1.0,)}, "depths, kernels, expands and widths, got"),
    ],
)
def test_a_network_outside_the_space_is_refused_with_its_choice(
    change: dict[str, object], message: str
) -> None:
    space = SPACES["tiny"]
    arch = ArchConfig.from_json(space.largest().to_json())
    for name, value in change.items():
        object.__setattr__(arch, name, value)

    for refuse in (space.check, space.blocks, space.to_line):
        with pytest.raises(InputError, match=message):
            refuse(arch)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "not a line of an archs file"),
        ("[" * 100_000, "not a line of an archs file"),
        ("[1]", "'space' names its space"),
        ('{"space": 3}', "'space' names its space"),
        ('{"space": "tiny"}', "an architecture: resolution is missing, expected a whole number"),
        (
            '{"space": "tiny", "resolution": 24, "depth": []}',
            "depth is an unknown key; did you",
        ),
        (
            '{"space": "tiny", "resolution": 24.5, "depths": [], "kernels": [], "expands": []}',
            "an architecture: resolution is 24.5, expected a whole number",
        ),
        (
            '{"space": "tiny", "resolution": 24, "depths": 3, "kernels": [], "expands": []}',
            "an architecture: depths is 3, expected a list of whole numbers",
        ),
        (
            '{"space": "t", "resolution": 24, "depths": [], "kernels": [], "expands": [NaN]}',
            r"an architecture: expands is \[nan\], expected a list of numbers",
        ),
        (
            '{"space": "t", "resolution": 1, "depths": [], "kernels": [], "expands": [], "x": 1}',
            "an architecture: x is an unknown key; expected one of depths, ",
        ),
    ],
)
def test_a_line_that_is_no_network_is_refused(line: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_line(line)


@given(st.text() | st.recursive(st.integers() | st.text(), st.lists).map(json.dumps))
def test_any_other_text_is_refused_without_a_traceback(text: str) -> None:
    with pytest.raises(InputError):
        parse_line(text)


def test_a_line_of_another_space_is_refused() -> None:
    line = SPACES["tiny"].to_line(SPACES["tiny"].largest())

    with pytest.raises(InputError, match=r"of the space 'tiny', expected 'ofa-mbv3-w1\.0'"):
        SPACES["ofa-mbv3-w1.0"].from_line(line)


# Public figures.


def test_the_public_gpu_table_is_read_and_its_absent_blocks_dropped(shared_data: Path) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.read_parquet(shared_data / "ofa_mbv3_gpu_latency.parquet")
    space = SPACES["ofa-mbv3-w1.0"]
    assert (frame[space.columns] > 0).all(axis=None)  # it fills those columns

    archs = space.from_frame(frame)

    assert len(archs) == len(frame)
    assert archs[0].depths == (2, 2, 2, 2, 3)
    assert archs[0].kernels[:8] == (7, 5, 0, 0, 7, 7, 0, 0)
    assert space.from_frame(space.to_frame(archs)) == archs


def test_the_note10_table_holds_exactly_the_blocks_of_the_wide_space(shared_data: Path) -> None:
    target = Target(device="note10", backend="tflite", backend_version="unknown")
    table = from_ofa([shared_data / "note10" / "224_lookup_table.yaml"], target)
    space = SPACES["ofa-mbv3-w1.2"]

    assert set(table.specs) == set(space.unique_blocks([224]))
    smallest_ms = sum(table.lookup(block) for block in space.blocks(space.smallest(224)))
    assert smallest_ms == pytest.approx(17.8, abs=0.05)
