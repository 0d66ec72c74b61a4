"""Sources of accuracy: OFA's published predictor against torch and against measured accuracies."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau

from bench.errors import FileError, InputError
from supernet.accuracy.ofa_published import LAYERS, OfaPublished, one_hot
from supernet.accuracy.predictor import fit_accuracy
from supernet.accuracy.source import AccuracySource, open_accuracy
from supernet.space.codes import Codes
from supernet.space.space import SearchSpace

SPACE = SearchSpace.load("ofa-mbv3-w1.0")
SIZES = (128, 400, 400, 400, 1)


def network(seed: int = 0) -> torch.nn.Sequential:
    """Predictor file in the format of OFA's authors, with random weights."""
    torch.manual_seed(seed)
    layers: list[torch.nn.Module] = []
    for given, made in pairwise(SIZES):
        layers += [torch.nn.Linear(given, made), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def inputs(codes: Codes) -> torch.Tensor:
    """One-hot inputs by a plain walk over the choices, as the authors' code makes them."""
    rows = []
    for code in codes.tolist():
        row = [0.0] * 128
        for block in range(20):
            kernel, expand = code[6 + block], code[26 + block]
            if kernel:
                row[3 * block + (3, 5, 7).index(kernel)] = 1.0
                row[60 + 3 * block + (3, 4, 6).index(expand)] = 1.0
        row[120 + (code[0] - 112) // 16] = 1.0
        rows.append(row)
    return torch.tensor(rows)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "published.pth"
    torch.save(network().state_dict(), path)
    return path


def random_codes(n: int) -> Codes:
    return SPACE.sample_codes(np.random.default_rng(0), n)


def test_predictions_are_those_of_torch(file: Path) -> None:
    codes = random_codes(700)  # more than are evaluated at once
    with torch.inference_mode():
        expected = network()(inputs(codes))[:, 0].numpy()

    predicted = open_accuracy(f"ofa:{file}").predict(codes)

    assert predicted.dtype == np.float64
    np.testing.assert_allclose(predicted, expected, atol=1e-6)
    assert np.ptp(expected) > 0.01


def test_inputs_are_one_hot_and_some_resolutions_share_one() -> None:
    codes = random_codes(300)

    np.testing.assert_array_equal(one_hot(codes), inputs(codes).numpy())
    sizes = np.repeat(codes[:1], 4, axis=0)
    sizes[:, 0] = (208, 220, 224, 128)
    places = one_hot(sizes)[:, 120:].argmax(axis=1)
    assert places.tolist() == [6, 6, 7, 1]


@pytest.mark.parametrize(("column", "value"), [(0, 240), (0, 96), (6, 4), (26, 5), (45, -1)])
def test_codes_without_an_input_are_refused(file: Path, column: int, value: int) -> None:
    codes = random_codes(3)
    codes[1, column] = value

    with pytest.raises(InputError, match="has no input for the code"):
        OfaPublished.load(file).predict(codes)
    with pytest.raises(InputError, match="of 46 columns"):
        OfaPublished.load(file).predict(codes[:, :-1])


@pytest.mark.parametrize("name", ["ofa-mbv3-w1.0", "ofa-mbv3-w1.2"])
def test_ofas_mobilenet_spaces_are_accepted(file: Path, name: str) -> None:
    open_accuracy(f"ofa:{file}").check_space(SearchSpace.load(name))


@pytest.mark.parametrize("name", ["tiny", "ofa-proxyless-w1.3", "ofa-resnet50d"])
def test_other_spaces_are_refused(file: Path, name: str) -> None:
    with pytest.raises(InputError, match=rf"the search is in {name}; fit one"):
        open_accuracy(f"ofa:{file}").check_space(SearchSpace.load(name))


def test_a_space_of_other_blocks_is_refused(file: Path) -> None:
    text = SPACE.text.replace('name = "ofa-mbv3-w1.0"', 'name = "wider"')
    wider = SearchSpace.from_toml(text.replace("width_multiplier = 1.0", "width_multiplier = 1.4"))
    assert wider.columns == SPACE.columns
    assert wider.blocks(wider.largest()) != SPACE.blocks(SPACE.largest())

    with pytest.raises(InputError, match="the search is in wider"):
        open_accuracy(f"ofa:{file}").check_space(wider)


def test_json_describes_the_source(file: Path) -> None:
    source = open_accuracy(f"ofa:{file}")

    description = source.to_json()

    assert description["kind"] == "ofa-published"
    assert description["file"] == "published.pth"
    assert len(description["sha256"]) == 64
    assert description["space"] == "ofa-mbv3-w1.0"
    assert description["resolutions"] == [112, 128, 144, 160, 176, 192, 208, 224]
    assert description["cross_validation"] is None
    assert description["note"] == source.describe()
    assert "trained on ofa-mbv3-w1.0" in source.describe()
    assert "\n" not in source.describe()
    json.dumps(description, allow_nan=False)


def damaged(kind: str) -> dict[str, torch.Tensor]:
    state = dict(network().state_dict())
    if kind == "lacks":
        del state["4.bias"]
    elif kind == "more":
        state["8.weight"] = torch.zeros(1, 1)
    elif kind == "shape":
        state["0.weight"] = torch.zeros(400, 124)
    elif kind == "nan":
        state["2.weight"][3, 3] = float("nan")
    elif kind == "integers":
        state["6.bias"] = torch.zeros(1, dtype=torch.int64)
    return state


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("lacks", r"has no 4\.bias; expected OFA's published"),
        ("more", r"also has 8\.weight; expected OFA's published"),
        ("shape", r"0\.weight of .* has the shape \(400, 124\), not \(400, 128\)"),
        ("nan", r"2\.weight of .* has values that are not numbers"),
        ("integers", r"6\.bias of .* has values that are not numbers"),
    ],
)
def test_another_file_is_refused_with_the_difference(
    tmp_path: Path, kind: str, message: str
) -> None:
    torch.save(damaged(kind), tmp_path / "other.pth")

    with pytest.raises(FileError, match=message):
        open_accuracy(f"ofa:{tmp_path / 'other.pth'}")


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.pth").write_text("none")
    with pytest.raises(FileError, match="not a torch file"):
        open_accuracy(f"ofa:{tmp_path / 'text.pth'}")
    with pytest.raises(FileError, match="cannot read"):
        open_accuracy(f"ofa:{tmp_path / 'none.pth'}")
    with pytest.raises(FileError, match="cannot read"):
        open_accuracy(str(tmp_path / "none.parquet"))
    with pytest.raises(InputError, match="names no file"):
        open_accuracy("ofa:")


