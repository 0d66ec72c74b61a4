"""`OperatorPredictor`: sums of operators, guesses of others, what is named, files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import FileError, InputError
from bench.operators.operator import Operator
from bench.protocol.target import Target
from latency_models.operators.calibration import LEAST_STD, UNCALIBRATED_STD
from latency_models.operators.kind_regression import (
    LARGEST_RATIO,
    LARGEST_STD,
    fit_kind,
)
from latency_models.operators.measured import (
    MeasuredModel,
    MeasuredOperator,
    ModelOperators,
    work_matrix,
)
from latency_models.operators.predictor import OperatorPredictor

TARGET = Target(device="here", backend="onnx", backend_version="1")


def operator(number: int, kind: str = "Conv", macs: int = 1000, size: int = 100) -> Operator:
    return Operator(
        digest=f"{kind}-{number}",
        kind=kind,
        macs=macs,
        in_elements=size,
        out_elements=size,
        weight_elements=0,
        in_bytes=4 * size,
        out_bytes=4 * size,
        weight_bytes=0,
        shapes="",
    )


def measured(each: Operator, warm_ms: float, cold_ms: float) -> MeasuredOperator:
    return MeasuredOperator(operator=each, warm_ms=warm_ms, cold_ms=cold_ms)


def model(ms: float, **counts: int) -> MeasuredModel:
    named = {name.replace("_", "-"): count for name, count in counts.items()}
    return MeasuredModel(name="m", digest=f"d{ms}", ms=ms, counts=named)


TWO = (measured(operator(0), 1.0, 2.0), measured(operator(1), 3.0, 5.0))


def predictor(**changes: Any) -> OperatorPredictor:
    values: dict[str, Any] = {"target": TARGET, "operators": TWO, "models": ()}
    return OperatorPredictor(**{**values, **changes})


def of(*operators: Operator, count: int = 1, **uncut: int) -> ModelOperators:
    return ModelOperators(
        operators={each.digest: each for each in operators},
        counts={each.digest: count for each in operators},
        uncut=uncut,
    )


def test_without_models_a_prediction_is_the_sum_of_warm_latencies() -> None:
    prediction = predictor().predict(of(operator(0), operator(1), count=2))
    assert prediction.ms == 2 * (1.0 + 3.0)
    assert prediction.std_ms == pytest.approx(UNCALIBRATED_STD * 8)
    assert prediction.coverage == 1
    assert [cost.total_ms for cost in prediction.costs] == [6, 2]


def test_models_calibrate_the_shares_of_warm_and_cold() -> None:
    """Models that take 0.8 of their warm and 0.2 of their cold latency give these shares."""
    models = (
        model(0.8 * 1 + 0.2 * 2, Conv_0=1),
        model(0.8 * 3 + 0.2 * 5, Conv_1=1),
        model(0.8 * 5 + 0.2 * 9, Conv_0=2, Conv_1=1),
    )
    fitted = predictor(models=models)
    calibration = fitted.calibration
    assert (calibration.warm_share, calibration.cold_share) == pytest.approx((0.8, 0.2))
    assert calibration.overhead_ms == 0  # of three models, too few for it
    assert calibration.relative_std == LEAST_STD
    assert fitted.predict(of(operator(1), count=3)).ms == pytest.approx(3 * 3.4)


def test_the_deviation_is_that_of_models_left_out() -> None:
    """Two models of one operator take 1.0 and 1.25 of it: each predicted by the other."""
    fitted = predictor(models=(model(1.0, Conv_0=1), model(1.25, Conv_0=1)), operators=TWO[:1])
    expected = np.sqrt(np.mean(np.square([1.25 - 1, 1 / 1.25 - 1])))
    assert fitted.calibration.relative_std == pytest.approx(expected)


def test_models_with_unknown_operators_do_not_calibrate() -> None:
    odd = MeasuredModel(name="m", digest="d", ms=9, counts={"Conv-0": 1}, uncut={"If": 1})
    calibration = predictor(models=(odd, model(50, Other_7=1))).calibration
    assert (calibration.warm_share, calibration.cold_share) == (1.0, 0.0)


def measured_kind(kind: str, count: int = 12) -> tuple[MeasuredOperator, ...]:
    """Operators that take 1 us and 2 ns a MAC."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(count):
        macs = int(rng.integers(1_000, 1_000_000))
        ms = 1e-3 + 2e-6 * macs
        made.append(measured(operator(number, kind, macs, macs // 50), ms, ms))
    return tuple(made)


def test_an_unmeasured_operator_is_estimated_by_its_kind() -> None:
    fitted = predictor(operators=measured_kind("Conv"))
    prediction = fitted.predict(of(operator(99, macs=300_000, size=6_000)))
    assert prediction.ms == pytest.approx(1e-3 + 2e-6 * 300_000, rel=0.05)
    assert prediction.coverage == 0
    assert prediction.rare == {}
    assert [each.digest for each in prediction.missing()] == ["Conv-99"]


def test_a_kind_that_was_hardly_measured_is_named_and_never_free() -> None:
    fitted = predictor(operators=measured_kind("Conv") + measured_kind("LSTM", 2))
    prediction = fitted.predict(of(operator(99, "LSTM", macs=500_000), operator(0, "Odd")))
    assert prediction.rare == {"LSTM": 2, "Odd": 0}
    assert all(cost.ms > 0 for cost in prediction.costs)
    assert prediction.std_ms > 0.5 * prediction.ms


def test_operators_without_a_cost_are_named() -> None:
    prediction = predictor().predict(of(operator(0), If=2))
    assert prediction.uncut == {"If": 2}
    assert prediction.to_dict()["uncut_kinds"] == {"If": 2}


def test_missing_operators_are_the_largest_until_the_share_is_covered() -> None:
    fitted = predictor(operators=measured_kind("Conv"))
    wanted = of(*(operator(90 + number, macs=10**number) for number in (4, 5, 6)))
    largest = fitted.predict(wanted)
    assert [each.digest for each in largest.missing(0.8)] == ["Conv-96"]
    assert len(largest.missing(1.0)) == 3


def test_added_operators_are_known() -> None:
    added = predictor().with_operators([measured(operator(5), 7.0, 7.0)])
    assert added.predict(of(operator(5))).coverage == 1
    assert added.predict(of(operator(5))).ms == 7


def test_a_predictor_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    first = predictor(models=(model(1.0, Conv_0=1), model(3.1, Conv_1=1)), provenance={"a": 1})
    first.save(path)
    again = OperatorPredictor.load(path)
    assert (again.operators, again.models, again.target) == (TWO, first.models, TARGET)
    wanted = of(operator(0), operator(9))
    assert again.predict(wanted) == first.predict(wanted)
    path.write_bytes(b"no parquet")
    with pytest.raises(FileError, match="not a readable parquet"):
        OperatorPredictor.load(path)


def test_a_predictor_needs_operators() -> None:
    with pytest.raises(InputError, match="needs measured operators"):
        predictor(operators=())


def test_a_lookup_costs_what_it_writes_and_not_its_table() -> None:
    """Tables of 1 KB are looked up in 2 us; one of 64 MB is 65,536 times larger."""

    def lookup(number: int, written: int, table: int) -> Operator:
        each = operator(number, "Gather", 0, written // 4)
        return replace(each, in_bytes=8, weight_bytes=table)

    kept = [
        measured(lookup(number, 128 * (number + 1), 1024), 2e-3 + 1e-6 * 128 * number, 1.0)
        for number in range(8)
    ]
    fitted = predictor(operators=(*kept, *measured_kind("Conv")))
    wanted = lookup(99, 512, 1 << 26)
    assert fitted.predict(of(wanted)).ms == pytest.approx(kept[3].warm_ms, rel=0.3)


def test_an_estimate_far_beyond_its_kind_stays_near_that_of_all_kinds() -> None:
    """Tiny operators whose time is that of their call seem to take 2 us a byte."""
    tiny = tuple(measured(operator(number, "Odd", 0, 1), 8e-3, 8e-3) for number in range(6))
    fitted = predictor(operators=(*measured_kind("Conv"), *tiny))
    large = operator(99, "Odd", macs=0, size=1_000_000)
    regressions = fit_kind([each.operator for each in fitted.operators], _warm(fitted.operators))
    alone = fit_kind([each.operator for each in tiny], _warm(tiny))
    general_ms = float(regressions.base_ms(work_matrix([large]))[0])

    ms, log_std = alone.predict_near([large], regressions)

    assert alone.predict([large])[0][0] > 2 * LARGEST_RATIO * general_ms
    assert ms[0] == pytest.approx(LARGEST_RATIO * general_ms)
    assert log_std[0] == LARGEST_STD
    assert fitted.predict(of(large)).ms == pytest.approx(ms[0])
    inside_ms, inside_std = alone.predict_near([tiny[0].operator], regressions)
    assert (inside_ms, inside_std) == alone.predict([tiny[0].operator])


def _warm(operators: tuple[MeasuredOperator, ...]) -> np.ndarray[Any, Any]:
    return np.array([each.warm_ms for each in operators])
