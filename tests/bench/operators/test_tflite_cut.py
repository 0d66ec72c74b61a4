"""Operators of TFLite graphs: their kinds and work, and that each runs by itself."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flatbuffers import flexbuffers

from bench.backends.tflite_backend import open_file
from bench.errors import FileError, InputError, MissingRuntimeError
from bench.models.model_file import ModelFile
from bench.models.tensors import ShapeChoice
from bench.operators.cut import CutModel
from bench.operators.tflite_cut import cut_tflite
from bench.operators.tflite_graph import tflite_graph
from tests.support.tflite_files import Graph, Node, TensorSpec, save_products, save_tflite

VALID, RELU = 1, 1  # of the schema's Padding and ActivationFunctionType
BORDER = np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32)
FILTER = np.arange(18, dtype=np.float32).reshape(1, 3, 3, 2)


def cut_of(path: Path, **shapes: tuple[int, ...]) -> CutModel:
    choice = ShapeChoice(shapes=tuple(shapes.items()))
    return cut_tflite(tflite_graph(ModelFile(path=path, name=path.name, shapes=choice)))


def kinds_of(cut: CutModel) -> dict[str, int]:
    """Return how often a graph has each operator, by its kind and shapes."""
    return {
        f"{operator.kind} {operator.shapes}": cut.counts[operator.digest]
        for operator, _ in cut.operators
    }


def runs(cut: CutModel) -> list[np.ndarray[Any, Any]]:
    """Return the only output of each operator, run by itself."""
    outputs = []
    for _, file in cut.operators:
        (output,) = open_file(file, 1).outputs()
        outputs.append(output)
    return outputs


def value_of(file: ModelFile) -> np.ndarray[Any, Any]:
    """Return the value of the operator's only input."""
    assert file.values is not None
    (value,) = file.values.values()
    return value


def convolution(inputs: list[str], output: str, **fields: int) -> Node:
    return Node(
        op="CONV_2D",
        inputs=inputs,
        outputs=[output],
        options="Conv2DOptions",
        fields={"padding": VALID, "strideH": 1, "strideW": 1, **fields},
    )


def product(weight: str, source: str, output: str, **fields: int) -> Node:
    return Node(
        op="FULLY_CONNECTED",
        inputs=[source, weight, ""],
        outputs=[output],
        options="FullyConnectedOptions",
        fields=fields,
    )


def plain(op: str, source: str, output: str) -> Node:
    return Node(op=op, inputs=[source], outputs=[output])


def pad(source: str, output: str) -> Node:
    return Node(op="PAD", inputs=[source, "pad"], outputs=[output], options="PadOptions")


def padded_graph(nodes: list[Node], **tensors: TensorSpec) -> Graph:
    """Return a graph with an input `x` of 4x4x2, its padding `p`, a filter and an output `y`."""
    known: dict[str, TensorSpec] = {
        "x": (1, 4, 4, 2),
        "pad": BORDER,
        "p": (1, 6, 6, 2),
        "w": FILTER,
        "b": np.ones(1, np.float32),
        "y": (1, 4, 4, 1),
    }
    return Graph(tensors=known | tensors, nodes=nodes)


def test_equal_operators_are_counted_once_with_their_work(tmp_path: Path) -> None:
    weights = {"a": np.eye(8, dtype=np.float32), "b": np.ones((8, 8), np.float32)}
    shape = (3, 8)
    graph = Graph(
        tensors={"x": shape, **weights, "p": shape, "q": shape, "y": shape},
        nodes=[product("a", "x", "p"), plain("TANH", "p", "q"), product("b", "q", "y")],
    )
    cut = cut_of(save_tflite(tmp_path / "m.tflite", graph))
    assert kinds_of(cut) == {"FULLY_CONNECTED 3x8, 8x8 -> 3x8": 2, "TANH 3x8 -> 3x8": 1}
    first, second = (operator for operator, _ in cut.operators)
    assert cut.sequence == (first.digest, second.digest, first.digest)
    assert cut.names == ("p", "q", "y")
    assert first.macs == 3 * 8 * 8
    assert (first.in_elements, first.out_elements, first.weight_elements) == (24, 24, 64)
    assert (first.in_bytes, first.out_bytes, first.weight_bytes) == (96, 96, 256)
    assert (second.macs, second.weight_bytes) == (0, 0)


