"""`verify` on the fake machine, with durations computed by hand."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.backends.fake import FakeBackend, FakeModel
from bench.blocks.model import random_model
from bench.blocks.spec import BlockSpec
from bench.devices.fake import NO_FLAWS, FakeDevice, SimulatedDisturbances
from bench.drift.log import Anchor, AnchorSession, DriftLog
from bench.errors import DeviceError, FileError, InputError, TargetMismatchError
from bench.protocol.backend import LoadedModel
from bench.protocol.device import Workload
from bench.protocol.target import Target
from bench.sweep.store import SweepStore
from bench.timing.measurement import Measurement
from bench.timing.plan import SweepPlan
from bench.timing.session_drift import SessionDrift, drift_by_references
from latency_models.predictors.predictor import LatencyPredictor
from supernet.space.space import SearchSpace
from supernet.verification.drift import drift_since_sweep, references_ms
from supernet.verification.verdicts import Expected, Verification, verify
from supernet.verification.verify import (
    FileBackend,
    MeasuringSetup,
    measure_file,
)

TINY = SearchSpace.load("tiny")
BLOCKS = TINY.blocks(TINY.smallest())
TARGET = Target(device="fake", backend="fake", backend_version="1")
ANCHOR_ARCHS = TINY.sample(np.random.default_rng(1), 5)
CONTENT = FakeBackend().serialise(random_model(BLOCKS))
PLAN = SweepPlan(replicates=3, rounds=2, samples=2)


def bench(flaws: SimulatedDisturbances = NO_FLAWS, **other: object) -> MeasuringSetup:
    return MeasuringSetup(
        device=FakeDevice(flaws=flaws, busy_with=str(other.get("busy_with", ""))),
        backend=FakeBackend(),
        target=TARGET,
        plan=PLAN,
        forced=bool(other.get("forced", False)),
    )


def costs_ms(blocks: tuple[BlockSpec, ...]) -> float:
    """Return the warm latency of a network on the fake machine."""
    return FakeModel(random_model(blocks), TARGET).cost_ns / 1e6


def anchors() -> tuple[Anchor, ...]:
    return tuple(
        Anchor(blocks=TINY.blocks(arch), label=f"anchor {n}", ms=costs_ms(TINY.blocks(arch)))
        for n, arch in enumerate(ANCHOR_ARCHS)
    )


@lru_cache
def measured() -> tuple[Measurement, ...]:
    return tuple(measure_file(CONTENT, BLOCKS, replace(bench(), anchors=anchors())))


def exact_ms() -> float:
    return costs_ms(BLOCKS)


def predictor(then: Mapping[BlockSpec, float] | None = None, **provenance: Any) -> LatencyPredictor:
    """Return a predictor of the blocks of `then`: their warm latency in ms, and twice that cold."""
    known = {spec: (ms, 2 * ms) for spec, ms in (then or {}).items()}
    return LatencyPredictor(target=TARGET, provenance=provenance, known=known, models={})


def anchored(**provenance: Any) -> LatencyPredictor:
    """Return a predictor without blocks, with the anchor networks in its drift log."""
    session = AnchorSession(started_at="2026-01-01T00:00", ms=tuple(a.ms for a in anchors()))
    log = DriftLog(anchors=anchors(), sessions=(session,))
    return predictor(**provenance, drift=log.to_json())


def slower(factor: float, **by_name: float) -> list[Measurement]:
    """Return the measurements with drift; roles and single anchors may have other factors."""

    def of(workload: Workload) -> float:
        return by_name.get(workload.label.replace(" ", "_"), by_name.get(workload.role, factor))

    return [
        replace(measurement, samples_ns=measurement.samples_ns * of(measurement.workload))
        for measurement in measured()
    ]


def blocks_ms() -> dict[BlockSpec, float]:
    return {
        measurement.workload.blocks[0]: measurement.median_ms
        for measurement in measured()
        if measurement.workload.role == "block"
    }


def test_a_quiet_machine_measures_the_exact_latency() -> None:
    measurements = measured()

    expected = Expected(predicted_ms=exact_ms(), limit_ms=1.01 * exact_ms())
    verification = verify(measurements, expected, blocks=BLOCKS)

    # One call's reading of the fake clock is rounded to a ns.
    assert verification.measured.ms == pytest.approx(exact_ms(), rel=1e-4)
    assert verification.measured.low_ms == pytest.approx(verification.measured.high_ms, rel=1e-4)
    assert (verification.drift, verification.drift_corrected) == (None, None)
    assert (verification.prediction_within_tolerance, verification.limit_met) == (True, True)
    roles = [measurement.workload.role for measurement in measurements]
    assert roles.count("network") == 1 + 5
    assert roles.count("reference") == 2
    assert roles.count("block") == len(set(BLOCKS))


def test_the_measured_latency_is_raw_and_drift_corrected_is_separate() -> None:
    measurements = slower(1.5)
    drift = drift_since_sweep(measurements, anchored())
    expected = Expected(predicted_ms=exact_ms(), limit_ms=1.2 * exact_ms())

    verification = verify(measurements, expected, drift, BLOCKS)

    assert drift is not None
    assert (drift.source, drift.workloads, drift.weak) == ("anchor networks", 5, False)
    assert drift.ratio == pytest.approx(1.5, rel=1e-4)
    assert verification.drift_corrected is not None
    assert verification.measured.ms == pytest.approx(1.5 * exact_ms(), rel=1e-4)
    assert verification.drift_corrected.ms == pytest.approx(exact_ms(), rel=1e-4)
    verdicts = [(figure.within_tolerance, figure.limit_met)
                for figure in (verification.measured, verification.drift_corrected)]  # fmt: skip
    assert verdicts == [(False, False), (True, True)]
    # The prediction is judged corrected, the limit as a user will have it.
    assert (
        verification.prediction_within_tolerance,
        verification.limit_met,
        verification.failed,
    ) == (True, False, True)


def test_drift_within_the_session_remains_in_the_raw_latency() -> None:
    """Of three replicates two ran at twice the time: raw says so, the corrected one does not.

    All is 10 % slower than in the sweep beside that.
    """
    factors = np.array([1.0, 2.0, 2.0])[:, None, None]
    measurements = [
        replace(
            measurement,
            samples_ns=measurement.samples_ns * factors,
            drift=measurement.drift * factors[:, :, 0],
        )
        for measurement in slower(1.1)
    ]
    drift = drift_since_sweep(measurements, anchored())

    verification = verify(measurements, Expected(predicted_ms=exact_ms()), drift, BLOCKS)

    assert verification.measured.ms == pytest.approx(2.2 * exact_ms(), rel=1e-4)
    assert verification.drift_corrected is not None
    assert verification.drift_corrected.ms == pytest.approx(exact_ms(), rel=1e-4)


def test_a_single_outlying_anchor_does_not_change_the_drift() -> None:
    """Four are 10 % slower, one twice as slow: the middle half of them agrees."""
    drift = drift_since_sweep(slower(1.1, anchor_2=2.0), anchored())

    assert drift is not None
    assert drift.ratio == pytest.approx(1.1, rel=1e-4)
    assert drift.disagreement == pytest.approx(0.0, abs=1e-3)
    assert drift.applied


def test_anchors_that_disagree_by_more_than_the_drift_are_not_applied() -> None:
    """The median is +3 %; the middle half reaches from -5 % to +8 %, 13.7 % apart."""
    factors = {"anchor_0": 0.9, "anchor_1": 0.95, "anchor_3": 1.08, "anchor_4": 1.2}
    measurements = slower(1.03, **factors)

    drift = drift_since_sweep(measurements, anchored())
    verification = verify(measurements, Expected(predicted_ms=exact_ms()), drift, BLOCKS)

    assert drift is not None
    assert drift.ratio == pytest.approx(1.03, rel=1e-4)
    assert drift.disagreement == pytest.approx(1.08 / 0.95 - 1, rel=1e-3)
    assert not drift.applied
    assert verification.drift_corrected is None


def test_drift_is_relative_to_the_mean_over_sessions() -> None:
    drift = drift_since_sweep(slower(1.5), anchored(drift_mean=1.2))

    assert drift is not None
    assert drift.ratio == pytest.approx(1.25, rel=1e-4)


def test_the_verified_network_is_not_used_as_its_own_anchor() -> None:
    judged = anchors()[2].blocks

    drift = drift_since_sweep(slower(1.1, anchor_2=2.0), anchored(), judged)

    assert drift is not None
    assert drift.workloads == 4
    measurements = measure_file(CONTENT, judged, replace(bench(), anchors=anchors()))
    assert [measurement.workload.role for measurement in measurements].count("network") == 5


def test_anchor_networks_that_do_not_run_are_omitted_and_two_are_too_few() -> None:
    def without(*labels: str) -> list[Measurement]:
        return [
            measurement for measurement in slower(1.5) if measurement.workload.label not in labels
        ]

    three = drift_since_sweep(without("anchor 0", "anchor 1"), anchored())

    assert three is not None
    assert three.workloads == 3
    assert drift_since_sweep(without("anchor 0", "anchor 1", "anchor 2"), anchored()) is None


def test_reference_workloads_are_used_only_without_anchors_and_are_weak() -> None:
    then = references_ms(measured())
    measurements = slower(1.5, reference=1.8)

    by_references = drift_since_sweep(measurements, predictor(references=then))
    by_anchors = drift_since_sweep(measurements, anchored(references=then))

    assert by_references is not None
    assert by_anchors is not None
    assert (by_references.source, by_references.weak) == ("reference workloads", True)
    assert by_references.ratio == pytest.approx(1.8, rel=1e-6)
    assert by_anchors.source == "anchor networks"
    assert by_anchors.ratio == pytest.approx(1.5, rel=1e-4)
    assert drift_since_sweep(measurements, predictor()) is None


@pytest.mark.parametrize(("blocks", "applied"), [(1.7, True), (1.1, True), (0.9, False)])
def test_blocks_beside_the_network_veto_references_and_never_correct(
    blocks: float, applied: bool
) -> None:
    """At +80 % by references, blocks at -10 % are 100 % away; those at +10 % only 63.6 %."""
    then = references_ms(measured())

    drift = drift_since_sweep(
        slower(1.5, reference=1.8, block=blocks), predictor(blocks_ms(), references=then)
    )

    assert drift is not None
    assert drift.ratio == pytest.approx(1.8, rel=1e-6)
    assert drift.estimates["blocks beside it"] == pytest.approx(blocks, rel=1e-6)
    assert drift.applied is applied


def test_cold_blocks_are_compared_with_cold_ones() -> None:
    cold = replace(TARGET, options=(("cache", "cold"),))
    measurements = [replace(measurement, target=cold) for measurement in measured()]
    then = {
        measurement.workload.blocks[0]: measurement.cold_ms / 2 for measurement in measured()
        if measurement.workload.role == "block"
    }  # fmt: skip

    drift = drift_since_sweep(measurements, predictor(then, references=references_ms(measurements)))

    assert drift is not None
    assert drift.estimates["blocks beside it"] == pytest.approx(1.0, rel=1e-6)


def test_estimates_that_disagree_are_not_applied() -> None:
    """References at +40 % and +20 % differ by 16.7 %, less than +29.6 %; at -10 % by 55.6 %."""
    agree = drift_by_references({"a": 1.4, "b": 2.4}, {"a": 1.0, "b": 2.0})
    apart = drift_by_references({"a": 1.4, "b": 1.8}, {"a": 1.0, "b": 2.0})
    assert agree is not None
    assert apart is not None

    corrected = verify(measured(), Expected(predicted_ms=1.0), agree, BLOCKS)
    raw = verify(measured(), Expected(predicted_ms=1.0), apart, BLOCKS)

    assert corrected.drift_corrected is not None
    assert raw.drift_corrected is None
    assert raw.to_json()["drift"]["applied"] is False


@pytest.mark.parametrize(
    ("ms", "within", "met"),
    [(2.15, True, True), (2.25, False, False), (1.75, False, True), (2.2, True, True)],
)
def test_a_latency_is_compared_with_prediction_and_limit(
    ms: float, within: bool, met: bool
) -> None:
    figure = Expected(predicted_ms=2.0, limit_ms=2.2, tolerance=0.11).compare(ms, (ms, ms))

    assert (figure.within_tolerance, figure.limit_met) == (within, met)
    assert figure.error == pytest.approx(ms / 2 - 1)


def test_there_is_no_verdict_without_prediction_or_limit() -> None:
    verification = verify(measured(), Expected(), blocks=BLOCKS)

    assert (
        verification.prediction_within_tolerance,
        verification.limit_met,
        verification.failed,
    ) == (None, None, False)


def test_a_verification_round_trips_through_json() -> None:
    drift = drift_since_sweep(slower(1.5), anchored())
    expected = Expected(predicted_ms=1.0, limit_ms=2.0, statistic="p90")
    verification = verify(slower(1.5), expected, drift, BLOCKS)

    data = json.loads(json.dumps(verification.to_json()))

    assert Verification.from_json(data) == verification
    damaged: list[dict[str, Any]] = [
        {"tolerance": 0}, {"limit_ms": float("nan")}, {"measured": {}}, {"tail": {}},
    ]  # fmt: skip
    for changed in damaged:
        with pytest.raises((KeyError, ValueError)):
            Verification.from_json(data | changed)


def test_a_verification_of_an_older_ofabench_is_read() -> None:
    data = verify(measured(), Expected(predicted_ms=1.0), blocks=BLOCKS).to_json()
    for name in ("statistic", "median_ms", "tail"):
        del data[name]

    verification = Verification.from_json(data)

    assert (verification.expected.statistic, verification.median_ms, verification.tail) == (
        "median",
        None,
        None,
    )


def test_the_statistic_p90_is_compared_with_prediction_and_limit() -> None:
    """Warm bursts of 1 and 2 ms in each replicate, at half the usual speed; anchors 25 % slower."""
    samples = np.array([[[9.0, 1.0], [9.0, 2.0]]] * 3) * 1e6
    network = replace(
        next(measurement for measurement in measured() if measurement.workload.blocks == BLOCKS),
        samples_ns=samples,
        drift=np.full((3, 2), 2.0),
        disturbed_ns=(np.array([[9.0, 8.0]]) * 1e6, np.empty((0, 2)), np.empty((0, 2))),
    )
    drift = SessionDrift(source="a", workloads=3, ratio=1.25, estimates={"a": 1.25})
    expected = Expected(predicted_ms=2.0, limit_ms=2.0, statistic="p90")

    verification = verify([network], expected, drift, BLOCKS)
    by_median = verify([network], replace(expected, statistic="median"), drift, BLOCKS)

    # Of 1, 1, 1, 2, 2, 2, 8 the 90th percentile is 5.4 steps from the first: 2 + 0.4 * 6.
    assert verification.measured.ms == pytest.approx(4.4)
    assert verification.limit_met is False
    assert verification.drift_corrected is not None
    assert verification.drift_corrected.ms == pytest.approx(4.4 / 2 / 1.25)
    assert verification.drift_corrected.within_tolerance is False
    assert verification.median_ms == by_median.measured.ms == pytest.approx(1.5)
    assert by_median.limit_met is True
    assert by_median.tail == verification.tail


class WatchedBackend(FakeBackend):
    """Backend that records the contents it loads."""

    def __init__(self) -> None:
        self.files: list[bytes] = []

    def load_file(self, content: bytes, target: Target, *, seed: int = 0) -> FakeModel:
        self.files.append(content)
        return super().load_file(content, target, seed=seed)


def test_the_file_is_loaded_only_for_its_own_network() -> None:
    inner = WatchedBackend()
    backend = FileBackend(inner, BLOCKS, CONTENT)

    whole: LoadedModel = backend.load(random_model(BLOCKS), TARGET)
    backend.load(random_model(BLOCKS[:1]), TARGET)

    assert inner.files == [CONTENT]
    assert isinstance(whole, FakeModel)
    assert whole.model.blocks == BLOCKS


def test_a_network_is_measured_from_its_file() -> None:
    """A file with twice the network's work takes its own time, not that of the blocks named."""
    other = TINY.blocks(TINY.largest())
    content = FakeBackend().serialise(random_model(other))

    verification = verify(measure_file(content, BLOCKS, bench()), Expected(predicted_ms=exact_ms()))

    cost_ns = FakeModel(random_model(other), TARGET).cost_ns
    assert verification.measured.ms == pytest.approx(cost_ns / 1e6, rel=1e-3)
    assert verification.failed


