"""Requirements of every backend.

Those of other packages run here too: OFABENCH_TEST_BACKENDS=mine,... names them.
"""

import gc
import os

import numpy as np
import pytest
import torch

from bench.backends.registry import BACKENDS, get_backend
from bench.blocks.model import Model, random_model
from bench.blocks.spec import BlockSpec
from bench.blocks.torch_modules import network_of
from bench.errors import FileError, InputError
from bench.protocol.backend import Array, Backend
from bench.protocol.target import Target

BLOCKS = [
    "stem-32x3-m0-o16-k3-s2-hswish-se0-r0",
    "stem-33x1-m0-o8-k3-s2-relu6-se0-r0",
    "stem-16x8-m0-o8-k3-s1-relu-se0-r1",
    "stem-7x3-m0-o4-k5-s3-none-se0-r0",
    "mbconv-14x16-m48-o16-k3-s1-relu-se0-r1",
    "mbconv-14x16-m48-o24-k5-s2-hswish-se16-r0",
    "mbconv-15x16-m48-o24-k7-s2-hswish-se16-r0",
    "mbconv-13x8-m24-o8-k7-s1-relu6-se8-r1",
    "mbconv-12x8-m8-o8-k3-s2-relu6-se0-r0",
    "mbconv-9x16-m16-o16-k5-s1-relu-se0-r1",
    "mbconv-2x8-m16-o8-k7-s2-hswish-se0-r0",
    "mbconv-1x8-m16-o8-k5-s1-none-se8-r0",
    "mbconv-4x1-m1-o1-k3-s1-relu-se1-r1",
    "bottleneck-14x16-m8-o32-k3-s1-relu-se0-r1",
    "bottleneck-14x16-m8-o32-k3-s2-relu-se0-r1",
    "bottleneck-15x16-m8-o16-k3-s2-hswish-se0-r1",
    "bottleneck-7x16-m8-o16-k3-s1-relu6-se0-r1",
    "bottleneck-1x4-m4-o8-k3-s2-none-se0-r1",
    "max_pool-14x8-m0-o8-k3-s2-none-se0-r0",
    "max_pool-15x8-m0-o8-k3-s2-none-se0-r0",
    "max_pool-7x8-m0-o8-k3-s1-none-se0-r0",
    "final_expand-7x16-m0-o32-k1-s1-hswish-se0-r0",
    "avg_pool-7x16-m0-o16-k1-s1-none-se0-r0",
    "avg_pool-1x16-m0-o16-k1-s1-none-se0-r0",
    "feature_mix-1x16-m0-o24-k1-s1-hswish-se0-r0",
    "classifier-1x24-m0-o10-k1-s1-none-se0-r0",
]
MOBILENET = [
    "stem-33x3-m0-o16-k3-s2-hswish-se0-r0",
    "mbconv-17x16-m16-o16-k3-s1-relu-se0-r1",
    "mbconv-17x16-m64-o24-k5-s2-relu-se16-r0",
    "mbconv-9x24-m72-o24-k7-s1-hswish-se24-r1",
    "mbconv-9x24-m144-o40-k3-s2-relu6-se0-r0",
    "final_expand-5x40-m0-o96-k1-s1-hswish-se0-r0",
    "avg_pool-5x96-m0-o96-k1-s1-none-se0-r0",
    "feature_mix-1x96-m0-o128-k1-s1-hswish-se0-r0",
    "classifier-1x128-m0-o10-k1-s1-none-se0-r0",
]
RESNET_D = [
    "stem-32x3-m0-o16-k3-s2-relu-se0-r0",
    "stem-16x16-m0-o16-k3-s1-relu-se0-r1",
    "stem-16x16-m0-o24-k3-s1-relu-se0-r0",
    "max_pool-16x24-m0-o24-k3-s2-none-se0-r0",
    "bottleneck-8x24-m16-o64-k3-s1-relu-se0-r1",
    "bottleneck-8x64-m24-o64-k3-s1-relu-se0-r1",
    "bottleneck-8x64-m32-o96-k3-s2-relu-se0-r1",
    "avg_pool-4x96-m0-o96-k1-s1-none-se0-r0",
    "classifier-1x96-m0-o10-k1-s1-none-se0-r0",
]

PLUGINS = [name for name in os.environ.get("OFABENCH_TEST_BACKENDS", "").split(",") if name]
pytestmark = pytest.mark.parametrize("name", [*BACKENDS, *PLUGINS])


def target(name: str, batch: int = 1, threads: int = 1, precision: str = "fp32") -> Target:
    return Target(
        device="test",
        backend=name,
        backend_version="0",
        batch=batch,
        threads=threads,
        precision=precision,
    )


def backend_of(name: str) -> Backend:
    runtime = {"onnx": "onnxruntime", "torch": "torch"}.get(name)
    if runtime is not None:
        pytest.importorskip(runtime)
    return get_backend(name)


