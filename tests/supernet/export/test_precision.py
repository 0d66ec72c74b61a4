"""Files of float16 and int8: contents, difference from torch, and refused input."""

from collections import Counter
from functools import cache

import numpy as np
import onnx
import pytest

from bench.backends.registry import get_backend
from bench.backends.tflite_schema import schema
from bench.blocks.model import random_model
from bench.blocks.torch_modules import network_of
from bench.errors import InputError
from bench.protocol.backend import Array
from supernet.export import quantise_onnx
from supernet.export.export import ExportSpec, ModelFile, make_card, make_file, run_file
from supernet.export.model_card import Normalisation
from supernet.export.model_metadata import with_class_names
from supernet.export.network_file import StandaloneNetwork
from supernet.export.output_check import check_close, compare
from supernet.export.precision import check_precision, convert
from supernet.export.quantise_onnx import products_saturate
from supernet.space.space import SearchSpace
from tests.support.tflite_files import operators_of, typed_operators

TINY = SearchSpace.load("tiny")
ARCH = TINY.smallest(24)
BLOCKS = TINY.blocks(ARCH)
CONVERTED = [(name, precision) for name in ("onnx", "tflite") for precision in ("fp16", "int8")]


def images(n: int, seed: int) -> Array:
    return np.random.default_rng(seed).standard_normal((n, 1, 24, 24), dtype=np.float32)


def cut() -> StandaloneNetwork:
    return StandaloneNetwork(
        space="tiny",
        arch=ARCH,
        blocks=BLOCKS,
        network=network_of(random_model(BLOCKS)),
        normalisation=Normalisation(mean=(0.3,), std=(0.25,)),
    )


def plain(name: str) -> bytes:
    return get_backend(name).serialise(random_model(BLOCKS))


@cache
def made(name: str, precision: str) -> ModelFile:
    form = ExportSpec(
        backend=get_backend(name),
        precision=precision,
        calibration=images(20, seed=1),
        calibrated_on="noise",
        checked=images(30, seed=2),
        of="images of noise",
    )
    folded = cut()
    return make_file(folded, form)


@pytest.mark.parametrize(("name", "precision"), CONVERTED)
def test_a_coarser_file_is_smaller_and_near_torch(name: str, precision: str) -> None:
    converted = made(name, precision)

    ratio = len(converted.content) / len(plain(name))
    # Of this network a third is not weights, in int8 with their scales.
    assert ratio < (0.6 if precision == "fp16" else 0.5)
    assert converted.difference.images == 30
    assert converted.difference.of == "images of noise"
    assert converted.difference.snr_db is not None
    assert converted.difference.snr_db > (50 if precision == "fp16" else 20)
    assert converted.actual.dtype == np.float32


def test_an_int8_tflite_file_computes_in_integers() -> None:
    operators = Counter(typed_operators(made("tflite", "int8").content))

    floats = {op: n for (op, kind), n in operators.items() if kind == "FLOAT32"}
    assert floats == {"QUANTIZE": 1}  # of the input
    assert operators["DEQUANTIZE", "INT8"] == 1  # of the output
    before = Counter(typed_operators(plain("tflite")))
    for op in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD"):
        assert operators[op, "INT8"] == before[op, "FLOAT32"]


def test_an_int8_onnx_file_has_integer_weights_by_channel() -> None:
    model = onnx.load_from_string(made("onnx", "int8").content)

    weights = {initializer.name: initializer for initializer in model.graph.initializer}
    producers = {node.output[0]: node for node in model.graph.node}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    assert (
        len(convolutions)
        == Counter(node.op_type for node in onnx.load_from_string(plain("onnx")).graph.node)["Conv"]
    )
    for node in convolutions:
        image, weight = producers[node.input[0]], producers[node.input[1]]
        assert (image.op_type, weight.op_type) == ("DequantizeLinear", "DequantizeLinear")
        stored = weights[weight.input[0]]
        assert stored.data_type == onnx.TensorProto.INT8
        assert list(weights[weight.input[1]].dims) == [stored.dims[0]]


@pytest.mark.parametrize(
    ("cpu", "saturates"),
    [
        ({"flags": "sse4_2 avx2 fma"}, True),
        ({"flags": "avx512f avx512bw"}, True),
        ({"flags": "avx512f avx512_vnni"}, False),
        ({"flags": "avx2 avx_vnni"}, False),
        ({"Features": "asimd fphp asimddp"}, False),  # an Arm core
        ({}, False),
    ],
)
def test_products_saturate_on_x86_without_vnni(cpu: dict[str, str], saturates: bool) -> None:
    assert products_saturate(cpu) is saturates


@pytest.mark.parametrize(("flags", "most"), [("avx2", 64), ("avx512_vnni", 127)])
def test_weights_have_7_bits_where_products_saturate(
    flags: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantise_onnx, "cpu_info", lambda: {"flags": flags})
    model = onnx.load_from_string(quantise_onnx.int8_onnx(plain("onnx"), images(2, seed=1)))

    weights = [
        onnx.numpy_helper.to_array(initializer)
        for initializer in model.graph.initializer
        if initializer.data_type == onnx.TensorProto.INT8 and len(initializer.dims) == 4
    ]
    assert weights
    assert max(int(np.abs(weight.astype(np.int16)).max()) for weight in weights) == most


