"""Names of classes: from folders into checkpoints, networks, cards and model files."""

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from flatbuffers import number_types
from flatbuffers.table import Table

from bench.backends.registry import get_backend
from bench.blocks.torch_modules import build_network
from bench.errors import FileError, InputError
from supernet.data.class_names import check_same, labels_text, one_line, read_class_names
from supernet.data.folder_parts import open_folder
from supernet.data.open_data import get_dataset
from supernet.export import output_check
from supernet.export.export import ExportSpec, export, run_file
from supernet.export.model_card import ModelCard, Normalisation, read_exported
from supernet.export.network_file import StandaloneNetwork, load_network, save_network
from supernet.space.space import SearchSpace
from supernet.train.checkpoint import (
    WHAT,
    Checkpoint,
    Recipe,
    load_checkpoint,
    save_checkpoint,
)
from supernet.train.schedule import Schedule
from supernet.weights.model import SuperNet
from supernet.weights.tensor_file import load_tensors, save_tensors
from tests.support.image_folders import CLASSES, make_folder

TINY = SearchSpace.load("tiny")
ARCH = TINY.smallest(24)
ODD = ("disc", "two\nlines", "<b>&|`", "ünï ±", " ", "-", "a\u2028b", "x" * 200, "\\", "9")
TINY_NAMES = tuple("0123456789")


def cut(names: tuple[str, ...]) -> StandaloneNetwork:
    blocks = TINY.blocks(ARCH)
    return StandaloneNetwork(
        space="tiny",
        arch=ARCH,
        blocks=blocks,
        network=build_network(blocks).eval(),
        normalisation=Normalisation(mean=(0.5,), std=(0.25,)),
        class_names=names,
    )


def checkpoint(names: tuple[str, ...]) -> Checkpoint:
    recipe = Recipe(space=TINY, schedule=Schedule.from_toml('name = "none"\nphases = []'), data="x")
    network = SuperNet(TINY, 0).state_dict()
    return Checkpoint(recipe=recipe, phase=0, epoch=0, network=network, class_names=names)


def test_names_of_data() -> None:
    assert get_dataset("digits").class_names == TINY_NAMES
    assert get_dataset("digits").train_source.class_names == TINY_NAMES


def test_names_of_folders(tmp_path: Path) -> None:
    data = open_folder(make_folder(tmp_path, train=12))
    assert data.class_names == CLASSES == ("a four", "naïve", "zz")
    assert data.train_source.class_names == CLASSES


def test_class_names_are_formatted_in_one_line() -> None:
    assert [one_line(name) for name in ODD] == [
        "disc", "two\\nlines", "<b>&|`", "ünï ±", "\\x20", "-", "a\\u2028b", "x" * 200, "\\", "9",
    ]  # fmt: skip
    assert labels_text(ODD).splitlines() == [one_line(name) for name in ODD]