def test_company_blocks_are_measured_with_the_network() -> None:
    company = TINY.unique_blocks((24,))[:5]

    measurements = measure_file(CONTENT, BLOCKS, replace(bench(), company=company))

    blocks = {
        measurement.workload.blocks[0]
        for measurement in measurements
        if measurement.workload.role == "block"
    }
    assert blocks == {*BLOCKS, *company}
    assert not verify(measurements, Expected(predicted_ms=exact_ms())).failed


def test_samples_are_stored_in_the_requested_file(tmp_path: Path) -> None:
    path = tmp_path / "verify.sqlite"

    measurements = measure_file(CONTENT, BLOCKS, bench(), keep=path)

    with SweepStore.open(path) as store:
        stored_ms = {
            measurement.workload.key: measurement.median_ms for measurement in store.measurements()
        }
    assert stored_ms == {
        measurement.workload.key: measurement.median_ms for measurement in measurements
    }


def test_a_file_of_samples_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "verify.sqlite"
    path.write_text("mine")

    with pytest.raises(FileError):
        measure_file(CONTENT, BLOCKS, bench(), keep=path)

    assert path.read_text() == "mine"


def test_a_busy_device_is_refused_unless_forced() -> None:
    with pytest.raises(DeviceError, match="busy: a game"):
        measure_file(CONTENT, BLOCKS, bench(busy_with="a game"))

    assert measure_file(CONTENT, BLOCKS, bench(busy_with="a game", forced=True))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"device": "epyc"}, "the device is fake, the predictor's epyc"),
        ({"backend": "onnx"}, "the backend is fake, the predictor's onnx"),
        ({"backend_version": "0.9"}, "its version is 1, the predictor's 0.9"),
    ],
)
def test_another_target_is_refused(changes: dict[str, str], message: str) -> None:
    target = replace(TARGET, **changes)  # type: ignore[arg-type]
    other = MeasuringSetup(device=FakeDevice(), backend=FakeBackend(), target=target, plan=PLAN)

    with pytest.raises(TargetMismatchError, match=message):
        measure_file(CONTENT, BLOCKS, other)


def test_measurements_without_exactly_one_network_are_refused() -> None:
    measurements = measured()
    blocks = [measurement for measurement in measurements if measurement.workload.role != "network"]

    with pytest.raises(DeviceError, match="measured 0 networks"):
        verify(blocks, Expected(predicted_ms=1.0))
    with pytest.raises(DeviceError, match="measured 6 networks"):
        verify(measurements, Expected(predicted_ms=1.0))
    for wrong in (float("nan"), 0.0):
        with pytest.raises(InputError, match="predicted latency"):
            verify(measurements, Expected(predicted_ms=wrong))


def test_noise_of_a_real_machine_is_within_the_interval() -> None:
    flaws = SimulatedDisturbances(noise=0.02, layout=0.01, level=0.03, stumbles=0.001)

    verification = verify(
        measure_file(CONTENT, BLOCKS, bench(flaws)), Expected(predicted_ms=exact_ms())
    )

    assert verification.measured.low_ms <= verification.measured.ms <= verification.measured.high_ms
    assert not verification.failed
