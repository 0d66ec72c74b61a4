"""The choice of a graph's form, on a device whose times are given."""

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
import pytest

from bench.blocks.spec import BlockSpec
from bench.protocol.backend import Backend
from bench.protocol.device import ReplicatePlan, RoundResult, Workload
from bench.protocol.target import Target
from bench.protocol.workload_model import workload_model
from bench.sweep.form_choice import FormComparison, choose_form, compare_int8
from tests.support.tflite_files import operators_of

SWISH = BlockSpec(
    kind="mbconv", in_size=8, in_channels=8, out_channels=8, mid_channels=16, kernel=7, act="hswish"
)
RECTIFIED = BlockSpec(
    kind="mbconv", in_size=8, in_channels=8, out_channels=8, mid_channels=16, kernel=3, act="relu"
)


class GivenTimes:
    """A device on which an operator of a TFLite file takes the given time in us, others 10."""

    def __init__(self, **times_us: float) -> None:
        self._times_us = times_us
        self.measured: list[list[str]] = []

    def run_replicate(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: ReplicatePlan
    ) -> Generator[RoundResult]:
        times_ns = []
        for workload in work:
            content = backend.serialise(workload_model(workload), target.batch, target.precision)
            operators = operators_of(content)
            times_ns.append(1000.0 * sum(self._times_us.get(name, 10) for name in operators))
            self.measured.append(operators)
        column = np.array(times_ns)[:, None]
        cold = 5 * column
        for _ in range(plan.rounds):
            yield RoundResult(
                samples_ns=np.hstack([cold, column, column]), order=np.arange(len(work))
            )


def chosen(blocks: list[BlockSpec], precision: str = "fp32", **times_us: float) -> Any:
    target = Target(device="d", backend="tflite", backend_version="1", precision=precision)
    device: Any = GivenTimes(**times_us)
    return choose_form(device, "tflite", target, blocks)


def test_the_faster_form_is_chosen_for_each_choice_by_itself() -> None:
    form, comparisons = chosen([SWISH, RECTIFIED], HARD_SWISH=100.0, DEQUANTIZE=30.0)

    # expand and depthwise: 2 h-swish of 100 us against 2 times 3 operators of 10 us, beside
    # 3 convolutions: 90 / 230; the split adds 2 convolutions and 2 sums: 130 / 90; float16
    # weights add 3 conversions to 90 us of the one block and to 30 us of the other: 300 / 120.
    assert form.options() == (("hswish", "decomposed"),)
    assert [round(comparison.ratio, 3) for comparison in comparisons] == [0.391, 1.444, 2.5]
    assert str(comparisons[0]) == (
        "form hswish=decomposed: 0.39 times the time of operator on 1 blocks (0.39 to 0.39), chosen"
    )


@pytest.mark.parametrize(
    ("form", "ratio", "chosen"),
    [("hswish", 0.979, True), ("hswish", 0.98, False), ("weights", 0.96, False),
     ("weights", 0.949, True)],
)  # fmt: skip
def test_weights_are_rounded_for_a_larger_gain_only(form: str, ratio: float, chosen: bool) -> None:
    comparison = FormComparison(
        form=form, value="a", plain="b", ratio=ratio, smallest=ratio, largest=ratio, blocks=1
    )

    assert comparison.is_chosen is chosen


def test_int8_is_compared_with_float16_weights_too() -> None:
    target = Target(device="d", backend="tflite", backend_version="1", precision="fp32")
    device: Any = GivenTimes(DEQUANTIZE=30.0)

    compared = compare_int8(device, "tflite", target.with_options(weights="float16"), [RECTIFIED])

    assert compared.ratio == 0.25  # 3 convolutions and 3 conversions of weights: 30 / 120 us


def test_a_form_that_no_block_has_is_not_measured() -> None:
    form, comparisons = chosen([RECTIFIED], "int8")

    assert (form.options(), comparisons) == ((), [])


def test_int8_is_compared_with_float32_in_the_forms_of_the_target() -> None:
    target = Target(device="d", backend="tflite", backend_version="1", precision="int8")
    device: Any = GivenTimes(HARD_SWISH=100.0)
    compared = compare_int8(device, "tflite", target.with_options(depthwise7="split"), [SWISH])

    # The same operators in both precisions: int8 blocks take and give int8.
    assert (compared.plain, compared.value, compared.ratio) == ("fp32", "int8", 1.0)
    assert device.measured[0].count("DEPTHWISE_CONV_2D") == 3


@pytest.mark.parametrize(("precision", "names"), [("fp32", ["weights"]), ("int8", ["stem"])])
def test_the_stem_has_a_choice_in_int8_and_weights_in_float32(
    precision: str, names: list[str]
) -> None:
    stem = BlockSpec(
        kind="stem", in_size=8, in_channels=3, out_channels=8, kernel=3, stride=2, act="relu"
    )

    _, comparisons = chosen([stem], precision)

    assert [comparison.form for comparison in comparisons] == names