def test_a_float16_onnx_file_takes_and_gives_float32() -> None:
    model = onnx.load_from_string(made("onnx", "fp16").content)

    assert {initializer.data_type for initializer in model.graph.initializer} == {
        onnx.TensorProto.FLOAT16
    }
    ends = [*model.graph.input, *model.graph.output]
    assert {value.type.tensor_type.elem_type for value in ends} == {onnx.TensorProto.FLOAT}


def test_converters_print_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    for name, precision in CONVERTED:
        convert(plain(name), name, precision, images(2, seed=1))

    assert capfd.readouterr() == ("", "")


def test_a_card_names_the_calibration_data() -> None:
    form = ExportSpec(
        backend=get_backend("onnx"),
        precision="int8",
        calibration=images(20, seed=1),
        calibrated_on="noise",
    )

    card = make_card(cut(), form, made("onnx", "int8"))

    assert card.precision == "int8"
    assert card.calibration is not None
    assert (card.calibration.data, card.calibration.images) == ("noise", 20)
    assert card.size_bytes == len(made("onnx", "int8").content)


@pytest.mark.parametrize("precision", ["fp16", "int8", "int4"])
def test_torch_files_are_float32_only(precision: str) -> None:
    with pytest.raises(InputError, match="a torch file is exported as fp32; export to onnx or"):
        check_precision("torch", precision)


def test_int8_without_images_is_refused() -> None:
    for none in (None, images(0, seed=1)):
        with pytest.raises(InputError, match="int8 is calibrated on images, got none"):
            convert(plain("onnx"), "onnx", "int8", none)


def test_the_output_difference_by_hand() -> None:
    expected = np.array([[3.0, 4.0], [0.0, 5.0]], np.float32)
    actual = np.array([[3.5, 4.0], [5.5, 5.0]], np.float32)

    difference = compare(expected, actual, "some")

    assert difference.largest == pytest.approx(5.5 / 5)
    # Power 9 + 16 + 25 = 50, noise 0.25 + 30.25 = 30.5.
    assert difference.snr_db == pytest.approx(10 * np.log10(50 / 30.5))
    assert difference.agreement == 0.5
    same = compare(expected, expected, "some")
    assert (same.largest, same.snr_db, same.agreement) == (0.0, None, 1.0)


@pytest.mark.parametrize("off", [0.7, float("nan")])
def test_an_int8_file_far_from_torch_is_refused(off: float) -> None:
    expected = np.eye(10, dtype=np.float32)
    difference = compare(expected, expected + np.float32(off), "some")

    with pytest.raises(InputError, match="nothing was written: calibrate on more images"):
        check_close(difference, "onnx", "int8")


def test_float16_is_held_to_a_hundredth() -> None:
    expected = np.eye(10, dtype=np.float32)

    check_close(compare(expected, expected + np.float32(0.009), "some"), "onnx", "fp16")
    with pytest.raises(InputError, match=r"fp16 differs from torch by 0\.02, at most 0\.01"):
        check_close(compare(expected, expected + np.float32(0.02), "some"), "onnx", "fp16")


def test_names_of_classes_leave_large_int8_weights_where_they_are_found() -> None:
    blocks = TINY.blocks(TINY.largest(32))
    model = random_model(blocks)
    calibration = np.random.default_rng(0).standard_normal((4, 1, 32, 32), dtype=np.float32)
    backend = get_backend("tflite")
    content = convert(backend.serialise(model), "tflite", "int8", calibration)
    names = tuple(f"class {number}" for number in range(10))
    # Weights of this size are stored after the flatbuffer, at positions from the file's start.
    buffers = tflite_buffers(content)
    assert max(position for position, _ in buffers) > 1

    named = with_class_names(content, "tflite", names, Normalisation(mean=(0.3,), std=(0.25,)))

    expected = run_file(content, backend, calibration, "int8")
    np.testing.assert_array_equal(run_file(named, backend, calibration, "int8"), expected)


@pytest.mark.parametrize("backend", ["onnx", "tflite"])
def test_a_form_leaves_the_stem_in_float32_in_the_file_and_on_the_card(backend: str) -> None:
    form = ExportSpec(
        backend=get_backend(backend, stem="float"),
        precision="int8",
        calibration=images(20, seed=1),
        calibrated_on="noise",
        checked=images(30, seed=2),
    )
    network = cut()

    file = make_file(network, form)

    assert make_card(network, form, file).forms == {"stem": "float"}
    kinds = activation_operators(backend, file.content)
    quantised = {"onnx": "QuantizeLinear", "tflite": "QUANTIZE"}[backend]
    convolution = {"onnx": "Conv", "tflite": "CONV_2D"}[backend]
    assert kinds.index(convolution) < kinds.index(quantised)


def tflite_buffers(content: bytes) -> list[tuple[int, int]]:
    model = schema().Model.GetRootAs(content, 0)
    buffers = [model.Buffers(place) for place in range(model.BuffersLength())]
    return [(buffer.Offset(), buffer.Size()) for buffer in buffers]


def activation_operators(backend: str, content: bytes) -> list[str]:
    """Operators in order, without those of constants."""
    if backend == "tflite":
        return operators_of(content)
    graph = onnx.load_from_string(content).graph
    constants = {tensor.name for tensor in graph.initializer}
    return [node.op_type for node in graph.node if node.input[0] not in constants]
