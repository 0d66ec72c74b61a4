"""Limits: costs of codes, and latencies with a margin for their uncertainty."""

from dataclasses import replace

import numpy as np
import pytest

from bench.blocks.activation_memory import peak_values
from bench.blocks.weight_bytes import weight_bytes
from bench.errors import InputError
from bench.protocol.target import Target
from latency_models.drift.margin import Margin
from latency_models.networks.network_calibration import CalibrationChoice, NetworkCalibration
from latency_models.predictors.margins import margin_of
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.regression.features import PHYSICAL
from latency_models.regression.regression import Regression
from supernet.constraints.constraints import (
    Constraint,
    latency,
    macs,
    model_size,
    params,
    peak_memory,
    without_extrapolation,
)
from supernet.space.space import SearchSpace

SPACE = SearchSpace.load("tiny")
CODES = SPACE.sample_codes(np.random.default_rng(0), 30)
NETWORKS = [SPACE.blocks(arch) for arch in SPACE.decode(CODES)]


def predictor(spread: float, networks: int | None, *, known: bool = True) -> LatencyPredictor:
    """Every block takes 1 ms; the spread of networks is relative."""
    chosen = None
    if networks is not None:
        chosen = CalibrationChoice(form="sum", networks=networks, errors=(("sum", 0.0),))
    model = Regression(coefficients=np.linspace(0.01, 0.02, len(PHYSICAL)), spread=0.2)
    return LatencyPredictor(
        target=Target(device="box", backend="onnx", backend_version="1"),
        provenance={},
        known=dict.fromkeys(SPACE.unique_blocks(), (1.0, 1.0)) if known else {},
        models={("*", "warm"): model, ("*", "cold"): model},
        composition=NetworkCalibration(spread=spread),
        composition_choice=chosen,
    )


def still(known: LatencyPredictor, confidence: float, session_spread: float = 0.0) -> Margin:
    """A margin without scatter, and without any drift but the given one."""
    return margin_of(known, confidence, horizon_s=3600, session_spread=session_spread)


def test_costs_of_a_code_are_the_sums_over_its_blocks() -> None:
    choices = SPACE.choices

    assert macs(choices)(CODES).tolist() == [sum(b.macs for b in net) for net in NETWORKS]
    assert params(choices)(CODES).tolist() == [sum(b.params for b in net) for net in NETWORKS]
    for precision in ("fp32", "fp16", "int8"):
        sizes = [sum(weight_bytes(b, precision) for b in net) for net in NETWORKS]
        assert model_size(choices, precision)(CODES).tolist() == sizes
    peaks = [max(peak_values(b) for b in net) for net in NETWORKS]
    assert peak_memory(choices)(CODES).tolist() == [4.0 * peak for peak in peaks]
    assert peak_memory(choices, bytes_per_value=1)(CODES).tolist() == peaks


def test_an_unknown_precision_is_refused_before_any_code() -> None:
    with pytest.raises(InputError, match="int4"):
        model_size(SPACE.choices, "int4")


@pytest.mark.parametrize("cost", [peak_memory, model_size, macs])
def test_a_code_outside_the_space_has_no_cost(cost: object) -> None:
    code = CODES[:1].copy()
    code[0, -1] = 99

    with pytest.raises(InputError, match="no network"):
        cost(SPACE.choices)(code)  # type: ignore[operator]


def test_without_confidence_costs_are_the_prediction() -> None:
    limit = latency(SPACE, predictor(0.1, 21), max_ms=20)

    assert limit.costs(CODES).tolist() == [float(len(net)) for net in NETWORKS]
    assert (limit.predicted, limit.confidence) == (None, None)


@pytest.mark.parametrize(
    ("networks", "confidence", "quantile"),
    [
        (21, 0.95, 1.724718),  # Student's t, 20 degrees of freedom, from printed tables
        (6, 0.99, 3.364930),  # 5 degrees of freedom
        (1, 0.95, 6.313752),  # never fewer than one
        (None, 0.95, 1.644854),  # the normal's
        (21, 0.5, 0.0),
    ],
)
def test_a_bound_is_the_prediction_and_a_quantile_of_its_spread(
    networks: int | None, confidence: float, quantile: float
) -> None:
    limit = latency(
        SPACE, predictor(0.1, networks), 20, still(predictor(0.1, networks), confidence)
    )

    blocks = np.array([float(len(net)) for net in NETWORKS])
    np.testing.assert_allclose(limit.costs(CODES), blocks * np.exp(0.1 * quantile), rtol=1e-4)
    assert limit.predicted is not None
    assert limit.predicted(CODES).tolist() == blocks.tolist()
    assert limit.confidence == confidence


