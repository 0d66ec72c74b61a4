"""Inputs that a TFLite file declares, and their values for a phone."""

import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest

from bench.backends.tflite_inputs import tflite_inputs
from bench.backends.tflite_schema import schema
from bench.devices.remote.input_values import check_inputs, value_bytes
from bench.errors import FileError, InputError
from bench.models.model_file import ModelFile
from bench.models.tensors import InputSpec
from tests.support import tflite_files as files

A = InputSpec(name="a", dtype="float32", shape=(4,))
B = InputSpec(name="b", dtype="int32", shape=(4,))
VALUES = {
    "a": np.array([1, 2, 3, 4], dtype=np.float32),
    "b": np.array([10, 20, 30, 40], dtype=np.int32),
}
TWO = struct.pack("<4f4i", 1, 2, 3, 4, 10, 20, 30, 40)


def two(tmp_path: Path) -> ModelFile:
    path = files.save_two_inputs(tmp_path / "two.tflite")
    return ModelFile(path=path, name="two.tflite", values=VALUES)


def with_signature(content: bytes, order: tuple[str, ...], place: int | None = None) -> bytes:
    """Return a file with a signature that names its inputs in another order, or all at `place`."""
    module = schema()
    model = module.ModelT.InitFromPackedBuf(bytearray(content), 0)
    signature = module.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex, signature.outputs = "main", 0, []
    signature.inputs = []
    places = {
        tensor.name.decode(): place for place, tensor in enumerate(model.subgraphs[0].tensors)
    }
    for name in order:
        entry = module.TensorMapT()
        entry.name, entry.tensorIndex = f"of {name}", places[name] if place is None else place
        signature.inputs.append(entry)
    model.signatureDefs = [signature]
    return packed(model)


def packed(model: Any) -> bytes:
    """Return the content of a file of the schema's `ModelT`."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_inputs_have_name_type_and_shape(tmp_path: Path) -> None:
    assert tflite_inputs(two(tmp_path).content()) == (A, B)


def test_a_signature_gives_the_order(tmp_path: Path) -> None:
    content = with_signature(two(tmp_path).content(), ("b", "a"))

    assert tflite_inputs(content) == (B, A)
    given = value_bytes(replace(two(tmp_path), data=content))
    assert given == TWO[16:] + TWO[:16]


def test_a_signature_of_tensors_that_are_not_there_is_damage(tmp_path: Path) -> None:
    content = with_signature(two(tmp_path).content(), ("b", "a"), place=5)

    with pytest.raises(FileError, match="an input is none of the graph's 5 tensors"):
        tflite_inputs(content)


def test_a_graph_with_an_input_that_is_left_out_is_damage(tmp_path: Path) -> None:
    module = schema()
    content = bytearray(two(tmp_path).content())
    model = module.ModelT.InitFromPackedBuf(content, 0)
    model.subgraphs[0].inputs = [-1, 1]
    with pytest.raises(FileError, match="an input is none of the graph's 5 tensors"):
        tflite_inputs(packed(model))


def test_texts_are_refused(tmp_path: Path) -> None:
    module = schema()
    path = files.save_two_inputs(tmp_path / "two.tflite")
    model = module.ModelT.InitFromPackedBuf(bytearray(path.read_bytes()), 0)
    model.subgraphs[0].tensors[0].type = module.TensorType.STRING
    with pytest.raises(FileError, match="the input a is of the schema's type 5"):
        tflite_inputs(packed(model))


def test_values_follow_each_other(tmp_path: Path) -> None:
    assert value_bytes(two(tmp_path)) == TWO


def test_a_random_image_is_left_to_the_runner(tmp_path: Path) -> None:
    path = files.save_products(tmp_path / "image.tflite", 4)
    file = ModelFile(path=path, name="image.tflite")

    assert value_bytes(file) is None
    x = np.ones((4, 4), dtype=np.float32)
    assert value_bytes(replace(file, values={"x": x})) == x.tobytes()


def test_random_values_are_the_same_each_time(tmp_path: Path) -> None:
    file = replace(two(tmp_path), values=None)

    given = value_bytes(file)

    assert given is not None
    assert len(given) == len(TWO)
    assert set(struct.unpack("<4i", given[16:])) <= {0, 1}
    assert value_bytes(replace(file)) == given


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"a": VALUES["a"]}, r"no value for b \(int32, \[4\]\); the values given are: a"),
        ({**VALUES, "b": VALUES["a"]}, r"the value of b \(int32, \[4\]\) is of type float32"),
        ({**VALUES, "a": VALUES["a"][:3]}, r"the value of a \(float32, \[4\]\) is of shape \[3\]"),
    ],
)
def test_values_that_do_not_fit_are_named(
    tmp_path: Path, values: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        check_inputs(replace(two(tmp_path), values=values))


def test_dynamic_inputs_are_refused(tmp_path: Path) -> None:
    node = files.Node(op="NEG", inputs=["x"], outputs=["y"])
    graph = files.Graph(tensors={"x": (-1, 4), "y": (-1, 4)}, nodes=[node])
    path = files.save_tflite(tmp_path / "net.tflite", graph)

    with pytest.raises(InputError, match=r"x \(float32, \[\?, 4\]\) has dynamic dimensions"):
        check_inputs(ModelFile(path=path, name="net.tflite"))
