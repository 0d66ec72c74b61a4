"""`supernet.accuracy.mlp` and its training, and the comparison of both kinds of predictor."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bench.errors import FileError, InputError
from latency_models.tables.storage import load_any_frame, save_frame
from supernet.accuracy import mlp_fit
from supernet.accuracy import predictor as predictor_module
from supernet.accuracy.check import compare, kinds_for
from supernet.accuracy.cross_validation import CrossValidation, HeldOut
from supernet.accuracy.mlp import MlpModel
from supernet.accuracy.predictor import AccuracyPredictor, fit_accuracy
from supernet.space.codes import Codes
from supernet.space.space import SearchSpace

TINY = SearchSpace.load("tiny")


@pytest.fixture(autouse=True)
def _small_and_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlp_fit, "WIDTHS", (16,))
    monkeypatch.setattr(mlp_fit, "WEIGHT_DECAYS", (0.01,))
    monkeypatch.setattr(mlp_fit, "LEAST_STEPS", 100)
    monkeypatch.setattr(mlp_fit, "EPOCHS", 1)


def pairs(n: int, seed: int = 0) -> tuple[Codes, NDArray[np.float64]]:
    """Accuracies to which the resolution and each depth add their own part."""
    codes = TINY.sample_codes(np.random.default_rng(seed), n)
    return codes, 0.6 + codes[:, 0] * 0.004 + codes[:, 1:4] @ np.array([0.02, 0.03, 0.01])


def by_hand() -> MlpModel:
    """Two members of one hidden unit: relu(x - 1) and relu(2 (x - 1)), of which 1 + 10 z."""
    return MlpModel(
        weights=(np.array([[[1.0]], [[2.0]]], np.float32), np.ones((2, 1, 1), np.float32)),
        biases=(np.zeros((2, 1, 1), np.float32), np.zeros((2, 1, 1), np.float32)),
        centre=np.array([1.0], np.float32),
        means=np.array([1.0, 1.0], np.float32),
        scales=np.array([10.0, 10.0], np.float32),
        noise=3.0,
        weight_decay=0.0,
    )


def test_predictions_by_hand() -> None:
    features = np.array([[0.0], [2.0]])

    # Members say 1 and 1, for what is below 0 is cut; then 11 and 21: a variance of 50.
    # Noise adds 9.
    assert by_hand().predict(features).tolist() == [1.0, 16.0]
    assert by_hand().spread(features) == pytest.approx([3.0, np.sqrt(59.0)])


def test_numbers_go_through_json_unchanged() -> None:
    data = json.loads(json.dumps(by_hand().to_json()))

    again = MlpModel.from_json(data)

    assert (
        again.predict(np.array([[2.5]])).tolist() == by_hand().predict(np.array([[2.5]])).tolist()
    )
    assert (again.noise, again.members) == (3.0, 2)
    with pytest.raises(ValueError, match="layers of shapes"):
        MlpModel.from_json({**data, "centre": data["means"]})


def test_an_additive_accuracy_is_learnt_with_a_small_error() -> None:
    predictor = fit_accuracy(TINY, *pairs(120), kind="mlp")
    unseen, truth = pairs(200, seed=1)

    validation = predictor.cross_validation
    assert np.sqrt(np.mean((predictor.predict(unseen) - truth) ** 2)) < 0.5 * truth.std()
    assert validation.rmse < 0.5 * validation.constant_rmse
    assert validation.spearman > 0.9
    # The members' disagreement and the noise are together of the size of errors on unseen pairs.
    assert predictor.predict_spread(unseen).mean() == pytest.approx(validation.rmse, rel=0.3)


def test_noise_is_not_learnt_out_of_sample() -> None:
    codes, _ = pairs(60)
    noise = np.random.default_rng(5).uniform(0.4, 0.6, size=60)

    validation = fit_accuracy(TINY, codes, noise, kind="mlp").cross_validation

    assert validation.rmse > 0.9 * validation.constant_rmse


def test_a_constant_accuracy_is_predicted_exactly() -> None:
    codes, _ = pairs(20)
    predictor = fit_accuracy(TINY, codes, np.full(20, 0.75), kind="mlp")

    assert predictor.predict(codes) == pytest.approx(np.full(20, 0.75))
    assert np.isnan(predictor.cross_validation.spearman)


def test_equal_seeds_give_equal_networks_and_no_global_generator_is_touched() -> None:
    before = torch.random.get_rng_state()
    first, second, other = (
        fit_accuracy(TINY, *pairs(40), kind="mlp", seed=seed).predict(pairs(9)[0])
        for seed in (7, 7, 8)
    )

    assert first.tolist() == second.tolist()
    assert first.tolist() != other.tolist()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_file_keeps_every_prediction(tmp_path: Path) -> None:
    predictor = fit_accuracy(TINY, *pairs(40), kind="mlp")
    unseen, _ = pairs(100, seed=2)

    predictor.save(tmp_path / "a.parquet")
    loaded = AccuracyPredictor.load(tmp_path / "a.parquet")

    assert loaded.predict(unseen).tolist() == predictor.predict(unseen).tolist()
    assert loaded.predict_spread(unseen).tolist() == predictor.predict_spread(unseen).tolist()
    assert loaded.model.settings == predictor.model.settings
    loaded.check_space(TINY)


@pytest.mark.parametrize(
    "damage", [{"scales": None}, {"centre": {"shape": [3], "float32": "AAAA"}}, {"noise": "?"}]
)
def test_a_damaged_file_is_refused_in_one_line(damage: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    fit_accuracy(TINY, *pairs(20), kind="mlp").save(path)
    frame, about = load_any_frame(path)
    about["mlp"] |= damage

    save_frame(path, frame, what=about.pop("what"), metadata=about)

    with pytest.raises(FileError, match="damaged accuracy predictor"):
        AccuracyPredictor.load(path)


def test_figures_of_held_out_networks_by_hand() -> None:
    truth, fitted = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.2, 0.4])

    held_out = HeldOut.of(np.array([0.1, 0.3, 0.2, 0.4]), truth, fitted)

    # One of six pairs is in the wrong order; ranks differ by 1 twice: 1 - 6 * 2 / (4 * 15).
    assert held_out.kendall == pytest.approx(4 / 6)
    assert held_out.spearman == pytest.approx(0.8)
    assert held_out.rmse == pytest.approx(np.sqrt(0.02 / 4))
    assert held_out.constant_rmse == pytest.approx(np.sqrt((0.04 + 0.01 + 0 + 0.01) / 4))
    assert (held_out.fitted, held_out.judged) == (2, 4)
    assert HeldOut.of(np.zeros(4), truth, fitted).kendall is None


def test_held_out_networks_do_not_affect_the_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, truth = pairs(50)
    spoilt = truth.copy()
    held_out = np.random.default_rng(0).permutation(50)[:10]
    spoilt[held_out] = 0.0

    clean, dirty = (compare(TINY, codes, values, ("kernel",), 0)[0] for values in (truth, spoilt))

    assert clean.cross_validation == dirty.cross_validation
    assert clean.held_out is not None
    assert dirty.held_out is not None
    assert clean.held_out.judged == 10
    assert clean.held_out.rmse < 0.01 < dirty.held_out.rmse


def test_the_best_kind_comes_first() -> None:
    comparisons = compare(TINY, *pairs(60), kinds_for("best", 60))

    assert {comparison.kind for comparison in comparisons} == {"kernel", "mlp"}
    assert comparisons[0].cross_validation.rmse <= comparisons[1].cross_validation.rmse


def test_few_pairs_are_not_held_out() -> None:
    (comparison,) = compare(TINY, *pairs(19), ("kernel",))

    assert comparison.held_out is None
    assert comparison.cross_validation.pairs == 19


def test_a_kernel_has_a_maximum_number_of_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictor_module, "MOST_KERNEL_PAIRS", 15)
    with pytest.raises(InputError, match="at most 15 pairs, got 20: fit an mlp"):
        fit_accuracy(TINY, *pairs(20))

    assert kinds_for("best", 5001) == kinds_for("mlp", 10) == ("mlp",)
    assert kinds_for("kernel", 5001) == ("kernel",)


def test_cross_validation_by_hand() -> None:
    # Parts 0 and 1 of two pairs each: means of the others are 0.35 and 0.15.
    values, part = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0, 0, 1, 1])

    validation = CrossValidation.of(values + 0.01, values, part)

    assert validation.rmse == pytest.approx(0.01)
    assert validation.constant_rmse == pytest.approx(np.sqrt((0.0625 + 0.0225) / 2))
    assert validation.spearman == pytest.approx(1.0)
