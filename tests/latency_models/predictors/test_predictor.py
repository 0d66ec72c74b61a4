"""Regressions, their files, and what is said of blocks never measured."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.blocks.spec import BlockSpec
from bench.errors import FileError, InputError, MissingEntryError, TargetMismatchError
from bench.protocol.target import Target
from latency_models.fitting import fit_predictor
from latency_models.predictors.file import WHAT
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.regression.features import ALL, PHYSICAL, feature_matrix
from latency_models.regression.regression import fit_form, rows_of
from latency_models.regression.trees import from_sklearn, grow_sklearn
from latency_models.tables.storage import load_frame, save_frame
from latency_models.tables.table import LatencyTable, frame_of

TARGET = Target(device="box", backend="onnx", backend_version="1.0")
COSTS = np.linspace(0.01, 0.05, len(PHYSICAL))


def blocks(sizes: tuple[int, ...] = (8, 12, 16, 20, 24, 32)) -> list[BlockSpec]:
    """Three kinds; the classifier has a single row, as in a real table."""
    specs = [BlockSpec(kind="classifier", in_size=1, in_channels=64, out_channels=10)]
    for size in sizes:
        specs.append(
            BlockSpec(kind="stem", in_size=4 * size, in_channels=3, out_channels=16, kernel=3)
        )
        specs += [
            BlockSpec(
                kind="mbconv",
                in_size=size,
                in_channels=16,
                mid_channels=16 * expand,
                out_channels=16,
                kernel=kernel,
                act="hswish",
            )
            for expand in (3, 4, 6)
            for kernel in (3, 5, 7)
        ]
    return specs


def true_ms(specs: list[BlockSpec]) -> np.ndarray:
    return feature_matrix(specs, PHYSICAL) @ COSTS


def table(specs: list[BlockSpec], target: Target = TARGET) -> LatencyTable:
    ms = true_ms(specs)
    rows = frame_of(specs, latency_ms=ms, cold_ms=1.5 * ms)
    return LatencyTable(target=target, provenance={"space": "tiny"}, rows=rows)


@pytest.fixture(scope="module")
def predictor() -> LatencyPredictor:
    return fit_predictor(table(blocks()))


def networks(count: int = 20) -> list[list[BlockSpec]]:
    rng = np.random.default_rng(0)
    specs = blocks()
    return [
        [specs[row] for row in rng.integers(len(specs), size=rng.integers(5, 15))]
        for _ in range(count)
    ]


def test_measured_blocks_are_exact_and_others_are_marked(predictor: LatencyPredictor) -> None:
    known = blocks()[3]
    unknown = replace(known, in_size=28)

    prediction = predictor.predict([known, unknown])

    assert prediction.per_block_ms[0] == table(blocks()).lookup(known)
    assert prediction.extrapolated == (unknown,)
    assert prediction.ms == pytest.approx(true_ms([known, unknown]).sum(), rel=0.02)


def test_a_linear_device_is_recovered(predictor: LatencyPredictor) -> None:
    others = blocks((10, 28, 48))

    warm, cold = predictor.alone_ms(others)

    np.testing.assert_allclose(warm, true_ms(others), rtol=0.03)
    np.testing.assert_allclose(cold, 1.5 * true_ms(others), rtol=0.03)


def test_kinds_with_few_rows_scale_and_kinds_with_none_are_not_free(
    predictor: LatencyPredictor,
) -> None:
    bigger = BlockSpec(kind="classifier", in_size=1, in_channels=640, out_channels=1000)
    unseen = BlockSpec(kind="max_pool", in_size=16, in_channels=16, out_channels=16, kernel=3)

    warm, _ = predictor.alone_ms([bigger, unseen])

    assert {choice.kind: choice.form for choice in predictor.choices}["classifier"] == "pooled"
    assert warm[0] > predictor.alone_ms([blocks()[0]])[0][0]
    assert warm[1] > 0


def test_choices_report_the_error_of_every_form(predictor: LatencyPredictor) -> None:
    choices = {choice.kind: choice for choice in predictor.choices}

    assert [name for name, _ in choices["mbconv"].errors] == [
        "pooled",
        "linear",
        "linear*smooth",
        "trees",
        "linear*trees",
        "linear*both",
    ]
    assert choices["mbconv"].error == min(error for _, error in choices["mbconv"].errors)
    assert choices["stem"].rows == 6
    assert choices["classifier"].errors == ()


def test_trees_are_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    matrix = feature_matrix(blocks()) * rng.uniform(0.5, 1.5, (len(blocks()), len(ALL)))
    model = grow_sklearn(matrix, np.log(true_ms(blocks())), seed=0)

    ours = from_sklearn(model).predict(np.tile(matrix, (100, 1)))

    theirs = model.predict(np.tile(matrix, (100, 1)))  # type: ignore[attr-defined]
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_costs_are_scikit_learns() -> None:
    from sklearn.linear_model import LinearRegression

    from latency_models.regression.regression import fit_pooled

    matrix, ms = feature_matrix(blocks()), true_ms(blocks())
    model = fit_pooled(matrix, ms)
    rows = matrix[:, : len(PHYSICAL)] / ms[:, None]
    scale = np.sqrt(np.mean(rows**2, axis=0))
    used = scale > 0
    weak = np.sqrt(1e-3 * len(ms)) * np.eye(int(used.sum()))
    theirs = LinearRegression(positive=True, fit_intercept=False).fit(
        np.concatenate([rows[:, used] / scale[used], weak]),
        np.concatenate([np.ones(len(ms)), np.zeros(len(weak))]),
    )

    expected = ms * theirs.predict(rows[:, used] / scale[used])
    np.testing.assert_allclose(model.predict(matrix), expected, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("whole", [True, False])
def test_round_trip_predicts_the_same(tmp_path: Path, whole: bool) -> None:
    nets = networks()
    measured = np.array([1.0 + 1.2 * true_ms(net).sum() for net in nets])
    made = fit_predictor(table(blocks()), nets if whole else None, measured if whole else None)
    made.save(tmp_path / "p.parquet")

    back = LatencyPredictor.load(tmp_path / "p.parquet")

    others = [blocks((10, 28, 48)), blocks()]
    assert back.predict_many(others).tolist() == made.predict_many(others).tolist()
    assert (back.target, back.choices) == (made.target, made.choices)
    assert back.composition == made.composition
    assert back.composition_choice == made.composition_choice
    assert back.known == made.known


def test_predict_many_equals_predict(predictor: LatencyPredictor) -> None:
    nets = networks(5)

    many = predictor.predict_many(nets)

    np.testing.assert_allclose(many, [predictor.predict(net).ms for net in nets], rtol=1e-12)


@pytest.mark.slow
def test_a_predictor_is_fitted_to_networks_only() -> None:
    nets = networks(60)
    measured = np.array([0.7 + true_ms(net).sum() for net in nets])

    predictor = fit_predictor(None, nets[:40], measured[:40], target=TARGET)

    np.testing.assert_allclose(predictor.predict_many(nets[40:]), measured[40:], rtol=0.05)
    assert len(predictor.predict(nets[0]).unmeasured) == len(nets[0])
    assert predictor.predict(nets[0]).extrapolated == ()


def test_different_targets_are_not_combined() -> None:
    other = replace(TARGET, threads=2)
    nets = networks(3)

    with pytest.raises(TargetMismatchError, match="one target"):
        fit_predictor(table(blocks()), nets, np.ones(3), target=other)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan])
def test_a_measured_latency_is_above_zero(bad: float) -> None:
    with pytest.raises(InputError, match="network 1 is"):
        fit_predictor(None, networks(2), np.array([1.0, bad]), target=TARGET)


def test_a_lookup_predictor_refuses_unmeasured_blocks() -> None:
    known = blocks()[1]
    exact = LatencyPredictor(target=TARGET, provenance={}, known={known: (1.0, 2.0)}, models={})

    assert exact.predict([known, known]).ms == 2.0
    with pytest.raises(MissingEntryError, match=f"the nearest is {known.key}"):
        exact.predict([blocks()[2]])


def test_fitting_without_data_is_reported() -> None:
    with pytest.raises(InputError, match="nothing to fit"):
        fit_predictor(None)


def test_a_table_is_not_read_as_a_predictor(tmp_path: Path) -> None:
    table(blocks()).save(tmp_path / "t.parquet")

    with pytest.raises(FileError, match="is a latency table, expected a latency predictor"):
        LatencyPredictor.load(tmp_path / "t.parquet")


def test_a_damaged_predictor_gives_a_one_line_error(
    tmp_path: Path, predictor: LatencyPredictor
) -> None:
    path = tmp_path / "p.parquet"
    every = fit_form("linear*both", rows_of("mbconv", blocks(), true_ms(blocks())), 0)
    models = {**predictor.models, ("mbconv", "warm"): every}
    replace(predictor, models=models).save(path)
    frame, metadata = load_frame(path, what=WHAT)

    for damaged in (
        frame[frame["part"] != "composition"],
        frame.assign(name="nonsense"),
        frame[(frame["part"] != "linear") | (frame["item"] != "launches")],
        frame.assign(left=10**6),
        frame[(frame["part"] != "smooth") | (frame["item"] != "stretch")],
        frame[(frame["part"] != "smooth") | (frame["index"] > 0)],
    ):
        save_frame(path, damaged, what=WHAT, metadata=metadata)
        with pytest.raises(FileError, match="damaged") as caught:
            LatencyPredictor.load(path)
        assert "\n" not in str(caught.value)


def test_a_resolution_between_two_measured_ones(shared_data: Path) -> None:
    """Phone tables of 160 and 176 px tell networks of 168 px, which has a table to judge by."""
    from latency_models.formats.ofa import from_ofa
    from supernet.space.space import SearchSpace

    phone = Target(device="note10", backend="tflite", backend_version="unknown")
    paths = {size: shared_data / "note10" / f"{size}_lookup_table.yaml" for size in (160, 168, 176)}
    between = from_ofa([paths.pop(168)], phone)
    space = SearchSpace.load("ofa-mbv3-w1.2")
    archs = space.sample(np.random.default_rng(0), 50, [168])
    nets = [space.blocks(arch) for arch in archs]

    predicted = fit_predictor(from_ofa(list(paths.values()), phone)).predict_many(nets)

    summed = [sum(between.lookup(block) for block in net) for net in nets]
    np.testing.assert_allclose(predicted, summed, rtol=0.02)
