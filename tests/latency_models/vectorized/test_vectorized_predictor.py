"""Dense evaluation: equal to the slow path, and closed to codes outside the space."""

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from bench.errors import InputError
from bench.protocol.target import Target
from latency_models.networks.network_calibration import NetworkCalibration
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.regression.features import PHYSICAL, feature_matrix
from latency_models.regression.regression import Regression
from latency_models.vectorized.vectorized_cost import compile_max, compile_sum
from latency_models.vectorized.vectorized_predictor import compile_latency, compile_spread, macs_of

Blocks = tuple[BlockSpec, ...]


@dataclass(frozen=True)
class Place:
    columns: tuple[int, ...]
    options: tuple[tuple[tuple[int, ...], Blocks], ...]


def block(size: int, kernel: int, expand: int) -> BlockSpec:
    return BlockSpec(
        kind="mbconv",
        in_size=size,
        in_channels=8,
        mid_channels=8 * expand,
        out_channels=8,
        kernel=kernel,
    )


RESOLUTIONS = (16, 24)
STEM = Place(
    (0,),
    tuple(
        ((size,), (BlockSpec(kind="stem", in_size=size, in_channels=3, out_channels=8),))
        for size in RESOLUTIONS
    ),
)


def elastic(kernel_column: int, expand_column: int) -> Place:
    options: list[tuple[tuple[int, ...], Blocks]] = [((size, 0, 0), ()) for size in RESOLUTIONS]
    for size, kernel, expand in itertools.product(RESOLUTIONS, (3, 5), (3, 6)):
        options.append(((size, kernel, expand), (block(size, kernel, expand),)))
    return Place((0, kernel_column, expand_column), tuple(options))


PLACES = (STEM, elastic(1, 3), elastic(2, 4))


def networks(count: int) -> tuple[NDArray[np.int16], list[Blocks]]:
    rng = np.random.default_rng(0)
    codes, nets = [], []
    for _ in range(count):
        size = int(rng.choice(RESOLUTIONS))
        picks = [place.options[rng.integers(len(place.options))] for place in PLACES[1:]]
        picks = [pick if pick[0][0] == size else ((size, 0, 0), ()) for pick in picks]
        (_, k0, e0), (_, k1, e1) = (pick[0] for pick in picks)
        codes.append([size, k0, k1, e0, e1])
        stem = dict(STEM.options)[size,]
        nets.append(stem + picks[0][1] + picks[1][1])
    return np.array(codes, dtype=np.int16), nets


def predictor(composition: NetworkCalibration | None = None) -> LatencyPredictor:
    model = Regression(coefficients=np.linspace(1, 2, len(PHYSICAL)))
    return LatencyPredictor(
        target=Target(device="box", backend="onnx", backend_version="1"),
        provenance={},
        known={block(16, 3, 3): (0.5, 0.8)},
        models={("*", "warm"): model, ("*", "cold"): model},
        composition=composition or NetworkCalibration(),
    )


@pytest.mark.parametrize(
    "composition",
    [
        NetworkCalibration(),
        NetworkCalibration(overhead_ms=2.0, slope=0.9, cold_slope=0.5, block_ms=0.1),
    ],
)
def test_vectorized_predictor_equals_the_scalar_one(composition: NetworkCalibration) -> None:
    codes, nets = networks(200)
    slow = predictor(composition)

    dense = compile_latency(slow, PLACES)

    np.testing.assert_allclose(dense.predict(codes), slow.predict_many(nets), rtol=1e-6)


def test_more_networks_than_fit_at_once() -> None:
    codes, nets = networks(10)
    many = np.tile(codes, (20_000, 1))

    latencies_ms = compile_latency(predictor(), PLACES).predict(many)

    assert np.ptp(latencies_ms.reshape(20_000, 10), axis=0).tolist() == [0.0] * 10
    np.testing.assert_allclose(latencies_ms[:10], predictor().predict_many(nets), rtol=1e-6)


def test_macs_by_the_same_way() -> None:
    codes, nets = networks(20)

    total = compile_sum(macs_of, PLACES).total(codes)

    assert total.tolist() == [sum(block.macs for block in net) for net in nets]