def test_drift_between_sessions_widens_a_bound() -> None:
    known = predictor(0.03, 21)

    limit = latency(SPACE, known, 20, still(known, 0.95, 0.04 * 1.724718 / 1.644854))

    blocks = np.array([float(len(net)) for net in NETWORKS])
    expected = blocks * np.exp(1.724718 * 0.05)  # 3, 4 and 5 make a right angle
    np.testing.assert_allclose(limit.costs(CODES), expected, rtol=1e-4)
    assert limit.predicted is not None
    assert limit.predicted(CODES).tolist() == blocks.tolist()


def test_a_bound_includes_the_uncertainty_of_blocks() -> None:
    """Blocks that were never measured have a spread of their own beside the networks'."""
    guessing = predictor(0.03, 21, known=False)

    limit = latency(SPACE, guessing, 20, still(guessing, 0.95))

    predictions = [guessing.predict(net) for net in NETWORKS]
    expected = [
        prediction.ms * np.exp(1.724718 * prediction.std_ms / prediction.ms)
        for prediction in predictions
    ]
    assert predictions[0].std_ms > 0.031 * predictions[0].ms
    np.testing.assert_allclose(limit.costs(CODES), expected, rtol=1e-4)


def test_a_predictor_without_spread_supports_no_confidence() -> None:
    with pytest.raises(InputError, match=r"fit it with `ofabench fit --networks`"):
        still(predictor(0.0, None), 0.95)


@pytest.mark.parametrize("confidence", [0.49, 1.0, float("nan"), -1.0])
def test_an_invalid_confidence_is_refused(confidence: float) -> None:
    with pytest.raises(InputError, match=r"at least 0.5 and below 1"):
        still(predictor(0.1, 21), confidence)


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan"), float("inf")])
def test_an_invalid_limit_is_refused_with_its_unit(limit: float) -> None:
    with pytest.raises(
        InputError, match=r"the limit on macs is .*, expected a number above 0 \(M\)"
    ):
        Constraint(name="macs", costs=macs(SPACE.choices), limit=limit, unit="M")


def test_the_excess_is_the_share_of_the_limit_above_it() -> None:
    limit = Constraint(name="macs", costs=macs(SPACE.choices), limit=0.5, unit="M")

    assert limit.excess(np.array([0.0, 0.25, 0.5, 0.6, 1.5])).tolist() == pytest.approx(
        [0, 0, 0, 0.2, 2]
    )


def knowing(*others: int) -> LatencyPredictor:
    """A predictor that knows 4 blocks of the space, at other sizes, and blocks of another one."""
    own = sorted(SPACE.unique_blocks(), key=lambda block: block.key)
    shapes = list({replace(block, in_size=1): block for block in own}.values())[:4]
    known = [replace(block, in_size=99) for block in shapes]
    known += [replace(shapes[0], in_size=99, in_channels=1000 + other) for other in others]
    return replace(predictor(0.1, 21), known=dict.fromkeys(known, (1.0, 1.0)))


def test_a_predictor_of_another_space_is_refused_by_the_blocks_that_it_knows() -> None:
    latency(SPACE, knowing(), max_ms=20)
    latency(SPACE, knowing(1, 2, 3, 4), max_ms=20)  # half of eight are the space's

    with pytest.raises(InputError, match="knows 9 blocks, of which the space tiny has 4"):
        latency(SPACE, knowing(1, 2, 3, 4, 5), max_ms=20)


def test_networks_with_an_extrapolated_block_exceed_the_limit() -> None:
    used = {block for net in NETWORKS for block in net if block.kernel == 7}
    known = {block: (1.0, 1.0) for block in SPACE.unique_blocks() if block.kernel != 7}

    limit = without_extrapolation(SPACE, replace(predictor(0.1, 21), known=known))

    assert used
    assert limit is not None
    counts = [float(sum(block.kernel == 7 for block in net)) for net in NETWORKS]
    assert limit.costs(CODES).tolist() == counts
    assert (limit.excess(limit.costs(CODES)) > 0).tolist() == [count > 0 for count in counts]
    assert "--allow-extrapolated" in limit.hint
    assert without_extrapolation(SPACE, predictor(0.1, 21)) is None


def test_networks_without_a_spread_that_were_measured_keep_a_confidence() -> None:
    limit = latency(SPACE, predictor(0.0, 21), 20, still(predictor(0.0, 21), 0.95))

    np.testing.assert_allclose(limit.costs(CODES), [float(len(net)) for net in NETWORKS], rtol=1e-7)
