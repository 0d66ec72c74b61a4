"""`supernet.accuracy.predictor`: fits, files and refused input."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from bench.errors import FileError, InputError
from supernet.accuracy.kernels import Kernel, KernelModel
from supernet.accuracy.predictor import AccuracyPredictor, fit_accuracy
from supernet.space.space import Codes, SearchSpace

TINY = SearchSpace.load("tiny")


def additive(codes: Codes) -> NDArray[np.float64]:
    """An accuracy to which the resolution and each depth add their own part."""
    return np.asarray(0.6 + codes[:, 0] * 0.004 + codes[:, 1:4] @ np.array([0.02, 0.03, 0.01]))


def pairs(n: int, seed: int = 0) -> tuple[Codes, NDArray[np.float64]]:
    codes = TINY.sample_codes(np.random.default_rng(seed), n)
    return codes, additive(codes)


def test_ridge_regression_by_hand() -> None:
    # Features -1 and 1 and values 1 and 3 around their mean 2: similarities 1 + g x y are
    # [[2, 0], [0, 2]] for g = 1, so that weights are -1 / 3 and 1 / 3 for a ridge of 1.
    kernel = Kernel(name="linear", gamma=1.0, ridge=1.0)

    weights = kernel.process(np.array([[-1.0], [1.0]])).weights(np.array([-1.0, 1.0]))

    assert weights == pytest.approx(np.array([[-1 / 3, 1 / 3]]))


@pytest.mark.parametrize(
    ("name", "expected"), [("linear", 2.0), ("quadratic", 4.0), ("rbf", np.exp(-0.5 * 5.0))]
)
def test_kernels_by_hand(name: str, expected: float) -> None:
    # x.y = 2 and |x - y|^2 = 5.
    kernel = Kernel(name=name, gamma=0.5, ridge=1.0)

    similarity = kernel.between(np.array([[2.0, 0.0]]), np.array([[1.0, 2.0]]))

    assert similarity == pytest.approx(np.array([[expected]]))


def test_an_additive_accuracy_is_learnt_with_a_small_error() -> None:
    predictor = fit_accuracy(TINY, *pairs(120))
    unseen, truth = pairs(200, seed=1)

    assert predictor.predict(unseen) == pytest.approx(truth, abs=2e-3)
    validation = predictor.cross_validation
    assert validation.rmse < 0.1 * validation.constant_rmse
    assert validation.spearman > 0.99
    assert (validation.pairs, validation.parts) == (120, 5)


def test_a_predicted_accuracy_is_capped_at_1_and_the_regression_is_not() -> None:
    codes, accuracy = pairs(120)
    predictor = fit_accuracy(TINY, codes, np.minimum(accuracy + 0.15, 1.0))

    beyond = predictor.predict_unbounded(codes)

    assert beyond.max() > 1
    assert predictor.predict(codes).tolist() == np.minimum(beyond, 1.0).tolist()


def test_an_error_from_cross_validation_is_not_that_of_the_fit() -> None:
    codes, _ = pairs(60)
    noise = np.random.default_rng(5).uniform(0.4, 0.6, size=60)

    validation = fit_accuracy(TINY, codes, noise).cross_validation

    assert validation.rmse > 0.9 * validation.constant_rmse
    assert abs(validation.spearman) < 0.5


def test_a_constant_accuracy_has_no_rank_correlation() -> None:
    codes, _ = pairs(20)
    predictor = fit_accuracy(TINY, codes, np.full(20, 0.75))

    assert predictor.predict(codes) == pytest.approx(np.full(20, 0.75))
    assert np.isnan(predictor.cross_validation.spearman)


def test_a_file_keeps_every_prediction_and_the_pairs(tmp_path: Path) -> None:
    codes, accuracy = pairs(40)
    predictor = fit_accuracy(TINY, codes, accuracy).with_provenance({"checkpoint": "net.pt"})

    predictor.save(tmp_path / "a.parquet")
    loaded = AccuracyPredictor.load(tmp_path / "a.parquet")

    unseen, _ = pairs(500, seed=2)
    assert loaded.predict(unseen) == pytest.approx(predictor.predict(unseen), abs=1e-12)
    assert loaded.space == "tiny"
    assert loaded.provenance["checkpoint"] == "net.pt"
    assert loaded.cross_validation == predictor.cross_validation
    loaded.check_space(TINY)
    frame = pd.read_parquet(tmp_path / "a.parquet")
    assert [*frame.columns] == [*TINY.columns, "accuracy", "weight"]
    assert frame["accuracy"].tolist() == accuracy.tolist()


def test_a_predictor_without_rank_correlation_is_saved(tmp_path: Path) -> None:
    codes, _ = pairs(20)
    fit_accuracy(TINY, codes, np.full(20, 0.75)).save(tmp_path / "a.parquet")

    assert np.isnan(AccuracyPredictor.load(tmp_path / "a.parquet").cross_validation.spearman)


def test_the_same_seed_gives_the_same_predictor() -> None:
    first, second = (fit_accuracy(TINY, *pairs(40), seed=7) for _ in range(2))

    assert isinstance(first.model, KernelModel)
    assert isinstance(second.model, KernelModel)
    assert first.model.kernel == second.model.kernel
    assert first.model.weights.tolist() == second.model.weights.tolist()


def test_a_predictor_of_another_space_is_refused() -> None:
    predictor = fit_accuracy(TINY, *pairs(20))

    with pytest.raises(InputError, match=r"of the space tiny, the search is in ofa-mbv3-w1\.0"):
        predictor.check_space(SearchSpace.load("ofa-mbv3-w1.0"))
    with pytest.raises(InputError, match=f"have {len(TINY.columns)} columns"):
        predictor.predict(np.zeros((1, 3), dtype=np.int16))


def test_a_space_of_the_same_name_with_other_choices_is_refused() -> None:
    predictor = fit_accuracy(TINY, *pairs(20))
    narrowed = SearchSpace.from_toml(TINY.text.replace("[24, 28, 32]", "[24, 32]"))

    with pytest.raises(InputError, match="offers other choices"):
        predictor.check_space(narrowed)


def test_pairs_that_cannot_be_fitted_are_refused() -> None:
    codes, accuracy = pairs(20)

    with pytest.raises(InputError, match="too few"):
        fit_accuracy(TINY, codes[:9], accuracy[:9])
    with pytest.raises(InputError, match="fractions"):
        fit_accuracy(TINY, codes, accuracy * 100)
    with pytest.raises(InputError, match="fractions"):
        fit_accuracy(TINY, codes, np.full(20, np.nan))
    with pytest.raises(InputError, match="came with"):
        fit_accuracy(TINY, codes, accuracy[:-1])


@pytest.mark.parametrize("content", [b"", b"PAR1 and then nothing", b'{"json": 1}'])
def test_a_file_of_another_kind_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(content)

    with pytest.raises(FileError, match=r"a\.parquet"):
        AccuracyPredictor.load(path)


def test_a_table_of_another_program_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pd.DataFrame({"x": [1]}).to_parquet(path)

    with pytest.raises(FileError, match="expected an accuracy predictor"):
        AccuracyPredictor.load(path)
    with pytest.raises(FileError, match=r"missing\.parquet"):
        AccuracyPredictor.load(tmp_path / "missing.parquet")


def test_networks_to_measure_are_diverse_and_include_the_ends() -> None:
    from supernet.accuracy.measure import choose_networks

    codes = choose_networks(TINY, 60, seed=3)

    assert codes.shape == (60, len(TINY.columns))
    assert len(np.unique(codes, axis=0)) == 60
    ends = [arch for r in TINY.resolutions for arch in (TINY.smallest(r), TINY.largest(r))]
    assert {tuple(end) for end in TINY.encode(ends).tolist()} <= {*map(tuple, codes.tolist())}
    assert codes[:2].tolist() == TINY.encode([TINY.smallest(), TINY.largest()]).tolist()
    with pytest.raises(InputError, match="expected more than 2"):
        choose_networks(TINY, 2, seed=3)


@pytest.mark.parametrize("name", ["tiny", "ofa-mbv3-w1.0"])
def test_more_networks_of_a_seed_begin_with_the_fewer(name: str) -> None:
    from supernet.accuracy.measure import choose_networks

    space = SearchSpace.load(name)
    many = choose_networks(space, 300, seed=5).tolist()

    for n in (3, 10, 64, 65, 200):
        assert choose_networks(space, n, seed=5).tolist() == many[:n]
    assert choose_networks(space, 10, seed=6).tolist() != many[:10]


def test_the_spread_of_a_prediction_grows_away_from_measured_networks() -> None:
    # Two networks of values -1 and 1 around 0, k(x, y) = 1 + x y: K + ridge is [[3, 0], [0, 3]],
    # weights -1/3 and 1/3, the signal's scale (1/3 + 1/3) / 2. At x = 1: 2 - 4/3, at x = 3:
    # 10 - (4 + 16) / 3; each with the ridge of 1.
    model = KernelModel(
        kernel=Kernel(name="linear", gamma=1.0, ridge=1.0),
        support=np.array([[-1.0], [1.0]]),
        values=np.array([-1.0, 1.0]),
        weights=np.array([-1 / 3, 1 / 3]),
    )

    spread = model.spread(np.array([[1.0], [3.0]]))

    assert spread == pytest.approx(np.sqrt(np.array([5 / 3, 13 / 3]) / 3))


def test_spreads_are_of_the_errors_size() -> None:
    codes, accuracy = pairs(150)
    noise = np.random.default_rng(1).normal(0, 0.01, size=150)
    predictor = fit_accuracy(TINY, codes, accuracy + noise)

    assert predictor.predict_spread(codes).mean() == pytest.approx(0.01, rel=0.3)


def test_every_network_of_a_small_space_can_be_chosen() -> None:
    from supernet.accuracy.measure import choose_networks

    text = TINY.text
    for wide, narrow in (("[1, 2, 3]", "[1]"), ("[1, 2]", "[1]"), ("[2, 3, 4]", "[2]")):
        text = text.replace(wide, narrow)
    space = SearchSpace.from_toml(text)  # three stages of one block with a choice of kernel

    assert len(choose_networks(space, 3 * 27, seed=0)) == 81
    with pytest.raises(InputError, match="82 networks"):
        choose_networks(space, 82, seed=0)


def test_published_imagenet_accuracies_are_predicted(shared_data: Path) -> None:
    """200 networks of the published supernet fitted, the other 800 predicted (kernel 7, 224 px)."""
    space = SearchSpace.load("ofa-mbv3-w1.0")
    measured = json.loads((shared_data / "ofa_mbv3_imagenet_accuracy_224.json").read_text())
    rows = [json.loads(key) for key in measured]
    table = pd.DataFrame(
        [[row["image_size"], *row["d"], *row["ks"], *row["e"]] for row in rows],
        columns=space.columns,
    )
    codes = space.codes_of(table)
    top1 = np.array([*measured.values()]) / 100

    predictor = fit_accuracy(space, codes[:200], top1[:200])
    error = predictor.predict(codes[200:]) - top1[200:]

    assert np.sqrt(np.mean(error**2)) < 0.0012  # 0.0047 for the best constant
    assert predictor.cross_validation.spearman > 0.97