def test_an_operator_computes_the_same_by_itself_as_in_the_model(tmp_path: Path) -> None:
    weight = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    graph = Graph(
        tensors={"x": (1, 2), "w": weight, "p": (1, 3), "y": (1, 3)},
        nodes=[product("w", "x", "p"), plain("TANH", "p", "y")],
    )
    cut = cut_of(save_tflite(tmp_path / "m.tflite", graph))
    assert all(file.digest == operator.digest for operator, file in cut.operators)
    (_, first), (_, second) = cut.operators
    product_output, tanh_output = runs(cut)
    np.testing.assert_allclose(product_output, value_of(first) @ weight.T, rtol=1e-5)
    np.testing.assert_allclose(tanh_output, np.tanh(value_of(second)), rtol=1e-5)
    assert product_output.shape == tanh_output.shape == (1, 3)


def test_padding_and_activation_are_cut_together_with_their_convolution(tmp_path: Path) -> None:
    graph = padded_graph(
        [pad("x", "p"), convolution(["p", "w", "b"], "c"), plain("RELU", "c", "y")], c=(1, 4, 4, 1)
    )
    cut = cut_of(save_tflite(tmp_path / "m.tflite", graph))
    name = "CONV_2D 1x4x4x2, 1x3x3x2, 1 -> 1x4x4x1 with PAD with RELU"
    assert kinds_of(cut) == {name: 1}
    ((operator, file),) = cut.operators
    assert operator.macs == 4 * 4 * 18
    assert operator.in_elements == 4 * 4 * 2
    assert operator.weight_elements == 18 + 1 + 8
    border = np.pad(value_of(file)[0], [(1, 1), (1, 1), (0, 0)])
    corner = max(0.0, float((border[:3, :3] * FILTER[0]).sum()) + 1)
    (output,) = runs(cut)
    assert output.shape == (1, 4, 4, 1)
    assert output.min() >= 0
    assert output[0, 0, 0, 0] == pytest.approx(corner, rel=1e-5)


def test_operators_whose_outputs_are_read_twice_are_cut_separately(tmp_path: Path) -> None:
    graph = padded_graph(
        [
            pad("x", "p"),
            convolution(["p", "w", "b"], "c"),
            plain("RELU", "c", "r"),
            Node(op="ADD", inputs=["c", "r"], outputs=["y"], options="AddOptions"),
            plain("TANH", "p", "t"),
        ],
        c=(1, 4, 4, 1),
        r=(1, 4, 4, 1),
        t=(1, 6, 6, 2),
    )
    cut = cut_of(save_tflite(tmp_path / "m.tflite", graph))
    assert [operator.kind for operator, _ in cut.operators] == [
        "PAD", "CONV_2D", "RELU", "ADD", "TANH",
    ]  # fmt: skip


def test_an_activation_is_merged_only_into_an_operator_without_one(tmp_path: Path) -> None:
    def cut(activation: int, first: str) -> list[str]:
        graph = Graph(
            tensors={"x": (1, 2), "w": np.eye(2, dtype=np.float32), "p": (1, 2), "y": (1, 2)},
            nodes=[
                product("w", "x", "p", fusedActivationFunction=activation)
                if first == "FULLY_CONNECTED"
                else plain(first, "x", "p"),
                plain("RELU6", "p", "y"),
            ],
        )
        return list(kinds_of(cut_of(save_tflite(tmp_path / "m.tflite", graph))))

    assert cut(0, "FULLY_CONNECTED") == ["FULLY_CONNECTED 1x2, 2x2 -> 1x2 with RELU6"]
    separate = ["FULLY_CONNECTED 1x2, 2x2 -> 1x2", "RELU6 1x2 -> 1x2"]
    assert cut(RELU, "FULLY_CONNECTED") == separate
    assert cut(0, "TANH") == ["TANH 1x2 -> 1x2", "RELU6 1x2 -> 1x2"]


