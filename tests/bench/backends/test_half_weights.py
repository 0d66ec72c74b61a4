"""float16 weights in TFLite files that compute in float32: the form `weights=float16`."""

import numpy as np
import pytest

from bench.backends.registry import get_backend
from bench.backends.tflite_graph import tflite_bytes
from bench.blocks.graph_form import GraphForm
from bench.blocks.model import random_model
from bench.blocks.spec import BlockSpec
from bench.errors import InputError
from bench.protocol.target import Target
from supernet.space.space import SearchSpace
from tests.support.tflite_files import operators_of

TINY = SearchSpace.load("tiny")
NETWORK = TINY.blocks(TINY.largest(24))
HALF = GraphForm(weights="float16")


def target(precision: str = "fp32") -> Target:
    return Target(device="here", backend="tflite", backend_version="1", precision=precision)


@pytest.mark.parametrize("block", NETWORK, ids=lambda block: block.key)
def test_outputs_are_those_of_float32_weights_within_their_rounding(block: BlockSpec) -> None:
    model = random_model((block,), seed=1)
    given = np.random.default_rng(0).standard_normal((1, *model.input_shape), dtype=np.float32)
    plain = get_backend("tflite").load(model, target()).infer(given)

    half = get_backend("tflite", weights="float16").load(model, target()).infer(given)

    # A float16 number has 11 bits: each weight is off by at most 2 ** -11 of its value.
    assert np.abs(half - plain).max() <= 4 * 2**-11 * np.abs(plain).max()
    assert np.any(half != plain) == (block.params > 0)


def test_a_file_has_the_operators_of_the_quantizer_and_half_the_weights() -> None:
    pytest.importorskip("ai_edge_quantizer", reason="the quantizer is not installed")
    from supernet.export.quantise_tflite import fp16_tflite

    model = random_model(NETWORK)
    plain = tflite_bytes(model)

    written = tflite_bytes(model, form=HALF)

    assert sorted(operators_of(written)) == sorted(operators_of(fp16_tflite(plain)))
    weights = sum(
        array.nbytes
        for layers in model.weights
        for name, array in layers.items()
        if name.endswith(".weight")
    )
    assert len(plain) - len(written) == pytest.approx(weights / 2, rel=0.05)


def test_int8_files_have_no_float16_weights() -> None:
    backend = get_backend("tflite", weights="float16")

    with pytest.raises(InputError, match="weights=float16 is for fp32 and fp16, and this file is"):
        backend.load(random_model(NETWORK), target("int8"))


def test_half_precision_is_not_computed_here_and_what_to_do_is_said() -> None:
    with pytest.raises(InputError, match=r"cannot compute in fp16, phones can: .*weights=float16"):
        get_backend("tflite").load(random_model(NETWORK), target("fp16"))
