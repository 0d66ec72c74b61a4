"""`ofabench.export`: a network given in any way, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.backends.registry import get_backend
from bench.errors import InputError
from ofabench.cli.main import main
from ofabench.options.export import ExportOptions
from ofabench.workflows.export.export import ExportedModel, export
from ofabench.workflows.train.extraction import load_extracted
from ofabench.workflows.train.supernet import SuperNet, load_supernet
from supernet.data.dataset import resize
from supernet.data.open_data import open_data
from supernet.export.export import run_file
from supernet.export.model_card import read_exported
from tests.support.micro_supernets import MICRO, micro_images, save_micro


@pytest.fixture(scope="module")
def supernet(tmp_path_factory: pytest.TempPathFactory) -> SuperNet:
    path = save_micro(tmp_path_factory.mktemp("supernet") / "s.safetensors")
    return load_supernet(path, data=micro_images())


@pytest.fixture(scope="module")
def model(supernet: SuperNet, tmp_path_factory: pytest.TempPathFactory) -> ExportedModel:
    out = tmp_path_factory.mktemp("export") / "net.onnx"
    return export((supernet, "largest"), out=out, options=ExportOptions(images=20))


def test_a_file_and_its_card_are_written(
    model: ExportedModel, supernet: SuperNet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert model.path is not None
    content, card = read_exported(model.path)
    assert content == model.content
    assert card == model.card
    assert card.class_names == ("a", "b", "c")

    images = open_data(micro_images(), MICRO).validation.subset(20, np.random.default_rng(0))
    pixels = resize(images.images, 12).contiguous().numpy()
    outputs = run_file(content, get_backend("onnx"), pixels)
    network = supernet.extract("largest").module
    assert outputs == pytest.approx(network(resize(images.images, 12)).numpy(), abs=1e-4)
    assert card.accuracies is not None
    assert card.accuracies.after == (outputs.argmax(axis=1) == images.labels.numpy()).mean()
    assert capsys.readouterr() == ("", "")


def test_an_exported_model_has_a_text_and_json_values(model: ExportedModel) -> None:
    lines = repr(model).splitlines()
    assert json.loads(lines[0]) == {"space": "micro", **MICRO.largest().to_json()}
    assert lines[1] == f"  written to {model.path}, with its card"
    assert lines[2].startswith("  onnx of fp32, ")
    assert "20 validation images of torch:noise:" in lines[-1]
    data = json.loads(json.dumps(model.to_dict()))
    assert data == {"path": str(model.path), **json.loads(json.dumps(model.card.to_json()))}


def test_a_network_is_given_in_several_ways(
    model: ExportedModel, supernet: SuperNet, tmp_path: Path
) -> None:
    net = tmp_path / "net.safetensors"
    extracted = supernet.extract(MICRO.largest(), out=net)
    before = sorted(tmp_path.iterdir())
    silent = ExportOptions(accuracy=False)

    result = [
        export((supernet.path, MICRO.largest()), data=micro_images(), options=silent),
        export(extracted, options=silent),
        export(net, options=silent),
        export(str(net), data=open_data(micro_images(), MICRO), options=ExportOptions(images=20)),
        export(net, data=micro_images(), options=ExportOptions(images=20)),
    ]

    assert [item.content for item in result] == [model.content] * 5
    assert [item.path for item in result] == [None] * 5
    assert result[4].card.accuracies == model.card.accuracies
    assert result[3].card.accuracies == model.card.accuracies
    assert "accuracy: not measured (not requested)" in repr(result[0])
    assert "not written" in repr(result[0])
    assert sorted(tmp_path.iterdir()) == before
    saved = result[0].save(tmp_path / "again.onnx")
    assert read_exported(tmp_path / "again.onnx") == (saved.content, saved.card)


@pytest.mark.parametrize(
    ("network", "change", "says"),
    [
        (3, {}, "network is 3, expected a pair (supernet, arch), a sub-network"),
        (("s", "largest", 1), {}, "network is a tuple of 3 values, expected a pair"),
        ((3, "largest"), {}, "path is 3, expected a supernet's file"),
        ("n", {"pick": 2}, "--network is one network already; --pick is for --arch"),
        ("n", {"out": 3}, "out is 3, expected the path of the model's file"),
        ("n", {"options": {}}, "options is {}, expected ExportOptions"),
        ("n", {"options": ExportOptions(format="torch", precision="int8")},
         "a torch file is exported as fp32"),
    ],
)  # fmt: skip
def test_wrong_types_are_refused_with_the_expected_ones(
    network: Any, change: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError) as error:
        export(network, **change)
    assert says in str(error.value)


def test_a_supernet_without_an_arch_and_images_of_other_preparation_are_refused(
    supernet: SuperNet,
) -> None:
    with pytest.raises(InputError, match="network is a supernet without an architecture"):
        export(supernet)  # type: ignore[arg-type]
    others = micro_images(seed=5)  # of another mean and standard deviation
    with pytest.raises(InputError, match="give the data of its extraction"):
        export(supernet.extract("smallest"), data=others)


def test_a_network_that_was_read_without_images_opens_them(
    supernet: SuperNet, model: ExportedModel, tmp_path: Path
) -> None:
    supernet.extract("largest", out=tmp_path / "net")
    network, few = load_extracted(tmp_path / "net"), ExportOptions(images=20)

    assert network.data is None
    again = export(network, data=micro_images(), options=few)
    assert (again.content, again.card.accuracies) == (model.content, model.card.accuracies)
    with pytest.raises(InputError, match="is a torch Dataset, which no name opens"):
        export(network, options=few)


def test_the_command_line_requires_a_format(
    supernet: SuperNet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["export", "--checkpoint", str(supernet.path), "--arch", "largest"]
    with pytest.raises(SystemExit):
        main([*argv, "--out", str(tmp_path / "net.onnx")])
    assert "the following arguments are required: --format" in capsys.readouterr().err