def test_the_largest_block_is_a_networks_where_figures_do_not_add_up() -> None:
    codes, nets = networks(200)

    largest = compile_max(macs_of, PLACES).total(codes)

    assert largest.tolist() == [max(block.macs for block in net) for net in nets]
    with pytest.raises(InputError, match="no network"):
        compile_max(macs_of, PLACES).total(np.array([[16, 4, 3, 3, 3]], dtype=np.int16))


def test_latency_and_spread_come_at_once() -> None:
    codes, nets = networks(200)
    slow = predictor(NetworkCalibration(overhead_ms=1.0, spread=0.03))
    spread = compile_spread(slow, PLACES)

    ms, std_ms = spread.predict(codes)

    assert ms.tolist() == compile_latency(slow, PLACES).predict(codes).tolist()
    np.testing.assert_allclose(std_ms, [slow.predict(net).std_ms for net in nets], rtol=1e-9)


def test_no_networks_are_no_latencies() -> None:
    assert compile_latency(predictor(), PLACES).predict(np.zeros((0, 5), np.int16)).shape == (0,)


@pytest.mark.parametrize(
    "row",
    [
        [20, 3, 3, 3, 3],  # no such resolution
        [16, 4, 3, 3, 3],  # a kernel between two that exist
        [16, 9, 3, 3, 3],  # beyond the last
        [16, 300, 3, 3, 3],
        [-1, 3, 3, 3, 3],
        [16, 0, 3, 3, 3],  # absent, yet with an expand
        [20, 4, 4, 4, 4],
    ],
)
def test_codes_outside_the_space_are_reported(row: list[int]) -> None:
    with pytest.raises(InputError, match=r"outside|no network"):
        compile_latency(predictor(), PLACES).predict(np.array([row], dtype=np.int16))


def test_the_first_of_many_bad_codes_is_named() -> None:
    codes = np.tile(np.array([[16, 3, 3, 3, 3]], dtype=np.int16), (200_000, 1))
    codes[150_001, 1] = 4
    codes[150_000:150_002, 0] = 24, 20
    codes[199_999] = -1

    with pytest.raises(InputError, match=r"codes \[20, 4, 3, 3, 3\] are no network"):
        compile_latency(predictor(), PLACES).predict(codes)


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_any_layout_of_columns(data: st.DataObject) -> None:
    """Narrow and wide columns, in any order and number, cost what their options say."""
    values = st.sets(st.integers(0, 20), min_size=1, max_size=4).map(sorted)
    columns = data.draw(st.lists(values, min_size=1, max_size=11))
    by_value = [
        {value: float(n + 10 * number) for n, value in enumerate(column)}
        for number, column in enumerate(columns)
    ]
    sizes = [
        {
            value: BlockSpec(
                kind="stem", in_size=n + 10 * number + 1, in_channels=3, out_channels=8
            )
            for n, value in enumerate(column)
        }
        for number, column in enumerate(columns)
    ]
    places = [
        Place((number,), tuple(((value,), (spec,)) for value, spec in of_column.items()))
        for number, of_column in enumerate(sizes)
    ]
    picks = [
        data.draw(st.lists(st.sampled_from(column), min_size=3, max_size=3)) for column in columns
    ]
    codes = np.array(picks, dtype=np.int16).T

    total = compile_sum(lambda specs: np.array([spec.in_size - 1.0 for spec in specs]), places)

    expected = [
        sum(costs[value] for costs, value in zip(by_value, row, strict=True))
        for row in codes.tolist()
    ]
    assert total.total(codes).tolist() == expected


def test_too_few_columns_are_reported() -> None:
    with pytest.raises(InputError, match="shape"):
        compile_latency(predictor(), PLACES).predict(np.zeros((3, 4), dtype=np.int16))


def test_a_costly_block_costs() -> None:
    matrix = feature_matrix([block(16, 5, 6)], PHYSICAL)
    expected = float((matrix @ np.linspace(1, 2, len(PHYSICAL)))[0])
    codes = np.array([[16, 5, 0, 6, 0], [16, 0, 0, 0, 0]], dtype=np.int16)

    with_block, without = compile_latency(predictor(), PLACES).predict(codes)

    assert with_block - without == pytest.approx(expected)
