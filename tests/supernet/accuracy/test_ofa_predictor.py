"""Accuracy predictors of OFA's newer form: inputs by hand, files and refused input."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.errors import FileError, InputError
from ofabench.cli import main as cli
from supernet.accuracy.ofa_predictor import OfaPredictor
from supernet.accuracy.source import AccuracySource, open_accuracy
from supernet.space.space import ArchConfig, SearchSpace

MBV3, RESNET = SearchSpace.load("ofa-mbv3-w1.0"), SearchSpace.load("ofa-resnet50d")
PROXYLESS = SearchSpace.load("ofa-proxyless-w1.3")


def state(inputs: int, hidden: int = 4, layers: int = 2) -> dict[str, torch.Tensor]:
    """A predictor that gives base_acc plus the first hidden unit, which is input sum over 1000."""
    tensors: dict[str, torch.Tensor] = {}
    for i in range(layers):
        weight = torch.zeros(hidden, inputs if i == 0 else hidden)
        weight[0] = torch.arange(weight.shape[1]) / 1000 if i == 0 else 0
        if i:
            weight[0, 0] = 1
        tensors[f"layers.{i}.0.weight"] = weight
        tensors[f"layers.{i}.0.bias"] = torch.zeros(hidden)
    tensors[f"layers.{layers}.weight"] = torch.zeros(1, hidden)
    tensors[f"layers.{layers}.weight"][0, 0] = 1
    tensors["base_acc"] = torch.tensor([0.5])
    return tensors


def saved(path: Path, tensors: dict[str, torch.Tensor]) -> Path:
    torch.save({"state_dict": tensors}, path)
    return path


def opened(path: Path, sizes: str = "") -> OfaPredictor:
    source: AccuracySource = open_accuracy(f"ofa:{path}{sizes}")
    assert isinstance(source, OfaPredictor)
    return source


def test_the_smallest_mobilenet_by_hand(tmp_path: Path) -> None:
    source = opened(saved(tmp_path / "p.pth", state(124)))
    codes = MBV3.encode([MBV3.smallest(160)])

    inputs = source.encode(codes)[0]

    # 4 sizes, then 3 kernels for each of 20 blocks, then 3 expand ratios for each; the first two
    # blocks of each stage of four are there, with kernel 3 and expand ratio 3, the first of each.
    blocks = [block for block in range(20) if block % 4 < 2]
    expected = [1, *(4 + 3 * block for block in blocks), *(64 + 3 * block for block in blocks)]
    assert np.flatnonzero(inputs).tolist() == expected
    assert source.predict(codes)[0] == pytest.approx(0.5 + sum(expected) / 1000, abs=1e-6)


def test_a_resnet_by_hand(tmp_path: Path) -> None:
    source = opened(saved(tmp_path / "p.pth", state(82, layers=3)))
    arch = ArchConfig(
        resolution=176,
        depths=(1, 2, 3, 4, 4),
        kernels=kernels(2, 3, 4, 4),
        expands=expands(2, 3, 4, 4),
        widths=(0.65, 0.8, 1.0, 0.65, 0.8, 1.0),
    )
    codes = RESNET.encode([arch])

    inputs = source.encode(codes)[0]

    # 8 sizes (176 is the fourth), 2 for the stem, 3 for each of 6 widths, 3 for each of 18 blocks,
    # of which 2, 3, 4 and 4 of the stages' 4, 4, 6 and 4 are there, all with 0.25, the second.
    widths = [10, 14, 18, 19, 23, 27]
    blocks = [0, 1, 4, 5, 6, 8, 9, 10, 11, 14, 15, 16, 17]
    expected = [3, 9, *widths, *(28 + 3 * block + 1 for block in blocks)]
    assert np.flatnonzero(inputs).tolist() == expected
    assert source.predict(codes)[0] == pytest.approx(0.5 + sum(expected) / 1000, abs=1e-6)


def kernels(*depths: int) -> tuple[int, ...]:
    """ResNet's kernels of 3, 0 for blocks that are left out."""
    return tuple(3 * here for here in present(*depths))


def expands(*depths: int) -> tuple[float, ...]:
    return tuple(0.25 * here for here in present(*depths))


def present(*depths: int) -> list[int]:
    return [int(i < depth) for depth, most in zip(depths, (4, 4, 6, 4), strict=True)
            for i in range(most)]  # fmt: skip


@pytest.mark.parametrize(
    ("inputs", "space", "sizes"),
    [
        (121, "ofa-mbv3-w1.0", (224,)),
        (124, "ofa-mbv3-w1.0", (128, 160, 192, 224)),
        (145, "ofa-mbv3-w1.0", tuple(range(128, 225, 4))),
        (130, "ofa-proxyless-w1.3", (128, 160, 192, 224)),
        (78, "ofa-resnet50d", (128, 160, 192, 224)),
        (82, "ofa-resnet50d", (128, 144, 160, 176, 192, 224, 240, 256)),
    ],
)
def test_space_and_sizes_follow_from_the_number_of_inputs(
    tmp_path: Path, inputs: int, space: str, sizes: tuple[int, ...]
) -> None:
    source = opened(saved(tmp_path / "p.pth", state(inputs)))

    assert source.encode.space == space
    assert source.encode.sizes == sizes
    assert source.to_json()["resolutions"] == list(sizes)
    assert source.to_json()["kind"] == "ofa-predictor"