def test_padding_before_a_padding_convolution_is_cut_separately(tmp_path: Path) -> None:
    graph = padded_graph(
        [pad("x", "p"), convolution(["p", "w", "b"], "y", padding=0)], y=(1, 6, 6, 1)
    )
    cut = cut_of(save_tflite(tmp_path / "m.tflite", graph))
    assert [operator.kind for operator, _ in cut.operators] == ["PAD", "CONV_2D"]


def test_decompressed_constants_belong_to_the_operator_that_reads_them(tmp_path: Path) -> None:
    """A float16 weight is converted to float32 once, when the interpreter is prepared."""
    graph = Graph(
        tensors={
            "x": (1, 2),
            "h": np.array([[1, 2], [3, 4]], np.float16),
            "w": (2, 2),
            "y": (1, 2),
        },
        nodes=[Node(op="DEQUANTIZE", inputs=["h"], outputs=["w"]), product("w", "x", "y")],
    )
    cut = cut_of(save_tflite(tmp_path / "m.tflite", graph))
    assert kinds_of(cut) == {"FULLY_CONNECTED 1x2, 2x2 -> 1x2": 1}
    ((operator, file),) = cut.operators
    assert (operator.weight_elements, operator.weight_bytes) == (4, 8)
    (output,) = runs(cut)
    np.testing.assert_allclose(output, value_of(file) @ np.array([[1, 3], [2, 4]]), rtol=1e-3)


def test_the_kind_of_a_quantised_operator_has_its_type(tmp_path: Path) -> None:
    small = ((1, 2), np.int8)
    graph = Graph(
        tensors={
            "x": (1, 2),
            "q": small,
            "r": small,
            "y": (1, 2),
        },
        nodes=[
            Node(op="QUANTIZE", inputs=["x"], outputs=["q"], options="QuantizeOptions"),
            Node(op="ADD", inputs=["q", "q"], outputs=["r"], options="AddOptions"),
            Node(op="DEQUANTIZE", inputs=["r"], outputs=["y"], options="DequantizeOptions"),
        ],
    )
    cut = cut_of(save_tflite(tmp_path / "m.tflite", graph))
    assert [operator.kind for operator, _ in cut.operators] == [
        "QUANTIZE", "ADD int8", "DEQUANTIZE int8",
    ]  # fmt: skip
    assert [operator.in_bytes for operator, _ in cut.operators] == [8, 2, 2]
    assert [output.dtype.name for output in runs(cut)] == ["int8", "int8", "float32"]


def test_quantised_weights_are_in_the_kind(tmp_path: Path) -> None:
    graph = Graph(
        tensors={"x": (1, 2), "w": np.array([[8, 0], [0, 8]], np.int8), "y": (1, 2)},
        nodes=[product("w", "x", "y")],
    )
    cut = cut_of(save_tflite(tmp_path / "m.tflite", graph))
    assert kinds_of(cut) == {"FULLY_CONNECTED int8 weights 1x2, 2x2 -> 1x2": 1}
    (output,) = runs(cut)
    assert output.shape == (1, 2)


def test_the_digest_depends_on_shapes_and_options_and_not_on_weights(tmp_path: Path) -> None:
    def digest(rows: int, columns: int, scale: float, activation: int) -> str:
        graph = Graph(
            tensors={
                "x": (rows, columns),
                "w": np.full((4, columns), scale, np.float32),
                "y": (rows, 4),
            },
            nodes=[product("w", "x", "y", fusedActivationFunction=activation)],
        )
        return cut_of(save_tflite(tmp_path / "m.tflite", graph)).sequence[0]

    first = digest(2, 8, 1.0, 0)
    assert digest(2, 8, 3.0, 0) == first
    assert digest(3, 8, 1.0, 0) != first
    assert digest(2, 9, 1.0, 0) != first
    assert digest(2, 8, 1.0, RELU) != first


