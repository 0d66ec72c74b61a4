"""Encodings: canonical, closed under sampling, mutation and crossover, and back to networks."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import InputError
from supernet.space.codes import Codes, Column, Layout
from supernet.space.space import ArchConfig, SearchSpace

NAMES = ["ofa-mbv3-w1.0", "ofa-proxyless-w1.3", "ofa-resnet50d", "tiny"]
SPACES = {name: SearchSpace.load(name) for name in NAMES}
TINY = SPACES["tiny"]

seeds = st.integers(0, 2**32)


def sampled(name: str, seed: int, n: int = 20) -> tuple[Codes, np.random.Generator]:
    rng = np.random.default_rng(seed)
    return SPACES[name].sample_codes(rng, n), rng


def is_of(space: SearchSpace, codes: Codes) -> bool:
    """Allowed by the space, and canonical: encoding what they decode to changes nothing."""
    space.check_codes(codes)
    return codes.dtype == np.int16 and np.array_equal(space.encode(space.decode(codes)), codes)


def test_columns_are_those_of_the_public_networks_table() -> None:
    expected = ["resolution", *(f"d{i}" for i in range(5))]
    expected += [f"ks{i}" for i in range(20)] + [f"e{i}" for i in range(20)]

    assert SPACES["ofa-mbv3-w1.0"].columns == expected


def test_an_encoding_has_the_values_and_0_for_absent_blocks() -> None:
    arch = ArchConfig(
        resolution=28,
        depths=(2, 1, 3),
        kernels=(3, 5, 7, 7, 7, 5, 5, 3),
        expands=(2, 3, 4, 4, 4, 2, 3, 4),
    )

    (row,) = TINY.encode([arch]).tolist()

    assert row == [28, *(2, 1, 3), *(3, 5, 7, 0, 0, 5, 5, 3), *(2, 3, 4, 0, 0, 2, 3, 4)]


def test_fractions_are_stored_in_hundredths() -> None:
    space = SPACES["ofa-resnet50d"]

    (row,) = space.encode([space.largest()]).tolist()

    assert row[:6] == [224, 1, 4, 4, 6, 4]
    assert set(row[6:24]) == {3}
    assert set(row[24:42]) == {35}
    assert row[42:] == [100] * 6
    assert space.decode(np.array([row], dtype=np.int16))[0].expands == (0.35,) * 18


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20)
@given(seed=seeds)
def test_drawn_networks_are_canonical_and_round_trip(name: str, seed: int) -> None:
    codes, _ = sampled(name, seed)

    assert is_of(SPACES[name], codes)
    archs = SPACES[name].decode(codes)
    assert SPACES[name].decode(SPACES[name].encode(archs)) == archs
    assert len(set(archs)) == len(np.unique(codes, axis=0))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20)
@given(seed=seeds, p=st.floats(0, 1))
def test_mutants_and_children_are_networks_of_the_space(name: str, seed: int, p: float) -> None:
    space = SPACES[name]
    codes, rng = sampled(name, seed)

    mutants = space.mutate_codes(codes, rng, p)
    children = space.layout.cross(codes, mutants, rng)

    assert is_of(space, mutants)
    assert is_of(space, children)
    # What a child has, one of its parents has.
    assert ((children == codes) | (children == mutants) | (children == 0)).all()


def test_nothing_mutates_with_probability_0_and_most_with_1() -> None:
    codes, rng = sampled("ofa-mbv3-w1.0", 1, n=500)
    space = SPACES["ofa-mbv3-w1.0"]

    assert np.array_equal(space.mutate_codes(codes, rng, 0.0), codes)
    assert (space.mutate_codes(codes, rng, 1.0) != codes).any(axis=1).all()


def test_about_one_choice_in_ten_mutates_at_a_tenth() -> None:
    codes, rng = sampled("ofa-mbv3-w1.0", 2, n=4000)

    mutants = SPACES["ofa-mbv3-w1.0"].mutate_codes(codes, rng, 0.1)

    # A drawn depth is another one in two of three cases.
    changed = (mutants[:, 1:6] != codes[:, 1:6]).mean()
    assert changed == pytest.approx(0.1 * 2 / 3, abs=0.01)


def test_every_choice_is_drawn_evenly() -> None:
    codes, _ = sampled("tiny", 3, n=9000)

    for column, values in zip(codes.T, TINY.layout.columns, strict=True):
        present = column[column > 0]
        for value in values.values:
            share = (present == value).mean()
            assert share == pytest.approx(1 / len(values.values), abs=0.04)


def test_the_same_seed_draws_the_same_networks() -> None:
    assert np.array_equal(sampled("tiny", 4)[0], sampled("tiny", 4)[0])
    assert not np.array_equal(sampled("tiny", 4)[0], sampled("tiny", 5)[0])


def test_sampling_and_mutation_respect_the_requested_resolutions() -> None:
    rng = np.random.default_rng(0)

    archs = TINY.sample(rng, 50, resolutions=[24, 32])
    mutants = TINY.mutate_codes(TINY.encode(archs), rng, 0.5, resolutions=[28])

    assert {arch.resolution for arch in archs} == {24, 32}
    assert set(mutants[:, 0].tolist()) == {24, 28, 32}
    for refuse in (lambda: TINY.sample(rng, 1, [30]), lambda: TINY.largest(30)):
        with pytest.raises(InputError, match="tiny has no resolution 30, it has 24, 28, 32"):
            refuse()
    with pytest.raises(InputError, match="no resolution"):
        TINY.unique_blocks([30])


def test_no_networks_are_an_encoding_of_no_rows() -> None:
    assert TINY.encode([]).shape == (0, len(TINY.columns))
    assert TINY.decode(TINY.encode([])) == []
    assert TINY.sample(np.random.default_rng(0), 0) == []


def test_all_networks_of_a_small_space_are_reached_and_counted(small: SearchSpace) -> None:
    codes = small.sample_codes(np.random.default_rng(0), 3000)

    # Depth 1: 2 kernels x 2 expands; depth 2: those squared; one stage of depth 1 by itself.
    assert small.count() == (4 + 16) * 2
    assert len(np.unique(codes, axis=0)) == small.count() * len(small.resolutions)


@pytest.fixture
def small() -> SearchSpace:
    return SearchSpace.from_toml(
        """
        name = "small"
        family = "mbconv"
        in_channels = 1
        classes = 3
        resolutions = [16]
        [stem]
        width = 8
        act = "relu"
        [first]
        width = 8
        act = "relu"
        [[stages]]
        width = 16
        stride = 2
        act = "relu"
        depths = [1, 2]
        kernels = [3, 5]
        expands = [2, 3.5]
        [[stages]]
        width = 16
        stride = 2
        act = "relu"
        depths = [1]
        kernels = [3]
        expands = [2, 3]
        [head]
        final_expand = 32
        act = "relu"
        """
    )


# Tables.


@settings(max_examples=20)
@given(seed=seeds)
def test_a_networks_table_round_trips(seed: int) -> None:
    archs = TINY.sample(np.random.default_rng(seed), 10)

    frame = TINY.to_frame(archs).assign(cpu_ms=1.5)

    assert TINY.from_frame(frame) == archs


def test_values_of_absent_blocks_in_a_table_are_ignored() -> None:
    frame = TINY.to_frame([TINY.smallest()])
    assert frame.loc[0, "ks1"] == 0

    filled = frame.replace(0, 7)

    assert TINY.from_frame(filled) == [TINY.smallest()]


def test_a_table_of_any_type_holds_the_same_networks() -> None:
    networks = [TINY.smallest(), TINY.largest()]
    frame = TINY.to_frame(networks)
    assert frame.loc[0, "ks1"] == 0
    empty = frame.astype("float64")
    empty.loc[0, "ks1"] = np.nan  # an absent block has no kernel: a CSV leaves it empty

    for other in (frame.astype("float64"), frame.convert_dtypes(), frame.astype(str), empty):
        assert TINY.from_frame(other) == networks
    empty.loc[1, "ks1"] = np.nan
    with pytest.raises(InputError, match="column 'ks1' is nan in row 1, expected a whole number"):
        TINY.from_frame(empty)


def test_a_table_of_something_else_is_refused() -> None:
    frame = TINY.to_frame([TINY.largest()])

    with pytest.raises(InputError, match="'ks3' is missing"):
        TINY.from_frame(frame.drop(columns="ks3"))
    with pytest.raises(InputError, match=r"column 'e0' is 3.5 in row 0, expected a whole number"):
        TINY.from_frame(frame.assign(e0=3.5))
    with pytest.raises(InputError, match="column 'd0' is nan in row 0"):
        TINY.from_frame(frame.assign(d0=np.nan))
    with pytest.raises(InputError, match="resolution of network 1 is 40"):
        TINY.from_frame(pd.concat([frame, frame.assign(resolution=40)]))
    with pytest.raises(InputError, match="d0 of network 0 is 32767"):
        TINY.from_frame(frame.astype("int64").assign(d0=65537))  # 1 in 16 bits


def test_a_wrong_fraction_is_reported_as_it_was_given() -> None:
    space = SPACES["ofa-resnet50d"]
    largest = space.largest()

    with pytest.raises(InputError, match=r"e2 of network 1 is 0\.3, .* allows 0\.2, 0\.25, 0\.35"):
        space.encode([largest, replace(largest, expands=(0.35, 0.35, 0.3, *(0.35,) * 15))])
    with pytest.raises(InputError, match=r"w0 of network 0 is 0\.9, .* allows 0\.65, 0\.8, 1"):
        space.check(replace(largest, widths=(0.9, *(1.0,) * 5)))


def test_codes_of_another_width_are_refused() -> None:
    with pytest.raises(InputError, match=r"an encoding of tiny has 20 columns, got \(1, 46\)"):
        TINY.check_codes(sampled("ofa-mbv3-w1.0", 0, n=1)[0])
    codes = TINY.encode([TINY.largest()] * 2)
    codes[1, 3] = -3
    with pytest.raises(InputError, match="d2 of network 1 is -3"):
        TINY.check_codes(codes)


def test_a_layout_without_scales_holds_values_as_they_are() -> None:
    names, values = ("resolution", "d0", "ks0", "e0", "w0"), ((32,), (1,), (3, 5), (2, 3), (1, 2))
    columns = tuple(
        Column(name=name, values=of_it) for name, of_it in zip(names, values, strict=True)
    )
    layout = Layout(columns=columns, slots=((0, 0),), depths=1, widths=1)
    given = np.array([[32.0, 1, 3, 2, 7]])

    assert layout.scales.tolist() == [1, 1, 1, 1, 1]
    with pytest.raises(InputError, match="w0 of network 0 is 7, small allows 1, 2"):
        layout.check(given.astype(np.int16), "small", given)


def test_a_wrong_code_far_down_is_refused_with_its_row() -> None:
    codes = np.repeat(TINY.encode([TINY.largest()]), 40_000, axis=0)
    codes[33_000, 1] = 9

    with pytest.raises(InputError, match="d0 of network 33000 is 9"):
        TINY.check_codes(codes)
    with pytest.raises(InputError, match="d0 of network 33000 is 9"):
        TINY.layout.check(codes, "tiny", codes.astype(float))
