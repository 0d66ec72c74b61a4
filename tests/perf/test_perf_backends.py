"""What it costs to make a block ready, and to call it: `pytest tests/perf --benchmark-enable`."""

import shutil

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.backends.registry import get_backend
from bench.blocks.model import Model, random_model
from bench.blocks.spec import BlockSpec
from bench.protocol.target import Target

# In, hidden and out channels, size, stride, act, se: the elastic stages of OFA-MobileNetV3 at 224.
STAGES = [
    (16, 24, 112, 2, "relu", 0),
    (24, 40, 56, 2, "relu", 16),
    (40, 80, 28, 2, "hswish", 0),
    (80, 112, 14, 1, "hswish", 120),
    (112, 160, 14, 2, "hswish", 168),
    (160, 160, 7, 1, "hswish", 240),
]


def models() -> list[Model]:
    blocks = [
        BlockSpec(
            kind="mbconv",
            in_size=size,
            in_channels=wide,
            mid_channels=wide * expand,
            out_channels=out,
            kernel=kernel,
            stride=stride,
            act=act,
            se=se,
        )
        for wide, out, size, stride, act, se in STAGES
        for kernel in (3, 5, 7)
        for expand in (3, 4, 6)
    ]
    return [random_model([block]) for block in blocks]


def target(name: str, precision: str = "fp32") -> Target:
    return Target(device="test", backend=name, backend_version="0", precision=precision)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("name", ["onnx", "tflite"])
def test_prepares_20_blocks_a_second(
    name: str, precision: str, benchmark: BenchmarkFixture
) -> None:
    backend, made, wanted = get_backend(name), models(), target(name, precision)
    backend.load(made[0], wanted)  # imports

    def prepare() -> None:
        for model in made:
            backend.load(model, wanted)

    benchmark.pedantic(prepare, rounds=3)  # type: ignore[no-untyped-call]
    if benchmark.stats is not None:
        rate = len(made) / benchmark.stats.stats.median
        benchmark.extra_info["blocks_a_second"] = round(rate)
        assert rate > 20


@pytest.mark.parametrize("name", ["torch", "onnx", "tflite"])
def test_call_of_one_block(name: str, benchmark: BenchmarkFixture) -> None:
    block = BlockSpec.parse("mbconv-28x40-m240-o40-k5-s1-hswish-se64-r1")
    loaded = get_backend(name).load(random_model([block]), target(name))
    benchmark(loaded.run)


@pytest.mark.parametrize("name", ["torch", "onnx", "tflite"])
def test_call_of_next_to_nothing(name: str, benchmark: BenchmarkFixture) -> None:
    """What a call costs by itself, which every block's figure holds."""
    block = BlockSpec.parse("avg_pool-1x8-m0-o8-k1-s1-none-se0-r0")
    loaded = get_backend(name).load(random_model([block]), target(name))
    benchmark(loaded.run)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_compiled_gives_the_same_numbers(benchmark: BenchmarkFixture) -> None:
    if benchmark.disabled:
        pytest.skip("torch.compile takes up to a minute: runs with --benchmark-enable")
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        pytest.skip("torch.compile needs a C++ compiler, there is none on the path")
    model = random_model([BlockSpec.parse("mbconv-28x40-m240-o40-k5-s1-hswish-se64-r1")])
    images = np.random.default_rng(0).standard_normal((1, 40, 28, 28), dtype=np.float32)
    eager = get_backend("torch").load(model, target("torch")).infer(images)
    loaded = get_backend("torch", compile=True).load(model, target("torch"))
    np.testing.assert_allclose(loaded.infer(images), eager, rtol=1e-4, atol=1e-4)
    benchmark(loaded.run)
