import io
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.backends.torch_backend import TorchBackend, model_from_bytes
from bench.blocks.model import random_model
from bench.blocks.spec import BlockSpec
from bench.errors import FileError
from bench.protocol.target import Target

BLOCKS = [
    BlockSpec.parse("stem-8x3-m0-o8-k3-s2-hswish-se0-r0"),
    BlockSpec.parse("mbconv-4x8-m16-o8-k3-s1-relu-se8-r1"),
]
MODEL = random_model(BLOCKS)
CONTENT = TorchBackend().serialise(MODEL)
TARGET = Target(device="test", backend="torch", backend_version="0")


def test_file_holds_blocks_and_weights() -> None:
    restored = model_from_bytes(CONTENT)
    assert restored.blocks == MODEL.blocks
    for expected, weights in zip(MODEL.weights, restored.weights, strict=True):
        assert expected.keys() == weights.keys()
        assert all(np.array_equal(expected[name], weights[name]) for name in expected)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(CONTENT) - 1), st.binary(min_size=1, max_size=40))
def test_a_damaged_file_is_refused_in_one_line_or_read_correctly(place: int, junk: bytes) -> None:
    damaged = CONTENT[:place] + junk + CONTENT[place + len(junk) :]
    line, blocks = "", MODEL.blocks  # if only padding was damaged
    try:
        blocks = model_from_bytes(damaged).blocks
    except FileError as error:
        line = str(error)
    assert len(line.splitlines()) <= 1
    assert blocks == MODEL.blocks


def stored(**changes: Any) -> bytes:
    content = torch.load(io.BytesIO(CONTENT), weights_only=True)
    buffer = io.BytesIO()
    torch.save({**content, **changes}, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "other"}, "format 'other', expected"),
        ({"blocks": ["nonsense", "more"]}, "not the key of a block"),
        ({"weights": [{}, {}]}, "weights do not fit block stem-8x3"),
        ({"weights": 3}, "that holds no model of ofabench"),
    ],
)
def test_another_torch_file_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(FileError, match=message):
        model_from_bytes(stored(**changes))


def test_the_input_is_channels_last_and_prepared_on_loading() -> None:
    loaded = TorchBackend().load(MODEL, TARGET, seed=4)
    expected = np.random.default_rng(4).standard_normal((1, 3, 8, 8), dtype=np.float32)
    assert loaded._images.is_contiguous(memory_format=torch.channels_last)
    assert np.array_equal(loaded._images.numpy(), expected)
    assert np.array_equal(loaded.run().numpy(), loaded.infer(expected))


def test_a_compiled_network_is_compiled_on_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    """`torch.compile` is replaced, as it takes a minute; tests/perf runs it."""
    compiled: list[torch.nn.Module] = []
    calls: list[int] = []

    def compile_(network: torch.nn.Module, *, dynamic: bool) -> torch.nn.Module:
        assert not dynamic
        network.register_forward_hook(lambda *_: calls.append(1))
        compiled.append(network)
        return network

    monkeypatch.setattr(torch, "compile", compile_)
    images = np.random.default_rng(0).standard_normal((1, 3, 8, 8), dtype=np.float32)
    loaded = TorchBackend(compile=True).load(MODEL, TARGET)
    assert (len(compiled), len(calls)) == (1, 1)
    assert np.array_equal(loaded.infer(images), TorchBackend().load(MODEL, TARGET).infer(images))