@pytest.mark.parametrize("names", [ODD, ()])
def test_class_names_are_stored_in_checkpoints_and_networks(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    save_checkpoint(tmp_path / "net.safetensors", checkpoint(names))
    assert load_checkpoint(tmp_path / "net.safetensors").class_names == names
    save_network(tmp_path / "cut.safetensors", cut(names))
    assert load_network(tmp_path / "cut.safetensors").class_names == names


def test_files_without_class_names_still_load(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "net.safetensors", checkpoint(TINY_NAMES))
    save_network(tmp_path / "cut.safetensors", cut(TINY_NAMES))
    for name, kind in (("net", WHAT), ("cut", "sub-network")):
        path = tmp_path / f"{name}.safetensors"
        metadata, groups = load_tensors(path, what=kind)
        assert metadata.pop("class_names") == list(TINY_NAMES)
        save_tensors(path, what=kind, metadata=metadata, **groups)
    assert load_checkpoint(tmp_path / "net.safetensors").class_names == ()
    assert load_network(tmp_path / "cut.safetensors").class_names == ()


@pytest.mark.parametrize("value", ["disc", ["disc"], [1] * 10, {"0": "disc"}])
def test_other_values_are_refused(value: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="class names"):
        read_class_names(value, 10)
    path = tmp_path / "net.safetensors"
    save_checkpoint(path, checkpoint(TINY_NAMES))
    metadata, groups = load_tensors(path, what=WHAT)
    save_tensors(path, what=WHAT, metadata={**metadata, "class_names": value}, **groups)
    with pytest.raises(FileError, match="is damaged"):
        load_checkpoint(path)


def test_labels_of_other_classes_are_refused() -> None:
    with pytest.raises(InputError) as raised:
        check_same(("disc", "square"), ("cat", "dog\n"), "pets")
    assert str(raised.value) == (
        "the network's classes are disc, square, those of the data pets are cat, dog\\n: its "
        "labels have another meaning; give data with the same class folders"
    )
    check_same(("disc",), (), "pets")
    check_same((), ("cat",), "pets")
    check_same(("cat",), ("cat",), "pets")


def test_cards_name_them(tmp_path: Path) -> None:
    card = export(cut(ODD), ExportSpec(backend=get_backend("torch")), tmp_path / "net.pt")
    assert card.class_names == ODD
    assert read_exported(tmp_path / "net.pt")[1] == card
    before = {key: value for key, value in card.to_json().items() if key != "class_names"}
    assert ModelCard.from_json(before, tmp_path).class_names == ()
    with pytest.raises(FileError, match="damaged card"):
        ModelCard.from_json({**before, "class_names": ["disc"]}, tmp_path)


def test_an_onnx_file_names_them(tmp_path: Path) -> None:
    import onnx
    import onnxruntime

    export(cut(ODD), ExportSpec(backend=get_backend("onnx")), tmp_path / "net.onnx")
    export(cut(()), ExportSpec(backend=get_backend("onnx")), tmp_path / "plain.onnx")

    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"))
    metadata = session.get_modelmeta().custom_metadata_map
    assert {key: json.loads(value) for key, value in metadata.items()} == {"class_names": list(ODD)}
    model = onnx.load(tmp_path / "net.onnx")
    onnx.checker.check_model(model)
    assert [prop.key for prop in model.metadata_props] == ["class_names"]
    assert not onnx.load(tmp_path / "plain.onnx").metadata_props


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_tflite_file_names_them(
    precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_check, "LEAST_AGREEMENT", 0.0)  # it is not trained
    monkeypatch.setattr(output_check, "LEAST_SNR_DB", -99.0)
    images = np.random.default_rng(0).standard_normal((20, 1, 24, 24), dtype=np.float32)
    backend = get_backend("tflite")
    form = ExportSpec(backend=backend, precision=precision, calibration=images)
    named, plain = tmp_path / "net.tflite", tmp_path / "plain.tflite"
    network = cut(ODD)
    export(network, form, named)
    export(replace(network, class_names=()), form, plain)

    with zipfile.ZipFile(named) as archive:
        assert archive.namelist() == ["labels.txt"]
        assert archive.read("labels.txt").decode() == labels_text(ODD)
    contents = [path.read_bytes() for path in (named, plain)]
    with_names, without = (
        run_file(content, backend, images[:3], precision) for content in contents
    )
    np.testing.assert_array_equal(with_names, without)
    assert not zipfile.is_zipfile(io.BytesIO(contents[1]))


def test_tflite_metadata_is_that_of_the_schema(tmp_path: Path) -> None:
    """Read by field numbers of metadata_schema.fbs: 3 subgraphs; 2 inputs, 3 outputs; 6 files."""
    export(cut(ODD), ExportSpec(backend=get_backend("tflite")), tmp_path / "net.tflite")
    content = (tmp_path / "net.tflite").read_bytes()
    model = root(content)
    (entry,) = tables(model, 6)
    assert text(entry, 0) == "TFLITE_METADATA"
    buffers = tables(model, 4)
    index = entry.GetSlot(6, 0, number_types.Uint32Flags)
    assert index == len(buffers) - 1
    data = (
        buffers[index].GetVectorAsNumpy(number_types.Uint8Flags, buffers[index].Offset(4)).tobytes()
    )
    assert data[4:8] == b"M001"
    (graph,) = tables(root(data), 3)
    (given,), (made,) = tables(graph, 2), tables(graph, 3)
    (unit,) = tables(given, 4)
    options = table(unit, 1)
    ranges = [
        options.GetVectorAsNumpy(number_types.Float32Flags, options.Offset(at)) for at in (4, 6)
    ]
    assert [bound.tolist() for bound in ranges] == [[0.5], [0.25]]
    assert table(table(given, 3), 1).GetSlot(4, 0, number_types.Int8Flags) == 2  # GRAYSCALE
    (file,) = tables(made, 6)
    assert text(file, 0) == "labels.txt"
    assert file.GetSlot(8, 0, number_types.Int8Flags) == 2  # TENSOR_AXIS_LABELS


def root(content: bytes) -> Table:
    place = flatbuffers.encode.Get(flatbuffers.packer.uoffset, content, 0)
    return Table(bytearray(content), place)


def table(of: Table, field: int) -> Table:
    return Table(of.Bytes, of.Indirect(of.Pos + of.Offset(4 + 2 * field)))


def tables(of: Table, field: int) -> list[Table]:
    offset = of.Offset(4 + 2 * field)
    start = of.Vector(offset)
    return [Table(of.Bytes, of.Indirect(start + 4 * i)) for i in range(of.VectorLen(offset))]


def text(of: Table, field: int) -> str:
    return bytes(of.String(of.Pos + of.Offset(4 + 2 * field))).decode()