def test_sizes_may_be_given_behind_the_file(tmp_path: Path) -> None:
    path = saved(tmp_path / "p.pth", state(123))

    source = opened(path, "@192,128,160")

    assert source.encode.sizes == (192, 128, 160)
    assert np.flatnonzero(source.encode(MBV3.encode([MBV3.smallest(128)]))[0])[0] == 1
    with pytest.raises(InputError, match=r"has 123 inputs, expected 120 of ofa-mbv3-w1.0, .*@128"):
        opened(path)
    with pytest.raises(InputError, match="of which 2 are the image sizes given"):
        opened(path, "@128,160")
    with pytest.raises(InputError, match="names an image size twice"):
        opened(path, "@128,160,128")
    odd = saved(tmp_path / "lat@22", state(124))
    assert opened(odd).file == "lat@22"


def test_only_spaces_with_its_choices_are_accepted(tmp_path: Path) -> None:
    mobile = opened(saved(tmp_path / "m.pth", state(124)))
    mobile.check_space(MBV3)
    mobile.check_space(SearchSpace.load("ofa-mbv3-w1.2"))
    mobile.check_space(SearchSpace.from_toml(MBV3.text.replace("classes = 1000", "classes = 10")))
    for space in (RESNET, PROXYLESS, SearchSpace.load("tiny")):
        with pytest.raises(InputError, match=f"the choices of ofa-mbv3-w1.0, .* in {space.name}"):
            mobile.check_space(space)
    with pytest.raises(InputError, match=r"of ofa-mbv3-w1.0, whose codes have 46 columns"):
        mobile.predict(RESNET.encode([RESNET.smallest()]))


def test_supported_resolutions(tmp_path: Path) -> None:
    source = opened(saved(tmp_path / "p.pth", state(82)))

    assert source.known_resolutions(RESNET.resolutions) == [128, 144, 160, 176, 192, 224]
    with pytest.raises(InputError, match=r"knows images of 128, .* 256 px, the search is at 132;"):
        source.known_resolutions([132])
    with pytest.raises(InputError, match=r"no input for the code .* at 128, 144, .* 256 px"):
        source.predict(RESNET.encode([RESNET.smallest(132)]))


def damaged(kind: str) -> dict[str, torch.Tensor]:
    tensors = state(124)
    if kind == "lacks":
        del tensors["base_acc"]
    elif kind == "gap":
        del tensors["layers.0.0.weight"]
    elif kind == "more":
        tensors["layers.2.bias"] = torch.zeros(1)
    elif kind == "shape":
        tensors["layers.1.0.weight"] = torch.zeros(4, 5)
    elif kind == "bias":
        tensors["layers.0.0.bias"] = torch.zeros(5)
    elif kind == "vector":
        tensors["layers.0.0.weight"] = torch.zeros(4)
    elif kind == "base":
        tensors["base_acc"] = torch.zeros(2)
    elif kind == "nan":
        tensors["layers.1.0.bias"][3] = float("nan")
    elif kind == "only base":
        tensors = {"base_acc": torch.zeros(1)}
    return tensors


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("lacks", r"has no base_acc; expected a predictor of the package ofa"),
        ("gap", r"has no layers\.\d"),
        ("more", r"also has layers\.2\.bias"),
        ("shape", r"layers\.1\.0\.weight of .* has the shape \(4, 5\), not \(4, 4\)"),
        ("bias", r"layers\.0\.0\.bias of .* has the shape \(5,\), not \(4,\)"),
        ("vector", r"layers\.0\.0\.weight of .* has the shape \(4,\)"),
        ("base", r"base_acc of .* has the shape \(2,\), not \(1,\)"),
        ("nan", r"layers\.1\.0\.bias of .* has values that are not finite numbers"),
        ("only base", r"has no layers\.0"),
    ],
)
def test_another_file_is_refused_with_the_difference(
    tmp_path: Path, kind: str, message: str
) -> None:
    path = saved(tmp_path / "other.pth", damaged(kind))

    with pytest.raises(FileError, match=message):
        open_accuracy(f"ofa:{path}")


def test_half_precision_is_read_and_bfloat16_is_refused(tmp_path: Path) -> None:
    codes = MBV3.encode([MBV3.smallest(160)])
    plain = opened(saved(tmp_path / "p.pth", state(124))).predict(codes)
    half = saved(tmp_path / "h.pth", {name: t.half() for name, t in state(124).items()})
    np.testing.assert_allclose(opened(half).predict(codes), plain, atol=1e-3)

    brain = saved(tmp_path / "b.pth", {name: t.bfloat16() for name, t in state(124).items()})
    with pytest.raises(FileError, match=r"is torch\.bfloat16 .* expected a plain tensor"):
        open_accuracy(f"ofa:{brain}")


def test_a_search_is_narrowed_to_the_supported_resolutions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = saved(tmp_path / "p.pth", state(82)), tmp_path / "r.json"
    command = ["search", "--space", "ofa-resnet50d", "--accuracy", f"ofa:{path}"]
    command += ["--max-macs", "2e9", "--budget", "300", "--seed", "1", "--out", str(out)]

    assert cli.main(command) == 0

    assert "searching only at 128,144,160,176,192,224 px" in capsys.readouterr().err
    data = json.loads(out.read_text())
    known = [128, 144, 160, 176, 192, 224]
    assert data["provenance"]["resolutions"] == known
    assert data["arch"]["resolution"] in known

    out.unlink()
    assert cli.main([*command, "--resolutions", "132,128"]) == 2
    message = capsys.readouterr().err
    assert "predicts no accuracy at 132 px; give --resolutions 128" in message
    assert not out.exists()
