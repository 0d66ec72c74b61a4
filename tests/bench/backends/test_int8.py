"""int8 graphs: operators as in exported files, outputs near torch's, equal in both runtimes."""

from dataclasses import replace

import numpy as np
import pytest

from bench.backends.onnx_graph import onnx_bytes
from bench.backends.registry import get_backend
from bench.backends.tflite_graph import tflite_bytes
from bench.blocks.graph_form import GraphForm
from bench.blocks.model import Model, random_model
from bench.blocks.quantisation import ChannelWeights, Quantisation
from bench.blocks.spec import BlockSpec
from bench.protocol.backend import Array
from bench.protocol.target import Target
from supernet.export.quantise_onnx import int8_onnx
from tests.support.tflite_files import operators_of

STEM = BlockSpec(
    kind="stem", in_size=32, in_channels=3, out_channels=16, kernel=3, stride=2, act="hswish"
)
RELU_STEM = BlockSpec(
    kind="stem", in_size=32, in_channels=3, out_channels=16, kernel=3, stride=2, act="relu"
)
EXCITED = BlockSpec(
    kind="mbconv",
    in_size=16,
    in_channels=16,
    out_channels=16,
    mid_channels=64,
    kernel=5,
    act="hswish",
    se=16,
    residual=True,
)
WIDE_KERNEL = BlockSpec(
    kind="mbconv",
    in_size=16,
    in_channels=16,
    out_channels=16,
    mid_channels=32,
    kernel=7,
    act="hswish",
)
REDUCING = BlockSpec(
    kind="mbconv",
    in_size=16,
    in_channels=16,
    out_channels=24,
    mid_channels=64,
    kernel=7,
    stride=2,
    act="relu",
)
ODD = replace(REDUCING, in_size=7)
POOLED = BlockSpec(kind="avg_pool", in_size=8, in_channels=24, out_channels=24)
MIX = BlockSpec(kind="feature_mix", in_size=1, in_channels=24, out_channels=32, act="hswish")
SCORES = BlockSpec(kind="classifier", in_size=1, in_channels=32, out_channels=10)
MOBILE = (STEM, EXCITED, WIDE_KERNEL, REDUCING, POOLED, MIX, SCORES)
RESIDUAL = (
    RELU_STEM,
    BlockSpec(kind="max_pool", in_size=16, in_channels=16, out_channels=16, kernel=3, stride=2),
    BlockSpec(
        kind="bottleneck",
        in_size=8,
        in_channels=16,
        out_channels=32,
        mid_channels=16,
        kernel=3,
        stride=2,
        act="relu",
    ),
    BlockSpec(kind="avg_pool", in_size=4, in_channels=32, out_channels=32),
    SCORES,
)
NETWORKS = {"mobile": MOBILE, "residual": RESIDUAL}
FORMS = [
    GraphForm(),
    GraphForm(hswish="decomposed"),
    GraphForm(depthwise7="split"),
    GraphForm(hswish="decomposed", depthwise7="split"),
]


def images(count: int, model: Model) -> Array:
    rng = np.random.default_rng(0)
    return rng.standard_normal((count, *model.input_shape), dtype=np.float32)


def target(backend: str, precision: str) -> Target:
    return Target(device="here", backend=backend, backend_version="1", precision=precision)


def onnx_operators(content: bytes) -> list[str]:
    import onnx

    return sorted(node.op_type for node in onnx.load_from_string(content).graph.node)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: str(form.options()))
@pytest.mark.parametrize("blocks", NETWORKS.values(), ids=NETWORKS)
def test_a_tflite_network_has_the_operators_of_an_exported_one(
    blocks: tuple[BlockSpec, ...], form: GraphForm
) -> None:
    pytest.importorskip("ai_edge_quantizer", reason="the quantizer is not installed")
    from supernet.export.quantise_tflite import int8_tflite

    model = random_model(blocks)
    exported = int8_tflite(tflite_bytes(model, form=form), images(2, model))

    written = tflite_bytes(model, precision="int8", form=form)

    assert operators_of(written) == operators_of(exported)
    assert {"QUANTIZE", "DEQUANTIZE"} <= set(operators_of(written))


@pytest.mark.parametrize("blocks", NETWORKS.values(), ids=NETWORKS)
def test_an_onnx_network_has_the_operators_of_an_exported_one(
    blocks: tuple[BlockSpec, ...],
) -> None:
    model = random_model(blocks)
    exported = int8_onnx(onnx_bytes(model), images(2, model))

    written = onnx_bytes(model, precision="int8")

    assert onnx_operators(written) == onnx_operators(exported)


