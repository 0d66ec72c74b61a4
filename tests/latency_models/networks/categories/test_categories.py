"""`latency_models.networks.categories` and its fit, kernels and file."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench.errors import FileError, InputError
from latency_models.evaluation.evaluate import evaluate
from latency_models.networks.categories.fit import fit_categories
from latency_models.networks.categories.kernels import (
    Vocabulary,
    device_kernels,
    own_kernels,
    shape_of,
)
from latency_models.networks.categories.predictor import (
    CategoryPredictor,
    Codes,
    category_columns,
    codes_of,
)
from latency_models.tables.networks import foreign_target

Floats = NDArray[np.float64]

COLUMNS = tuple(f"op{place}" for place in range(8))
TARGET = foreign_target("there_ms")
GENERATOR = np.random.default_rng(5)
# Eight places of five operators; two kinds of device that weigh two costs differently.
FIRST, SECOND = GENERATOR.gamma(2.0, size=(8, 5)), GENERATOR.gamma(2.0, size=(8, 5))


def codes(count: int, seed: int = 0) -> Codes:
    return np.random.default_rng(seed).integers(0, 5, size=(count, 8))


def device_ms(rows: Codes, mix: float, noise: float = 0.0) -> Floats:
    costs = mix * FIRST + (1 - mix) * SECOND
    exact = 3 + costs[np.arange(8), rows].sum(axis=1)
    result: Floats = exact * (1 + noise * np.random.default_rng(9).normal(size=len(rows)))
    return result


def fitted(
    mix: float, count: int, noise: float = 0.0, **more: CategoryPredictor
) -> CategoryPredictor:
    rows = codes(count)
    return fit_categories(COLUMNS, rows, device_ms(rows, mix, noise), TARGET, priors=more).predictor


def small() -> CategoryPredictor:
    return CategoryPredictor(
        target=TARGET,
        provenance={},
        costs_ms={"a0": {0: 1.0, 2: 3.0}, "a1": {0: 0.5, 2: 1.5}},
        seen={"a0": frozenset({0, 2}), "a1": frozenset({0})},
    )


def test_costs_add_up_and_unknown_categories_have_the_mean_and_are_extrapolated() -> None:
    rows = np.array([[0, 0], [2, 0], [0, 2], [7, 0], [-1, 1]])

    assert small().predict(rows).tolist() == [1.5, 3.5, 2.5, 2.5, 3.0]
    assert small().extrapolated(rows).tolist() == [False, False, True, True, True]


def test_columns_that_number_rows_are_no_categories() -> None:
    frame = pd.DataFrame(
        {
            "arch_id": [0, 1, 1],
            "number_of_it": [3, 1, 2],  # unlike in every row, and alone of its name
            "op0": [0, 1, 2],
            "op1": [0, 0, 1],
            "kernel": [3, 5, 3],
            "share": [0.1, 0.2, 0.3],
            "there_ms": [3, 4, 5],
            "there_p90": [4, 4, 6],
        }
    )

    assert category_columns(frame) == ("op0", "op1", "kernel")
    # Of latencies that are not there, it is a column like any other.
    assert "there_p90" in category_columns(frame.drop(columns="there_ms"))
    with pytest.raises(InputError, match="no column holds categories"):
        category_columns(frame[["arch_id", "share", "there_ms"]])


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"op0": [1]}), "lacks the column 'op1'"),
        (pd.DataFrame({"op0": [1], "op1": [0.5]}), "'op1' is 0.5 in row 0, expected a whole"),
        (
            pd.DataFrame({"op0": [1], "op1": pd.array([None], dtype="Int64")}),
            "'op1' is nan in row 0",
        ),
        (pd.DataFrame({"op0": [1], "op1": [1]})[:0], "no rows"),
    ],
)
def test_tables_without_the_categories_are_refused(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(InputError, match=message):
        codes_of(frame, ("op0", "op1"))


def test_categories_of_joins_and_csv_files_are_those_of_integers(tmp_path: Path) -> None:
    frame = pd.DataFrame({"op0": [0, 1, 2, 0], "op1": [3, 3, 1, 1], "there_ms": [3, 4, 5, 6]})
    joined = frame.astype({"op0": "float64"})
    csv = tmp_path / "a.csv"
    frame.sample(4, random_state=1).to_csv(csv)  # with its index, as by default

    for other in (joined, frame.convert_dtypes(), frame.astype("float64"), pd.read_csv(csv)):
        assert category_columns(other) == ("op0", "op1")
    assert codes_of(joined, ("op0", "op1")).tolist() == [[0, 3], [1, 3], [2, 1], [0, 1]]


@pytest.mark.parametrize("value", [None, 0.5, "?"])
def test_a_wrong_cell_is_named_and_its_column_not_dropped(value: Any) -> None:
    cells = pd.Series([1, 2, value, 1], dtype=object)
    frame = pd.DataFrame({"op0": [0, 1, 2, 0], "op1": cells, "other": cells})

    with pytest.raises(InputError, match=r"column 'op1' is .* in row 2, expected a whole number"):
        category_columns(frame)
    assert category_columns(frame.drop(columns="op1")) == ("op0",)


def test_shapes_count_from_their_columns_means() -> None:
    vocabulary = Vocabulary(columns=("a0", "b0"), categories=((0, 1), (4, 5, 6)))

    shape, scale = shape_of(vocabulary, np.array([1.0, 3.0, 5.0, 5.0, 5.0]))

    assert scale == pytest.approx(np.sqrt(2 / 5))
    assert shape == pytest.approx(np.array([-1.0, 1.0, 0.0, 0.0, 0.0]) / scale)


def test_kernels_are_covariances_of_about_one_network() -> None:
    vocabulary = Vocabulary(columns=COLUMNS, categories=((0, 1, 2, 3, 4),) * 8)
    shapes = [shape_of(vocabulary, costs.ravel())[0] for costs in (FIRST, SECOND)]

    kernels = np.concatenate([own_kernels(vocabulary), device_kernels(vocabulary, shapes)])

    for kernel in kernels:
        assert np.linalg.eigvalsh(kernel).min() > -1e-12
        assert np.mean(np.diagonal(kernel)) * 8 == pytest.approx(1)
    # By name alone, an operator costs the same at any place.
    by_name = kernels[0].reshape(8, 5, 8, 5)
    assert by_name[0, 1, 0, 1] == pytest.approx(by_name[0, 1, 6, 1])


def test_names_in_different_columns_are_independent() -> None:
    kernels = own_kernels(Vocabulary(columns=("op0", "kernel"), categories=((3, 5), (3, 5))))

    assert kernels[0][:2, 2:] == pytest.approx(np.zeros((2, 2)))


def test_an_additive_device_is_fitted_from_its_networks() -> None:
    others = codes(300, seed=1)

    scores = evaluate(fitted(0.5, 120).predict(others), device_ms(others, 0.5))

    assert scores.within_5 > 0.98
    assert scores.spearman is not None
    assert scores.spearman > 0.99


@pytest.mark.parametrize(("seed", "count"), [(1, 60), (10, 80)])
def test_fits_do_not_stay_at_their_start(seed: int, count: int) -> None:
    """Costs that add up exactly; from one start, no part came in, or only one of three did.

    Seed 1 then predicted the same for every network, seed 10 ranked others by 0.13.
    """
    generator = np.random.default_rng(seed)
    costs = generator.gamma(1.0, size=(8, 5))
    rows = generator.integers(0, 5, size=(count + 300, 8))
    measured = 3 + costs[np.arange(8), rows].sum(axis=1)

    fit = fit_categories(COLUMNS, rows[:count], measured[:count], TARGET)

    scores = evaluate(fit.predictor.predict(rows[count:]), measured[count:])
    assert scores.spearman is not None
    assert scores.spearman > 0.999
    assert scores.within_5 == 1
    assert fit.error < 0.01


def test_noise_that_no_category_explains_is_predicted_as_such() -> None:
    """Nothing wins by chance: neither ridge nor the categories; the error is that of the noise."""
    generator = np.random.default_rng(0)
    rows, noise = codes(60), 0.1 * generator.normal(size=60)

    fit = fit_categories(COLUMNS, rows, 10 * np.exp(noise), TARGET)

    assert np.ptp(fit.predictor.predict(codes(300, seed=1))) < 2.0
    assert 0.06 < fit.error < 0.1  # mean size of noise: 0.08


def test_ten_networks_and_two_priors_predict_a_third_device() -> None:
    noisy, other = fitted(1.0, 200, 0.01), fitted(0.0, 200, 0.01)
    others = codes(300, seed=1)
    measured = device_ms(others, 0.6)

    with_priors = evaluate(fitted(0.6, 10, 0.01, one=noisy, other=other).predict(others), measured)
    alone = evaluate(fitted(0.6, 10, 0.01).predict(others), measured)

    assert with_priors.spearman is not None
    assert alone.spearman is not None
    assert with_priors.spearman > 0.95
    assert alone.spearman < 0.8


def test_categories_known_only_to_a_prior_are_not_extrapolated() -> None:
    prior = fitted(1.0, 200)
    rows = np.zeros((3, 8), dtype=np.int64)
    rows[1, 0], rows[2, 1] = 1, 2

    alone = fit_categories(COLUMNS, rows, device_ms(rows, 0.5), TARGET).predictor
    both = fit_categories(COLUMNS, rows, device_ms(rows, 0.5), TARGET, priors={"p": prior})

    # One operator was measured at one place: it is named at all, and nowhere costs 0.
    assert all(set(costs) == {0, 1, 2} for costs in alone.costs_ms.values())
    assert all(cost > 0 for costs in alone.costs_ms.values() for cost in costs.values())
    assert alone.seen["op1"] == {0, 2}
    assert alone.extrapolated(codes(1, seed=3)).tolist() == [True]
    assert not both.predictor.extrapolated(codes(50, seed=3)).any()
    assert both.candidate == "p"


def test_priors_of_other_columns_are_refused() -> None:
    with pytest.raises(InputError, match="the prior small has the columns a0, a1"):
        fitted(0.5, 10, small=small())


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(factor=st.floats(1e-3, 1e3), count=st.integers(1, 12))
def test_units_do_not_matter_and_any_number_of_networks_will_do(factor: float, count: int) -> None:
    rows = codes(count)
    measured = device_ms(rows, 0.5)

    predictor = fit_categories(COLUMNS, rows, measured, TARGET).predictor
    other = fit_categories(COLUMNS, rows, factor * measured, TARGET).predictor

    assert np.isfinite(predictor.predict(rows)).all()
    assert other.predict(rows) == pytest.approx(factor * predictor.predict(rows), rel=1e-4)


def test_a_saved_predictor_predicts_the_same(tmp_path: Path) -> None:
    predictor = fitted(0.5, 20, 0.01)
    predictor.save(tmp_path / "p.parquet")

    loaded = CategoryPredictor.load(tmp_path / "p.parquet")

    rows = codes(50, seed=2)
    assert loaded.predict(rows).tolist() == predictor.predict(rows).tolist()
    assert loaded.columns == COLUMNS
    assert loaded.seen == predictor.seen
    assert loaded.target == TARGET


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    small().save(path)
    whole = path.read_bytes()

    path.write_bytes(whole[:200])
    with pytest.raises(FileError, match="not a readable parquet file"):
        CategoryPredictor.load(path)
    pd.DataFrame({"column": ["a"]}).to_parquet(path)
    with pytest.raises(FileError, match="expected a predictor of categories"):
        CategoryPredictor.load(path)
