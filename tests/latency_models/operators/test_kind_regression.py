"""Regressions of kinds of operators: corrections, variants, limits."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.operators.operator import Operator
from latency_models.operators.corrections import (
    Correction,
    SmoothFactor,
    TreeFactor,
    WeightedFactor,
    fit_correction,
)
from latency_models.operators.kind_regression import base_ms, fit_kind
from latency_models.operators.kind_regressions import KindRegressions
from latency_models.operators.measured import MeasuredOperator, work_matrix
from latency_models.operators.shape_features import feature_matrix, variant

Floats = np.ndarray[Any, np.dtype[np.float64]]


def convolution(
    number: int, kernel: int, channels: int, kind: str = "Conv", groups: int = 1
) -> Operator:
    """A convolution of a 16x16 map, from `channels` to as many."""
    inside = channels // groups
    macs = 256 * channels * inside * kernel**2
    shapes = f"1x{channels}x16x16, {channels}x{inside}x{kernel}x{kernel} -> 1x{channels}x16x16"
    return Operator(
        digest=f"{kind}-{number}",
        kind=kind,
        macs=macs,
        in_elements=256 * channels,
        out_elements=256 * channels,
        weight_elements=channels * inside * kernel**2,
        in_bytes=1024 * channels,
        out_bytes=1024 * channels,
        weight_bytes=4 * channels * inside * kernel**2,
        shapes=shapes,
    )


def bent(count: int = 40) -> tuple[list[Operator], Floats]:
    """Operators whose latency bends with the MACs: 1 ns a MAC, and half as much again for many."""
    operators = [convolution(number, 1, 8 + 4 * number) for number in range(count)]
    macs = np.array([each.macs for each in operators], dtype=np.float64)
    return operators, 1e-6 * macs * np.where(macs < macs[count // 2], 1.0, 1.5)


def test_similar_operators_correct_errors_of_work() -> None:
    """Costs of work alone miss the bend; what is left out is predicted within 3 %."""
    operators, ms = bent()
    regression = fit_kind(operators[::2], ms[::2])
    predicted, log_std = regression.predict(operators[1::2])
    plain = base_ms(work_matrix(operators[1::2]), regression.per_unit_ms)
    assert np.median(np.abs(plain / ms[1::2] - 1)) > 0.1
    assert np.median(np.abs(predicted / ms[1::2] - 1)) < 0.03
    assert (log_std > 0).all()


def test_of_many_operators_some_set_the_smooth_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten of 40 still follow the bend of the latency; the limits of the work are those of all."""
    monkeypatch.setattr("latency_models.operators.corrections.MOST_OPERATORS", 10)
    operators, ms = bent()
    factor = SmoothFactor.fit(operators, np.log(ms / _macs(operators)), ms)
    assert len(factor.places) == len(factor.weights) == 10
    regression = fit_kind(operators, ms)
    work = np.log2(1 + work_matrix(operators)[:, 1:])
    assert regression.least.tolist() == work.min(axis=0).tolist()
    assert regression.most.tolist() == work.max(axis=0).tolist()


def test_trees_see_kernels_of_the_same_work() -> None:
    """7x7 depthwise convolutions take five times as long for their work as those of 3x3."""
    operators = [
        convolution(number, kernel, channels, groups=channels)
        for number, (kernel, channels) in enumerate(
            (kernel, channels) for kernel in (3, 5, 7) for channels in range(16, 96, 4)
        )
    ]
    logs = np.array([np.log(5.0) if "x7x7 " in each.shapes else 0.0 for each in operators])
    trees = TreeFactor.fit(operators, logs)
    new = [convolution(99, kernel, 50, groups=50) for kernel in (3, 7)]
    assert trees.log_factors(new)[0] == pytest.approx([0, np.log(5.0)], abs=0.1)
    assert trees.left_out_error < 0.1
    assert trees.log_factors(new)[0].tolist() == (
        TreeFactor.fit(operators, logs).log_factors(new)[0].tolist()
    )


