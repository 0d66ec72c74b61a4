"""ONNX files compared with those of torch's exporters, and properties of onnxruntime."""

import io
import logging

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from bench.backends.onnx_backend import OnnxBackend
from bench.backends.onnx_graph import OPSET, onnx_bytes
from bench.blocks.model import Model, random_model
from bench.blocks.spec import BlockSpec
from bench.blocks.torch_modules import build_network, model_of
from bench.errors import FileError, InputError
from bench.protocol.target import Target

CHAINS = {
    "mobilenet": [
        "stem-33x3-m0-o16-k3-s2-hswish-se0-r0",
        "mbconv-17x16-m16-o16-k3-s1-relu-se0-r1",
        "mbconv-17x16-m64-o24-k5-s2-relu6-se16-r0",
        "final_expand-9x24-m0-o96-k1-s1-hswish-se0-r0",
        "avg_pool-9x96-m0-o96-k1-s1-none-se0-r0",
        "feature_mix-1x96-m0-o128-k1-s1-hswish-se0-r0",
        "classifier-1x128-m0-o10-k1-s1-none-se0-r0",
    ],
    "resnet-d": [
        "stem-32x3-m0-o24-k3-s2-relu-se0-r0",
        "max_pool-16x24-m0-o24-k3-s2-none-se0-r0",
        "bottleneck-8x24-m16-o64-k3-s1-relu-se0-r1",
        "bottleneck-8x64-m32-o96-k3-s2-relu-se0-r1",
        "avg_pool-4x96-m0-o96-k1-s1-none-se0-r0",
        "classifier-1x96-m0-o10-k1-s1-none-se0-r0",
    ],
}
TARGET = Target(device="test", backend="onnx", backend_version="0")
# Numbers, and weights equal to others, as exporters write them: they do no work.
STORAGE = {"Constant", "Identity"}
# The new exporter has other names for two operators with the same outputs.
SAME = {"ReduceMean": "GlobalAveragePool", "Reshape": "Flatten"}


def operators(content: bytes) -> list[str]:
    nodes = onnx.load_from_string(content).graph.node
    names = [SAME.get(node.op_type, node.op_type) for node in nodes]
    return [name for name in names if name not in STORAGE]


def exported(network: torch.nn.Module, images: torch.Tensor, *, dynamo: bool) -> bytes:
    if dynamo:
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(network, (images,), dynamo=True, verbose=False)
        assert program is not None
        return bytes(program.model_proto.SerializeToString())
    buffer = io.BytesIO()
    torch.onnx.export(network, (images,), buffer, dynamo=False, opset_version=OPSET)  # type: ignore[arg-type]
    return buffer.getvalue()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("chain", "dynamo"),
    [("mobilenet", False), ("resnet-d", False), ("mobilenet", True)],
    ids=["mobilenet", "resnet-d", "mobilenet-dynamo"],
)
def test_the_graph_equals_that_of_torchs_exporter(chain: str, dynamo: bool) -> None:
    if dynamo:
        pytest.importorskip("onnxscript", reason="torch's new exporter needs onnxscript")
    blocks = [BlockSpec.parse(key) for key in CHAINS[chain]]
    torch.manual_seed(0)
    network = build_network(blocks).eval()  # with norms: both exporters fold them
    ours = onnx_bytes(model_of(network, blocks))
    theirs = exported(network, torch.zeros(1, 3, *[blocks[0].in_size] * 2), dynamo=dynamo)
    assert operators(ours) == operators(theirs)
    rng = np.random.default_rng(0)
    images = rng.standard_normal((1, 3, *[blocks[0].in_size] * 2), dtype=np.float32)
    backend = OnnxBackend()
    our_outputs, their_outputs = (
        backend.load_file(file, TARGET).infer(images) for file in (ours, theirs)
    )
    np.testing.assert_allclose(our_outputs, their_outputs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("chain", CHAINS)
def test_file_is_valid_onnx(chain: str) -> None:
    model = random_model([BlockSpec.parse(key) for key in CHAINS[chain]])
    proto = onnx.load_from_string(onnx_bytes(model, batch=2))
    onnx.checker.check_model(proto, full_check=True)
    graph_input, graph_output = proto.graph.input[0], proto.graph.output[0]
    assert [d.dim_value for d in graph_input.type.tensor_type.shape.dim] == [2, *model.input_shape]
    assert [d.dim_value for d in graph_output.type.tensor_type.shape.dim] == [2, 10]


def test_weights_are_stored_unchanged() -> None:
    model = random_model([BlockSpec.parse("mbconv-8x8-m24-o12-k5-s2-hswish-se8-r0")])
    graph = onnx.load_from_string(onnx_bytes(model)).graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    assert stored.keys() == {f"b0.{name}" for name in model.weights[0]}
    assert all(np.array_equal(stored[f"b0.{n}"], w) for n, w in model.weights[0].items())


def test_file_of_another_batch_is_refused() -> None:
    content = onnx_bytes(small(), batch=2)
    with pytest.raises(InputError, match="model file is for batch 2, the target has batch 1"):
        OnnxBackend().load_file(content, TARGET)


def test_file_with_two_outputs_is_refused() -> None:
    proto = onnx.load_from_string(onnx_bytes(small()))
    proto.graph.output.append(helper.make_tensor_value_info("input", TensorProto.FLOAT, None))
    with pytest.raises(FileError, match="1 inputs and 2 outputs, expected one of each"):
        OnnxBackend().load_file(proto.SerializeToString(), TARGET)


def test_a_file_for_other_inputs_than_images_is_refused() -> None:
    graph_input = helper.make_tensor_value_info("a", TensorProto.FLOAT, [1, 8])
    graph_output = helper.make_tensor_value_info("b", TensorProto.FLOAT, [1, 8])
    graph = helper.make_graph(
        [helper.make_node("Relu", ["a"], ["b"])], "g", [graph_input], [graph_output]
    )
    opset = helper.make_opsetid("", OPSET)
    content = helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString()
    with pytest.raises(FileError, match=r"tensor of shape \[1, 8\], expected float32 images"):
        OnnxBackend().load_file(content, TARGET)


def test_a_refused_file_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """The fallback of onnxruntime's session would print a banner to stdout."""
    with pytest.raises(FileError):
        OnnxBackend().load_file(b"\x08" * 300, TARGET)
    captured = capfd.readouterr()
    assert captured.out == ""


def small() -> Model:
    return random_model([BlockSpec.parse("stem-8x3-m0-o4-k3-s2-relu-se0-r0")])