def test_a_predictor_of_ours_is_a_source_too(tmp_path: Path) -> None:
    tiny = SearchSpace.load("tiny")
    codes = tiny.sample_codes(np.random.default_rng(0), 40)
    fitted = fit_accuracy(tiny, codes, 0.5 + codes[:, 0] / 1000.0)
    fitted.save(tmp_path / "ours.parquet")

    source: AccuracySource = open_accuracy(str(tmp_path / "ours.parquet"))

    np.testing.assert_allclose(source.predict(codes), fitted.predict(codes), atol=1e-12)
    source.check_space(tiny)
    with pytest.raises(InputError, match="is of the space tiny"):
        source.check_space(SPACE)
    description = source.to_json()
    assert (description["kind"], description["file"], description["space"]) == (
        "kernel",
        "ours.parquet",
        "tiny",
    )
    assert description["resolutions"] == list(tiny.resolutions)
    assert description["cross_validation"]["pairs"] == 40
    assert source.describe().startswith("ours.parquet: ")
    json.dumps(description, allow_nan=False)


def test_against_measured_imagenet_accuracies(shared_data: Path) -> None:
    """1,000 networks with measured accuracy: far off by a constant, close beside it."""
    measured = json.loads((shared_data / "ofa_mbv3_imagenet_accuracy_224.json").read_text())
    rows = [json.loads(key) for key in measured]
    codes = np.array([[224, *row["d"], *row["ks"], *row["e"]] for row in rows], dtype=np.int16)
    codes = SPACE.layout.canonical(codes)
    accuracy = np.array(list(measured.values())) / 100
    source = open_accuracy(f"ofa:{shared_data / 'ofa_mbv3_acc_predictor.pth'}")

    errors = source.predict(codes) - accuracy

    assert len(errors) == 1000
    assert float(errors.mean()) == pytest.approx(0.0606, abs=0.0005)
    assert float(np.sqrt(np.mean(errors**2))) == pytest.approx(0.0607, abs=0.0005)
    assert float(errors.std()) == pytest.approx(0.00334, abs=0.0002)
    tau = float(kendalltau(source.predict(codes), accuracy).statistic)
    assert tau == pytest.approx(0.771, abs=0.005)


def test_predictions_of_the_published_file_are_those_of_torch(shared_data: Path) -> None:
    path = shared_data / "ofa_mbv3_acc_predictor.pth"
    published = network()
    published.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    codes = random_codes(500)
    with torch.inference_mode():
        expected = published(inputs(codes))[:, 0].numpy()

    np.testing.assert_allclose(OfaPublished.load(path).predict(codes), expected, atol=1e-6)
    assert list(LAYERS) == ["0", "2", "4", "6"]
