"""TFLite files compared with those of the official converter, and properties of TFLite."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.backends.tflite_backend import TfliteBackend
from bench.backends.tflite_buffer import Flatbuffer
from bench.backends.tflite_graph import tflite_bytes
from bench.backends.tflite_schema import schema
from bench.blocks.model import Model, random_model
from bench.blocks.spec import BlockSpec
from bench.blocks.torch_modules import network_of
from bench.errors import FileError, InputError
from bench.protocol.target import Target

TARGET = Target(device="test", backend="tflite", backend_version="0")
KEYS = [
    "stem-33x3-m0-o16-k3-s2-hswish-se0-r0",
    "mbconv-14x16-m48-o24-k5-s2-hswish-se16-r0",
    "mbconv-15x16-m16-o16-k7-s1-relu6-se0-r1",
    "bottleneck-14x16-m8-o32-k3-s2-relu-se0-r1",
    "max_pool-14x8-m0-o8-k3-s2-none-se0-r0",
    "feature_mix-1x16-m0-o24-k1-s1-hswish-se0-r0",
    "classifier-1x24-m0-o10-k1-s1-none-se0-r0",
]


def model_of_keys(*keys: str) -> Model:
    return random_model([BlockSpec.parse(key) for key in keys], seed=7)


def root(content: bytes) -> Any:
    return schema().Model.GetRootAs(content, 0)


def operators(content: bytes) -> list[str]:
    model = root(content)
    names = {code: name for name, code in vars(schema().BuiltinOperator).items()}
    codes = [model.OperatorCodes(i).BuiltinCode() for i in range(model.OperatorCodesLength())]
    graph = model.Subgraphs(0)
    return [names[codes[graph.Operators(i).OpcodeIndex()]] for i in range(graph.OperatorsLength())]


@pytest.mark.filterwarnings("ignore")  # of the converter, of many kinds
@pytest.mark.parametrize("key", KEYS)
def test_the_graph_equals_that_of_the_official_converter(key: str, tmp_path: Path) -> None:
    litert_torch = pytest.importorskip(
        "litert_torch", reason="the official converter is not installed: pip install litert-torch"
    )
    model = model_of_keys(key)
    images = torch.randn(1, *model.input_shape, generator=torch.Generator().manual_seed(1))
    outputs = [0] if len(model.output_shape) == 3 else []
    nhwc = litert_torch.to_channel_last_io(network_of(model), args=[0], outputs=outputs)
    converted = litert_torch.convert(nhwc.eval(), (images.permute(0, 2, 3, 1).contiguous(),))
    converted.export(str(tmp_path / "theirs.tflite"))
    theirs, ours = (tmp_path / "theirs.tflite").read_bytes(), tflite_bytes(model)
    assert operators(ours) == operators(theirs)
    backend = TfliteBackend()
    our_outputs, their_outputs = (
        backend.load_file(f, TARGET).infer(images.numpy()) for f in (ours, theirs)
    )
    np.testing.assert_allclose(our_outputs, their_outputs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (
            "mbconv-14x16-m48-o24-k5-s2-hswish-se16-r0",
            "CONV_2D HARD_SWISH PAD DEPTHWISE_CONV_2D HARD_SWISH MEAN CONV_2D CONV_2D MUL MUL "
            "CONV_2D",
        ),
        # At an odd size SAME is torch's padding.
        ("mbconv-15x16-m48-o24-k5-s2-relu-se0-r0", "CONV_2D DEPTHWISE_CONV_2D CONV_2D"),
        ("mbconv-15x16-m48-o16-k5-s1-relu6-se0-r1", "CONV_2D DEPTHWISE_CONV_2D CONV_2D ADD"),
        (
            "bottleneck-15x16-m8-o32-k3-s2-relu-se0-r1",
            "CONV_2D CONV_2D CONV_2D AVERAGE_POOL_2D CONV_2D ADD",
        ),
        ("max_pool-14x8-m0-o8-k3-s2-none-se0-r0", "PADV2 MAX_POOL_2D"),
        ("max_pool-15x8-m0-o8-k3-s2-none-se0-r0", "MAX_POOL_2D"),
        ("avg_pool-7x8-m0-o8-k1-s1-none-se0-r0", "MEAN"),
        ("classifier-1x24-m0-o10-k1-s1-none-se0-r0", "FULLY_CONNECTED"),
    ],
)
def test_operators_equal_those_that_the_converter_wrote(key: str, expected: str) -> None:
    """Of litert-torch 0.10, without the transpose and reshape around a single `avg_pool`."""
    assert operators(tflite_bytes(model_of_keys(key))) == expected.split()


def test_a_file_is_read_back_with_the_schema() -> None:
    model = model_of_keys("stem-9x3-m0-o4-k3-s2-relu-se0-r0")
    content = tflite_bytes(model, batch=2)
    assert content[4:8] == b"TFL3"
    graph = root(content).Subgraphs(0)
    tensors = [graph.Tensors(i) for i in range(graph.TensorsLength())]
    shapes = {t.Name().decode(): tuple(t.ShapeAsNumpy()) for t in tensors}
    assert shapes == {
        "input": (2, 9, 9, 3),
        "b0.conv.weight": (4, 3, 3, 3),
        "b0.conv.bias": (4,),
        "conv_2d0": (2, 5, 5, 4),
    }
    weight = next(t for t in tensors if t.Name() == b"b0.conv.weight")
    stored = root(content).Buffers(weight.Buffer()).DataAsNumpy().view("<f4")
    expected = model.weights[0]["conv.weight"].transpose(0, 2, 3, 1)
    assert np.array_equal(stored.reshape(4, 3, 3, 3), expected)


def test_data_is_aligned_as_the_schema_requires() -> None:
    model = model_of_keys(*KEYS[:1], "mbconv-17x16-m24-o16-k3-s1-relu-se8-r1")
    content = tflite_bytes(model)
    whole = np.frombuffer(content, np.uint8)
    model_table = root(content)
    for place in range(1, model_table.BuffersLength()):
        data = model_table.Buffers(place).DataAsNumpy()
        start = data.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
        assert start % 16 == 0


def test_xnnpack_runs_a_network_completely() -> None:
    model = model_of_keys(
        "stem-33x3-m0-o16-k3-s2-hswish-se0-r0",
        "mbconv-17x16-m48-o24-k5-s2-hswish-se16-r0",
        "max_pool-9x24-m0-o24-k3-s2-none-se0-r0",
        "avg_pool-5x24-m0-o24-k1-s1-none-se0-r0",
        "classifier-1x24-m0-o10-k1-s1-none-se0-r0",
    )
    loaded = TfliteBackend().load(model, TARGET)
    ran = [op["op_name"] for op in loaded._interpreter._get_ops_details()]
    assert ran[len(operators(tflite_bytes(model))) :] == ["DELEGATE"]


def test_file_of_another_batch_is_refused() -> None:
    content = tflite_bytes(model_of_keys(KEYS[0]), batch=2)
    with pytest.raises(InputError, match="model file is for batch 2, the target has batch 1"):
        TfliteBackend().load_file(content, TARGET)


def test_a_file_for_other_inputs_than_images_is_refused() -> None:
    file = Flatbuffer()
    graph_input, graph_output = file.tensor((1, 8), "a"), file.tensor((1, 8), "b")
    file.operator("HARD_SWISH", [graph_input], graph_output, "HardSwishOptions")
    with pytest.raises(FileError, match=r"tensor of shape \[1, 8\], expected float32 images"):
        TfliteBackend().load_file(file.finish(graph_input, graph_output), TARGET)
