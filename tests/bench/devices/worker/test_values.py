"""Values in frames: every type of the device's interface arrives as it was; others are refused."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from bench.devices.cuda.options import CudaOptions
from bench.devices.worker.values import pack_value, read_value, unpack_value
from bench.errors import DeviceLostError
from bench.models.tensors import InputSpec
from bench.operators.profile import OperatorProfile, OperatorTime
from bench.protocol.device import Facts, ModelCosts, ReplicatePlan, RoundResult, Workload
from bench.protocol.target import Target

POOL = BlockSpec(kind="avg_pool", in_size=8, in_channels=8, out_channels=8)
OPERATOR = OperatorTime(name="a", kind="Conv", ms=1.5, share=1.0, shapes="1x3", delegated=None)


def arrived(annotation: Any, value: Any) -> Any:
    """The value after a frame."""
    data, content = pack_value(value)
    return read_value(annotation, unpack_value(data, content), "it")


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (str, "cpu"),
        (str | None, None),
        (type(None), None),
        (bytes, b"\0\xff"),
        (Facts, {"cpu_cores": 4, "temperature_c": 41.5, "smt": None, "throttled": True, "a": "b"}),
        (tuple[tuple[str, str], ...], (("launch", "graph"), ("tf32", "off"))),
        (dict[str, int], {"0f": 12}),
        (ModelCosts, ModelCosts(ns_per_mac=1e-3, inner_shared=True)),
        (ReplicatePlan, ReplicatePlan(rounds=3, samples=2, seed=1 << 40)),
        (tuple[Workload, ...], (Workload(role="block", blocks=(POOL, POOL), label='{"a": 1}'),)),
        (Target, Target(device="d", backend="onnx", backend_version="1").with_options(stem="a")),
        (CudaOptions, CudaOptions(launch="eager", tf32=True)),
        (tuple[InputSpec, ...], (InputSpec(name="x", dtype="int64", shape=(1, "n", None)),)),
        (OperatorProfile, OperatorProfile(operators=(OPERATOR,), uncut={"Loop": 2})),
    ],
)
def test_values_of_the_devices_interface_arrive(annotation: Any, value: Any) -> None:
    assert arrived(annotation, value) == value


def test_a_round_arrives_with_its_samples_exactly() -> None:
    sent = RoundResult(
        samples_ns=np.array([[1.1, np.nan], [np.inf, 1e300]]),
        order=np.array([1, 0, 1]),
        repeated_bursts=1,
        facts={"taken_at": "2026-01-01T00:00:00", "nan": None},
        disturbed_ns=np.zeros((1, 2))[:, ::-1],
    )

    result = arrived(RoundResult, sent)

    np.testing.assert_array_equal(result.samples_ns, sent.samples_ns)
    np.testing.assert_array_equal(result.order, sent.order)
    assert result.disturbed_ns.shape == (1, 2)
    assert result.samples_ns.flags.writeable
    assert replace(result, samples_ns=sent.samples_ns, order=sent.order, disturbed_ns=None) == (
        replace(sent, disturbed_ns=None)
    )
    assert arrived(RoundResult, replace(sent, disturbed_ns=None)).disturbed_ns is None


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 3), np.float32),
        np.array(7, np.uint8),
        np.array([True, False]),
        np.arange(6, dtype=">i4").reshape(2, 3).T,
        np.array([1.5], np.float16),
    ],
)
def test_arrays_of_numbers_arrive(array: NDArray[Any]) -> None:
    result = arrived(np.ndarray, array)

    np.testing.assert_array_equal(result, array)
    assert (result.shape, result.dtype) == (array.shape, array.dtype.newbyteorder("="))


def test_only_the_content_that_is_referred_to_is_in_the_frame() -> None:
    data, content = pack_value({"a": np.arange(2, dtype=np.int16), "b": [b"xy", 1.5]})

    assert content == b"\0\0\1\0xy"
    assert data == {"a": {"$array": ["int16", [2], 0]}, "b": [{"$bytes": [4, 2]}, 1.5]}


@pytest.mark.parametrize("value", [np.array([object()]), np.array(["text"]), object()])
def test_objects_have_no_form(value: Any) -> None:
    with pytest.raises(TypeError, match="has no form"):
        pack_value(value)


@pytest.mark.parametrize(
    "reference",
    [
        {"$array": ["float64", [2], 0]},  # 16 bytes of 8
        {"$array": ["float64", [1], 1]},
        {"$array": ["float64", [1], -8]},
        {"$array": ["float64", [-1], 0]},
        {"$array": ["float64", [1 << 70], 0]},
        {"$array": ["float64", 1, 0]},
        {"$array": ["float64", [1] * 33, 0]},
        {"$array": ["float64", [1], 0.0]},
        {"$array": ["O", [1], 0]},
        {"$array": ["U2", [1], 0]},
        {"$array": ["nonsense", [1], 0]},
        {"$array": [1, [1], 0]},
        {"$array": "abc"},
        {"$array": None},
        {"$bytes": [0, 9]},
        {"$bytes": [9, 0]},
        {"$bytes": [-1, 1]},
        {"$bytes": [0, -1]},
        {"$bytes": [1, -1]},
        {"$bytes": [True, 1]},
        {"$bytes": [0, True]},
        {"$bytes": ["0", 1]},
        {"$array": ["float64", [-1, -1], 0]},
        {"$array": ["float64", ["a"], 0]},
        {"$bytes": [0]},
    ],
)
def test_references_that_the_content_does_not_have_are_refused(reference: Any) -> None:
    with pytest.raises(DeviceLostError, match="a value that cannot be read"):
        unpack_value({"x": [reference]}, b"12345678")


@pytest.mark.parametrize("around", [lambda data: [data], lambda data: {"a": data}])
def test_deep_values_are_refused(around: Callable[[Any], Any]) -> None:
    data: Any = 1
    for _ in range(63):
        data = around(data)
    assert unpack_value(data, b"") == data

    with pytest.raises(DeviceLostError, match="nested too deep"):
        unpack_value(around(data), b"")


def test_an_array_has_at_most_32_dimensions() -> None:
    assert arrived(np.ndarray, np.ones([1] * 32)).ndim == 32


def test_an_object_with_more_keys_is_no_array() -> None:
    data = {"$array": ["float64", [1], 0], "x": {"$bytes": [0, 1], "y": 1}}
    assert unpack_value(data, b"12345678") == data


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (NDArray[np.float32], np.zeros(2)),
        (NDArray[np.float64], [1.0]),
        (RoundResult, {"samples_ns": np.zeros(2), "order": np.zeros(2)}),
        (ModelCosts, {"ns_per_mac": 1, "unknown": 2}),
        (str, 5),
    ],
)
def test_values_of_other_types_are_refused(annotation: Any, value: Any) -> None:
    with pytest.raises(DeviceLostError, match=r"^the answer"):
        read_value(annotation, value, "the answer")


@dataclass(frozen=True)
class Later:
    """A type that a later version may add: no code of the codec names it."""

    watts: tuple[float, ...]
    samples: NDArray[np.float32]


def test_a_new_dataclass_needs_no_code() -> None:
    result = arrived(Later, Later((1.5, 2.0), np.ones(2, np.float32)))

    assert result.watts == (1.5, 2.0)
    assert result.samples.tolist() == [1.0, 1.0]
