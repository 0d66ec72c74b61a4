"""What every predictor does, whatever it was fitted on and whichever form was chosen."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bench.blocks.spec import BlockSpec
from bench.protocol.target import Target
from latency_models.fitting import fit_predictor
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.regression.features import PHYSICAL, feature_matrix
from latency_models.regression.regression import FORMS, fit_form, rows_of
from latency_models.tables.table import LatencyTable, frame_of
from latency_models.vectorized.vectorized_predictor import compile_latency, compile_spread

TARGET = Target(device="box", backend="onnx", backend_version="1.0")
SIZES, WIDTHS, KERNELS = (8, 12, 16, 24), (48, 64, 96), (3, 5, 7)


def block(size: int, width: int, kernel: int) -> BlockSpec:
    return BlockSpec(
        kind="mbconv", in_size=size, in_channels=16, mid_channels=width, out_channels=16,
        kernel=kernel, act="hswish", residual=True,
    )  # fmt: skip


BLOCKS = [block(size, width, kernel) for size in SIZES for width in WIDTHS for kernel in KERNELS]


def true_ms(specs: list[BlockSpec]) -> np.ndarray:
    """A device that no form is right about: linear work, slower where sizes are odd multiples."""
    costs = np.linspace(0.01, 0.05, len(PHYSICAL))
    odd = np.array([1.0 + 0.1 * (spec.in_size % 8 > 0) for spec in specs])
    return np.asarray((feature_matrix(specs, PHYSICAL) @ costs) * odd)


def table(specs: list[BlockSpec]) -> LatencyTable:
    ms = true_ms(specs)
    rows = frame_of(specs, latency_ms=ms, cold_ms=1.3 * ms)
    return LatencyTable(target=TARGET, provenance={}, rows=rows)


def networks(count: int = 30) -> list[list[BlockSpec]]:
    rng = np.random.default_rng(0)
    return [
        [BLOCKS[row] for row in rng.integers(len(BLOCKS), size=rng.integers(3, 9))]
        for _ in range(count)
    ]


def measured_ms(nets: list[list[BlockSpec]]) -> np.ndarray:
    noise = 1 + 0.01 * np.random.default_rng(1).standard_normal(len(nets))
    return np.array([0.5 + 1.1 * true_ms(net).sum() for net in nets]) * noise


def look_up() -> LatencyPredictor:
    ms = true_ms(BLOCKS).tolist()
    known = {
        spec: (latency_ms, 1.3 * latency_ms) for spec, latency_ms in zip(BLOCKS, ms, strict=True)
    }
    return LatencyPredictor(target=TARGET, provenance={}, known=known, models={})


def hybrid() -> LatencyPredictor:
    """Half of the blocks from the table, the others from the regression."""
    return fit_predictor(table(BLOCKS[::2]))


def composed() -> LatencyPredictor:
    nets = networks()
    return fit_predictor(table(BLOCKS), nets, measured_ms(nets))


def of_networks_alone() -> LatencyPredictor:
    nets = networks()
    return fit_predictor(None, nets, measured_ms(nets), target=TARGET, blocks=BLOCKS)


def of_form(form: str) -> LatencyPredictor:
    """Nothing is looked up: every block comes from one form."""
    base = fit_predictor(table(BLOCKS))
    model = fit_form(form, rows_of("mbconv", BLOCKS, true_ms(BLOCKS)), seed=0)
    models = {**base.models, ("mbconv", "warm"): model, ("mbconv", "cold"): model}
    return replace(base, known={}, models=models, seen=tuple(BLOCKS))


MAKERS: dict[str, Callable[[], LatencyPredictor]] = {
    "look-up": look_up,
    "hybrid": hybrid,
    "composed": composed,
    "networks alone": of_networks_alone,
    **{form: partial(of_form, form) for form in FORMS},
}


@pytest.fixture(scope="module", params=MAKERS)
def predictor(request: pytest.FixtureRequest) -> LatencyPredictor:
    return MAKERS[request.param]()


@dataclass(frozen=True)
class Place:
    columns: tuple[int, ...]
    options: tuple[tuple[tuple[int, ...], tuple[BlockSpec, ...]], ...]


def places() -> list[Place]:
    """Three positions of a space: a size for all, a width and a kernel for each or no block."""
    places = []
    for number in range(3):
        columns = (0, 1 + 2 * number, 2 + 2 * number)
        options: list[tuple[tuple[int, ...], tuple[BlockSpec, ...]]] = [
            ((size, width, kernel), (block(size, width, kernel),))
            for size in SIZES
            for width in WIDTHS
            for kernel in KERNELS
        ]
        options += [((size, 0, 0), ()) for size in SIZES if number]
        places.append(Place(columns, tuple(options)))
    return places


@pytest.mark.slow
def test_a_network_is_the_sum_of_its_blocks_and_an_overhead(predictor: LatencyPredictor) -> None:
    net = networks(1)[0]

    prediction = predictor.predict(net)

    assert len(prediction.per_block_ms) == len(net)
    assert prediction.ms == pytest.approx(
        sum(prediction.per_block_ms) + predictor.composition.overhead_ms
    )
    assert prediction.ms > 0
    assert prediction.std_ms >= 0
    assert set(prediction.extrapolated) <= set(prediction.unmeasured)


def test_it_orders_and_sizes_networks(predictor: LatencyPredictor) -> None:
    nets = networks(40)[30:]
    blocks_ms = predictor.predict_many(nets) - predictor.composition.overhead_ms

    ratio = blocks_ms / [true_ms(net).sum() for net in nets]

    assert np.mean(np.abs(ratio / np.median(ratio) - 1)) < 0.06


def test_batch_prediction_equals_single_predictions(predictor: LatencyPredictor) -> None:
    nets = networks(5)

    many = predictor.predict_many(nets)

    np.testing.assert_allclose(many, [predictor.predict(net).ms for net in nets], rtol=1e-12)


def test_vectorized_prediction_equals_the_scalar_one(predictor: LatencyPredictor) -> None:
    rng = np.random.default_rng(2)
    codes = np.zeros((50, 7), dtype=np.int16)
    codes[:, 0] = rng.choice(SIZES, 50)
    nets: list[list[BlockSpec]] = [[] for _ in codes]
    for number in range(3):
        for row, net in enumerate(nets):
            if number == 0 or rng.random() < 0.7:
                width, kernel = rng.choice(WIDTHS), rng.choice(KERNELS)
                codes[row, 1 + 2 * number : 3 + 2 * number] = width, kernel
                net.append(block(int(codes[row, 0]), int(width), int(kernel)))

    ms = compile_latency(predictor, places()).predict(codes)
    std_ms = compile_spread(predictor, places()).std_ms(codes)

    slow = [predictor.predict(net) for net in nets]
    np.testing.assert_allclose(ms, [prediction.ms for prediction in slow], rtol=1e-6)
    np.testing.assert_allclose(
        std_ms, [prediction.std_ms for prediction in slow], rtol=1e-6, atol=1e-12
    )


def test_a_saved_predictor_is_read_back_unchanged(
    predictor: LatencyPredictor, tmp_path: Path
) -> None:
    predictor.save(tmp_path / "p.parquet")

    back = LatencyPredictor.load(tmp_path / "p.parquet")

    for net in networks(5):
        assert back.predict(net) == predictor.predict(net)
    assert back.domain == predictor.domain


def test_extrapolated_blocks_are_listed(predictor: LatencyPredictor) -> None:
    inside, unlike = block(16, 64, 5), block(40, 64, 5)

    assert inside in predictor.domain
    why = predictor.domain.why_outside(unlike)
    assert why == "in_size 40 of a mbconv was never measured, only 8, 12, 16, 24"
    assert "kernel 9" in str(predictor.domain.why_outside(block(16, 64, 9)))
    assert "mid_channels 72" in str(predictor.domain.why_outside(block(16, 72, 5)))
    stem = BlockSpec(kind="stem", in_size=32, in_channels=3, out_channels=16, kernel=3)
    assert predictor.domain.why_outside(stem) == "no stem was measured"


def test_predicted_blocks_have_larger_deviations_than_measured_ones() -> None:
    known, unknown = hybrid().predict([BLOCKS[0]] * 3), hybrid().predict([BLOCKS[1]] * 3)

    assert known.std_ms == 0
    assert unknown.std_ms > 0
    assert unknown.unmeasured == (BLOCKS[1],) * 3
    assert unknown.extrapolated == ()


@pytest.mark.slow
def test_most_networks_lie_within_two_standard_deviations() -> None:
    nets = networks(330)
    ms = measured_ms(nets)
    predictor = fit_predictor(table(BLOCKS), nets[:30], ms[:30])

    predictions = [predictor.predict(net) for net in nets[30:]]

    inside = [
        abs(prediction.ms - m) < 2 * prediction.std_ms
        for prediction, m in zip(predictions, ms[30:], strict=True)
    ]
    assert 0.85 < np.mean(inside) <= 1
