"""Forms of a graph as text, as options of a target, and as backends."""

import pytest

from bench.backends.registry import backend_of, get_backend
from bench.blocks.graph_form import GraphForm
from bench.devices.registry import get_device
from bench.errors import InputError, TargetMismatchError
from bench.protocol.target import Target
from bench.protocol.target_check import check_same_target

TARGET = Target(device="d", backend="tflite", backend_version="1")


def test_only_forms_other_than_the_plain_ones_are_options() -> None:
    assert GraphForm().options() == ()
    form = GraphForm.parse(" depthwise7=split, hswish=operator")
    assert form.options() == (("depthwise7", "split"),)
    assert GraphForm.from_options((("cache", "warm"), *form.options())) == form


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("swish=decomposed", "there is no graph form 'swish', expected NAME=VALUE"),
        ("hswish", "form hswish is '', expected operator or decomposed"),
        ("stem=int4", "form stem is 'int4', expected quantised or float"),
    ],
)
def test_unknown_forms_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        GraphForm.parse(text)


def test_a_backend_refuses_forms_of_others() -> None:
    with pytest.raises(InputError, match="backend onnx does not have the options"):
        get_backend("onnx", hswish="decomposed")


def test_the_backend_of_a_target_has_its_forms() -> None:
    formed = TARGET.with_options(hswish="decomposed", cache="warm")

    assert backend_of(formed).options() == (("hswish", "decomposed"),)
    assert formed.key != TARGET.key


def test_targets_of_different_forms_do_not_match() -> None:
    device = get_device("fake")
    backend = get_backend("fake")
    version = device.runtime_version(backend)
    target = Target(device=device.slug(), backend="fake", backend_version=version)

    check_same_target(device, backend, target, whose="the predictor's", remedy="fit one")
    with pytest.raises(TargetMismatchError, match="option hswish is None, the predictor's decomp"):
        check_same_target(
            device,
            backend,
            target.with_options(hswish="decomposed"),
            whose="the predictor's",
            remedy="fit one",
        )