def model_of_keys(keys: list[str]) -> Model:
    return random_model([BlockSpec.parse(key) for key in keys], seed=7)


def images(model: Model, batch: int) -> Array:
    shape = (batch, *model.input_shape)
    return np.random.default_rng(5).standard_normal(shape, dtype=np.float32)


def torch_outputs(model: Model, batch: Array) -> Array:
    """Return outputs of torch in float64, so that differences are the backend's error."""
    with torch.no_grad():
        result: Array = network_of(model).double()(torch.from_numpy(batch).double()).numpy()
    return result


def check(name: str, model: Model, batch: int, threads: int = 1) -> None:
    inputs = images(model, batch)
    loaded = backend_of(name).load(model, target(name, batch, threads))
    result = loaded.infer(inputs)
    assert result.shape == (batch, *model.output_shape)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, torch_outputs(model, inputs), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("key", BLOCKS)
def test_a_block_has_the_outputs_of_torch(name: str, key: str) -> None:
    check(name, model_of_keys([key]), batch=1)


@pytest.mark.parametrize("key", BLOCKS[::3])
def test_a_block_has_the_outputs_of_torch_in_a_batch(name: str, key: str) -> None:
    check(name, model_of_keys([key]), batch=3)


@pytest.mark.parametrize("keys", [MOBILENET, RESNET_D], ids=["mobilenet", "resnet-d"])
@pytest.mark.parametrize(("batch", "threads"), [(1, 1), (4, 2)])
def test_a_network_has_the_outputs_of_torch(
    name: str, keys: list[str], batch: int, threads: int
) -> None:
    check(name, model_of_keys(keys), batch, threads)


def test_a_file_has_the_same_outputs(name: str) -> None:
    backend, model = backend_of(name), model_of_keys(MOBILENET)
    inputs = images(model, 2)
    content = backend.serialise(model, batch=2)
    direct = backend.load(model, target(name, 2)).infer(inputs)
    assert np.array_equal(backend.load_file(content, target(name, 2)).infer(inputs), direct)


def test_serialising_is_deterministic(name: str) -> None:
    backend, model = backend_of(name), model_of_keys(MOBILENET)
    assert backend.serialise(model) == backend.serialise(model)


def test_input_follows_from_the_seed_and_outlives_infer(name: str) -> None:
    """`run` may be called at any time, any number of times."""
    backend, model = backend_of(name), model_of_keys(MOBILENET)
    loaded = backend.load(model, target(name), seed=3)
    gc.collect()
    inputs = images(model, 1)
    first = loaded.infer(inputs)
    for _ in range(3):
        loaded.run()
    assert np.array_equal(loaded.infer(inputs), first)


def test_later_runs_do_not_change_a_result(name: str) -> None:
    model = model_of_keys(MOBILENET)
    loaded = backend_of(name).load(model, target(name))
    first = loaded.infer(images(model, 1))
    kept = first.copy()
    loaded.infer(-images(model, 1))
    loaded.run()
    assert np.array_equal(first, kept)


def test_models_do_not_share_state(name: str) -> None:
    backend = backend_of(name)
    first, second = (random_model([BlockSpec.parse(BLOCKS[4])], seed=seed) for seed in (1, 2))
    batch = images(first, 1)
    loaded = [backend.load(model, target(name)) for model in (first, second)]
    for model, runnable in zip((first, second), loaded, strict=True):
        np.testing.assert_allclose(
            runnable.infer(batch), torch_outputs(model, batch), rtol=1e-4, atol=1e-5
        )


def test_images_of_another_shape_are_refused(name: str) -> None:
    model = model_of_keys(MOBILENET)
    loaded = backend_of(name).load(model, target(name))
    with pytest.raises(InputError, match=r"images have shape \(2, 3, 33, 33\), the model takes"):
        loaded.infer(images(model, 2))


def test_an_unsupported_precision_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="no precision 'int4', expected fp32"):
        backend_of(name).load(model_of_keys(BLOCKS[:1]), target(name, precision="int4"))


@pytest.mark.parametrize(
    "content", [b"", b"not a model", b"\x08" * 300], ids=["empty", "text", "bytes"]
)
def test_an_invalid_file_is_refused_in_one_line(name: str, content: bytes) -> None:
    with pytest.raises(FileError) as raised:
        backend_of(name).load_file(content, target(name))
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused_in_one_line(name: str, share: float) -> None:
    backend = backend_of(name)
    content = backend.serialise(model_of_keys(BLOCKS[5:6]))
    with pytest.raises(FileError) as raised:
        backend.load_file(content[: int(share * len(content))], target(name))
    assert len(str(raised.value).splitlines()) == 1


def test_it_has_a_name_a_suffix_a_version_and_options(name: str) -> None:
    backend = backend_of(name)
    assert backend.name == name
    assert backend.file_suffix.startswith(".")
    assert any(sign.isdigit() for sign in backend.version())
    assert all(isinstance(text, str) for pair in backend.options() for text in pair)