def test_onnxruntime_fuses_every_operator_that_has_an_integer_kernel() -> None:
    from bench.operators.graph import _optimised

    model = random_model(MOBILE)

    fused = [node.op_type for node in _optimised(onnx_bytes(model, precision="int8"), 1).graph.node]

    assert fused.count("QLinearConv") == 13  # stem, 3 blocks of 3, squeeze-excite with 2, mix
    assert {"Conv", "Gemm", "Add"}.isdisjoint(fused)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: str(form.options()))
@pytest.mark.parametrize("block", [EXCITED, WIDE_KERNEL, REDUCING, ODD, STEM], ids=lambda b: b.key)
def test_every_form_has_the_same_outputs(block: BlockSpec, form: GraphForm) -> None:
    model = random_model((block,))
    batch, float_target = images(1, model), target("tflite", "fp32")
    plain = get_backend("tflite").load(model, float_target).infer(batch)

    formed = get_backend("tflite", **dict(form.options())).load(model, float_target).infer(batch)

    np.testing.assert_allclose(formed, plain, atol=2e-6)


@pytest.mark.parametrize(("block", "pads"), [(REDUCING, 3), (ODD, 0), (WIDE_KERNEL, 0)])
def test_parts_of_a_split_kernel_are_padded_where_same_padding_is_not_centred(
    block: BlockSpec, pads: int
) -> None:
    operators = operators_of(
        get_backend("tflite", depthwise7="split").serialise(random_model((block,)))
    )

    assert operators.count("DEPTHWISE_CONV_2D") == 3
    assert operators.count("PAD") == pads


@pytest.mark.parametrize("backend", ["onnx", "tflite"])
@pytest.mark.parametrize("block", [*MOBILE, *RESIDUAL[1:-1]], ids=lambda block: block.key)
def test_an_int8_block_has_nearly_the_outputs_of_torch(backend: str, block: BlockSpec) -> None:
    model = random_model((block,), seed=1)
    batch = images(1, model)
    expected = get_backend("torch").load(model, target("torch", "fp32")).infer(batch)

    outputs = get_backend(backend).load(model, target(backend, "int8")).infer(batch)

    assert outputs.shape == expected.shape
    # Ranges are not calibrated: a step is 16 / 255, and a few of them add up.
    assert np.abs(outputs - expected).max() < 8 * 16 / 255


@pytest.mark.parametrize(
    ("block", "steps"),
    [(POOLED, 1), (SCORES, 1), (STEM, 2), (MIX, 2), (REDUCING, 4), (EXCITED, 4)],
    ids=lambda value: getattr(value, "key", str(value)),
)
def test_both_runtimes_give_integers_that_differ_by_at_most_a_step_a_layer(
    block: BlockSpec, steps: int
) -> None:
    model = random_model((block,), seed=1)
    batch = images(1, model)

    onnx, tflite = (
        get_backend(backend).load(model, target(backend, "int8")).infer(batch)
        for backend in ("onnx", "tflite")
    )

    assert np.abs(onnx - tflite).max() <= 1.01 * steps * 16 / 255


@pytest.mark.parametrize("backend", ["onnx", "tflite"])
def test_a_float_stem_has_a_float_convolution(backend: str) -> None:
    model = random_model(MOBILE)
    content = get_backend(backend, stem="float").serialise(model, precision="int8")

    if backend == "tflite":
        assert operators_of(content)[:4] == ["PAD", "CONV_2D", "HARD_SWISH", "QUANTIZE"]
    else:
        import onnx

        graph = onnx.load_from_string(content).graph
        first = next(node for node in graph.node if node.op_type == "Conv")
        assert first.input[:2] == ["input", "b0.conv.weight"]
        assert graph.node[1].op_type == "HardSwish"
        assert "input_scale" not in {tensor.name for tensor in graph.initializer}


def test_a_quantisation_covers_its_range_and_clips_beyond() -> None:
    quantisation = Quantisation.of_range((-1.0, 4.1), -128)

    # A step is 5.1 / 255 = 0.02; zero is 50 steps above the lowest integer.
    assert quantisation.zero_point == -78
    integers = quantisation.integers(np.array([-1.0, 0.0, 0.031, 4.1, 9.0], np.float32))
    assert integers.tolist() == [-128, -78, -76, 127, 127]
    np.testing.assert_allclose(
        quantisation.values(integers), [-1.0, 0.0, 0.04, 4.1, 4.1], atol=1e-6
    )


def test_weights_have_a_scale_per_channel_and_biases_that_of_products() -> None:
    channels = ChannelWeights.of(np.array([[1.27, -0.635], [0.0, 0.0]], np.float32), 0)

    assert channels.integers.tolist() == [[127, -64], [0, 0]]  # -63.5 rounds to even
    np.testing.assert_allclose(channels.scales, [0.01, 1.0])
    integers, scales = channels.bias(np.array([0.5, 3.0], np.float32), input_scale=0.1)
    np.testing.assert_allclose(scales, [0.001, 0.1])
    assert integers.tolist() == [500, 30]