def test_few_operators_have_no_trees() -> None:
    operators, ms = bent(19)
    assert isinstance(fit_correction(operators, np.log(ms), ms), SmoothFactor)
    operators, ms = bent(20)
    assert isinstance(fit_correction(operators, np.log(ms), ms), WeightedFactor)


class Fixed:
    """A correction that is the same everywhere."""

    def __init__(self, log: float, std: float, left_out_error: float) -> None:
        self.log, self.std, self.left_out_error = log, std, left_out_error

    def log_factors(self, operators: Any) -> tuple[Floats, Floats]:
        return np.full(len(operators), self.log), np.full(len(operators), self.std)


def test_the_correction_with_the_smaller_error_counts_more() -> None:
    """Errors of 0.1 and 0.2: by fourth powers, 16 to 1."""
    parts: tuple[Correction, ...] = (Fixed(0.0, 0.1, 0.1), Fixed(1.7, 0.27, 0.2))
    logs, std = WeightedFactor(parts=parts).log_factors([convolution(0, 1, 8)])
    assert logs.tolist() == pytest.approx([1.7 / 17])
    assert std.tolist() == pytest.approx([0.1 + 0.17 / 17])


def test_the_smooth_factor_is_limited() -> None:
    """One operator in two takes 1000 times as long as its work: no other becomes as slow."""
    operators = [replace(convolution(0, 1, 8), macs=1_000_000 + number) for number in range(12)]
    ms = np.full(12, 1.0)
    ms[::2] = 1000.0
    regression = fit_kind(operators, ms)
    predicted, _ = regression.predict(operators)
    base = regression.base_ms(work_matrix(operators))
    bound = np.exp(2 * 0.6)  # two of the largest standard deviations tried
    assert (predicted <= base * bound * (1 + 1e-9)).all()
    assert (predicted >= base / bound * (1 - 1e-9)).all()
    assert np.max(predicted / base) == pytest.approx(bound)


def test_variants_of_convolutions() -> None:
    assert variant(convolution(0, 3, 8, groups=8)) == "depthwise"
    assert variant(convolution(0, 1, 8)) == "pointwise"
    assert variant(convolution(0, 3, 8)) == ""
    assert variant(convolution(0, 3, 8, kind="Add")) == ""
    filters = "1x16x16x8, 4x1x1x8 -> 1x16x16x4"
    assert variant(replace(convolution(0, 1, 8, "CONV_2D"), shapes=filters)) == "pointwise"
    filters = "1x16x16x8, 4x1x3x8 -> 1x16x16x4"
    assert variant(replace(convolution(0, 1, 8, "CONV_2D"), shapes=filters)) == ""


def test_a_variant_with_enough_measurements_is_estimated_by_itself() -> None:
    """Pointwise convolutions take 1 ns a MAC, 3x3 ones 3 ns: no error is made for either."""
    operators = [
        convolution(number, (1, 3)[number % 2], 8 * (1 + number // 2)) for number in range(12)
    ]
    costs_ms = _macs(operators) * np.array([1e-6, 3e-6] * 6)
    measured = [MeasuredOperator(operator=each, warm_ms=1.0, cold_ms=1.0) for each in operators]
    new = [convolution(98, 1, 20), convolution(99, 3, 20)]
    estimates = KindRegressions(measured, costs_ms).estimate(new)
    expected = _macs(new) * np.array([1e-6, 3e-6])
    assert [estimates[each.digest][0] for each in new] == pytest.approx(expected, rel=0.02)


def test_features_are_doublings_of_work_and_sizes() -> None:
    row = feature_matrix([convolution(0, 3, 8)])[0]
    assert row[0] == pytest.approx(np.log2(1 + 256 * 64 * 9))
    assert row[4:8].tolist() == pytest.approx(np.log2([2, 9, 17, 17]))
    assert len(row) == 18
    assert row[16] == pytest.approx(row[0] - row[2])


def _macs(operators: list[Operator]) -> Floats:
    return np.array([each.macs for each in operators], dtype=np.float64)