def test_the_digest_depends_on_axes_and_shapes_of_the_run(tmp_path: Path) -> None:
    """Values of small constants are in the digest; dynamic dimensions have the run's size."""

    def graph(axis: int) -> Graph:
        return Graph(
            tensors={"x": (-1, 3, 2), "axis": np.array([axis], np.int32), "y": (-1, 2)},
            nodes=[
                Node(op="MEAN", inputs=["x", "axis"], outputs=["y"], options="ReducerOptions"),
            ],
        )

    cut = cut_of(save_tflite(tmp_path / "m.tflite", graph(1)), x=(5, 3, 2))
    assert kinds_of(cut) == {"MEAN 5x3x2, 1 -> 5x2": 1}
    assert [output.shape for output in runs(cut)] == [(5, 2)]
    other = cut_of(save_tflite(tmp_path / "m.tflite", graph(2)), x=(5, 3, 2))
    assert other.sequence != cut.sequence
    with pytest.raises(InputError, match="has dynamic dimensions"):
        cut_of(tmp_path / "m.tflite")


def test_control_flow_and_custom_operators_are_listed_as_uncut(tmp_path: Path) -> None:
    flow = Graph(
        tensors={"flag": ((), np.bool_), "x": (2,), "y": (2,)},
        nodes=[
            Node(
                op="IF",
                inputs=["flag", "x"],
                outputs=["y"],
                options="IfOptions",
                fields={"thenSubgraphIndex": 1, "elseSubgraphIndex": 1},
            )
        ],
        inputs=("flag", "x"),
    )
    branch = Graph(tensors={"x": (2,), "y": (2,)}, nodes=[plain("RELU", "x", "y")])
    cut = cut_of(save_tflite(tmp_path / "if.tflite", flow, branch))
    assert (cut.operators, cut.uncut) == ((), {"IF": 1})
    options = flexbuffers.Dumps({"window_size": 4, "stride": 2, "magnitude_squared": False})
    spectrogram = Graph(
        tensors={"x": (8, 1), "s": (1, 3, 3), "y": (1, 3, 3)},
        nodes=[
            Node(
                op="CUSTOM",
                custom="AudioSpectrogram",
                custom_options=options,
                inputs=["x"],
                outputs=["s"],
            ),
            plain("TANH", "s", "y"),
        ],
    )
    cut = cut_of(save_tflite(tmp_path / "custom.tflite", spectrogram))
    assert kinds_of(cut) == {"TANH 1x3x3 -> 1x3x3": 1}
    assert cut.uncut == {"CUSTOM AudioSpectrogram": 1}


def test_a_file_that_cannot_run_is_refused(tmp_path: Path) -> None:
    unknown = Graph(
        tensors={"x": (2,), "y": (2,)},
        nodes=[Node(op="CUSTOM", custom="Nowhere", inputs=["x"], outputs=["y"])],
    )
    with pytest.raises(FileError, match=r"TFLite cannot run m\.tflite: .*Nowhere"):
        cut_of(save_tflite(tmp_path / "m.tflite", unknown))
    (tmp_path / "words.tflite").write_text("not a model")
    with pytest.raises(FileError, match="not a TFLite file"):
        cut_of(tmp_path / "words.tflite")


def test_an_old_runtime_without_the_schemas_objects_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_products(tmp_path / "m.tflite", 4)
    monkeypatch.setattr("bench.operators.tflite_graph.schema", object)
    with pytest.raises(MissingRuntimeError, match="pip install ai-edge-litert"):
        cut_of(path)
