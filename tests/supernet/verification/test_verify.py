"""`verify` on the fake machine, whose every duration can be computed by hand."""

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
from bench.devices.fake import NO_FLAWS, FakeDevice, Flaws
from bench.errors import DeviceError, FileError, InputError, TargetMismatchError
from bench.protocol.backend import LoadedModel
from bench.protocol.target import Target
from bench.sweep.store import SweepStore
from bench.timing.measurement import Measurement
from bench.timing.plan import SweepPlan
from bench.timing.session_drift import drift_by_references
from latency_models.predictors.predictor import LatencyPredictor
from supernet.space.space import SearchSpace
from supernet.verification.verdicts import Expected, Verification, verify
from supernet.verification.verify import (
    Bench,
    FileBackend,
    drift_since_sweep,
    measure_file,
    references_ms,
)

TINY = SearchSpace.load("tiny")
BLOCKS = TINY.blocks(TINY.smallest())
TARGET = Target(device="fake", backend="fake", backend_version="1")
CONTENT = FakeBackend().serialise(random_model(BLOCKS))
PLAN = SweepPlan(loads=3, passes=2, calls=2)


def bench(flaws: Flaws = NO_FLAWS, **other: object) -> Bench:
    return Bench(
        device=FakeDevice(flaws=flaws, busy_with=str(other.get("busy_with", ""))),
        backend=FakeBackend(),
        target=TARGET,
        plan=PLAN,
        forced=bool(other.get("forced", False)),
    )


@lru_cache
def measured() -> tuple[Measurement, ...]:
    return tuple(measure_file(CONTENT, BLOCKS, bench()))


def exact_ms() -> float:
    """What the fake machine takes for the network once it is warm."""
    return FakeModel(random_model(BLOCKS), TARGET).cost_ns / 1e6


def predictor(then: Mapping[BlockSpec, float] | None = None, **provenance: Any) -> LatencyPredictor:
    """Knows each block of `then` with its warm latency in ms, and twice that cold."""
    known = {spec: (ms, 2 * ms) for spec, ms in (then or {}).items()}
    return LatencyPredictor(target=TARGET, provenance=provenance, known=known, models={})


def slower(factor: float, **by_role: float) -> list[Measurement]:
    """The measurements as of a device that drifted; blocks and references may drift apart."""
    return [
        Measurement(
            workload=one.workload,
            target=one.target,
            samples_ns=one.samples_ns * by_role.get(one.workload.role, factor),
            levels=one.levels,
        )
        for one in measured()
    ]


def blocks_ms() -> dict[BlockSpec, float]:
    return {
        one.workload.blocks[0]: one.median_ms for one in measured() if one.workload.role == "block"
    }


def test_a_quiet_machine_gives_back_what_the_network_costs() -> None:
    measurements = measured()

    found = verify(measurements, Expected(predicted_ms=exact_ms(), limit_ms=1.01 * exact_ms()))

    # One call's reading of the fake clock is rounded to a ns.
    assert found.measured.ms == pytest.approx(exact_ms(), rel=1e-4)
    assert found.measured.low_ms == pytest.approx(found.measured.high_ms, rel=1e-4)
    assert (found.drift, found.drift_corrected) == (None, None)
    assert (found.prediction_within_tolerance, found.limit_met) == (True, True)
    roles = [one.workload.role for one in measurements]
    assert roles.count("network") == 1
    assert roles.count("reference") == 2
    assert roles.count("block") == len(set(BLOCKS))


def test_measured_is_raw_and_drift_has_a_figure_of_its_own() -> None:
    measurements = slower(1.5)
    drift = drift_since_sweep(measurements, predictor(blocks_ms()))
    expected = Expected(predicted_ms=exact_ms(), limit_ms=1.2 * exact_ms())

    found = verify(measurements, expected, drift)

    assert drift is not None
    assert (drift.source, drift.workloads) == ("blocks measured beside it", len(set(BLOCKS)))
    assert drift.ratio == pytest.approx(1.5, rel=1e-6)
    assert found.drift_corrected is not None
    assert found.measured.ms == pytest.approx(1.5 * exact_ms(), rel=1e-4)
    assert found.drift_corrected.ms == pytest.approx(exact_ms(), rel=1e-4)
    verdicts = [(one.within_tolerance, one.limit_met)
                for one in (found.measured, found.drift_corrected)]  # fmt: skip
    assert verdicts == [(False, False), (True, True)]
    # The prediction is judged corrected, the limit as a user will have it.
    assert (found.prediction_within_tolerance, found.limit_met, found.failed) == (True, False, True)


def test_drift_within_the_session_stays_in_the_raw_figure() -> None:
    """Of three replicates two ran at twice the time: raw says so, the corrected one does not."""
    factors = np.array([1.0, 2.0, 2.0])[:, None, None]
    measurements = [
        Measurement(
            workload=one.workload,
            target=one.target,
            samples_ns=one.samples_ns * factors,
            levels=one.levels * factors[:, :, 0],
        )
        for one in measured()
    ]
    drift = drift_since_sweep(measurements, predictor(blocks_ms()))

    found = verify(measurements, Expected(predicted_ms=exact_ms()), drift)

    assert found.measured.ms == pytest.approx(2 * exact_ms(), rel=1e-4)
    assert found.drift_corrected is not None
    assert found.drift_corrected.ms == pytest.approx(exact_ms(), rel=1e-4)


def test_cold_latencies_are_compared_with_cold_ones() -> None:
    cold = replace(TARGET, options=(("cache", "cold"),))
    measurements = [
        Measurement(workload=one.workload, target=cold, samples_ns=one.samples_ns,
                    levels=one.levels)
        for one in measured()
    ]  # fmt: skip
    then = {
        one.workload.blocks[0]: one.cold_ms / 2 for one in measured()
        if one.workload.role == "block"
    }  # fmt: skip

    drift = drift_since_sweep(measurements, predictor(then))

    assert drift is not None
    assert drift.ratio == pytest.approx(1.0, rel=1e-6)


def test_references_are_asked_only_where_no_block_is_known() -> None:
    then = references_ms(measured())
    measurements = slower(1.5, reference=1.8)

    by_references = drift_since_sweep(measurements, predictor(references=then))
    by_blocks = drift_since_sweep(measurements, predictor(blocks_ms(), references=then))

    assert by_references is not None
    assert by_blocks is not None
    assert by_references.source == "reference workloads"
    assert by_references.ratio == pytest.approx(1.8, rel=1e-6)
    assert by_blocks.ratio == pytest.approx(1.5, rel=1e-6)
    assert drift_since_sweep(measurements, predictor()) is None


def test_estimates_that_disagree_correct_nothing() -> None:
    """References at +40 % and +20 % differ by 16.7 %, less than +29.6 %; at -10 % by 55.6 %."""
    agree = drift_by_references({"a": 1.4, "b": 2.4}, {"a": 1.0, "b": 2.0})
    apart = drift_by_references({"a": 1.4, "b": 1.8}, {"a": 1.0, "b": 2.0})
    assert agree is not None
    assert apart is not None

    corrected = verify(measured(), Expected(predicted_ms=1.0), agree)
    raw = verify(measured(), Expected(predicted_ms=1.0), apart)

    assert corrected.drift_corrected is not None
    assert raw.drift_corrected is None
    assert raw.to_json()["drift"]["applied"] is False


@pytest.mark.parametrize(
    ("ms", "within", "met"),
    [(2.15, True, True), (2.25, False, False), (1.75, False, True), (2.2, True, True)],
)
def test_a_latency_is_judged_by_prediction_and_limit(ms: float, within: bool, met: bool) -> None:
    figure = Expected(predicted_ms=2.0, limit_ms=2.2, tolerance=0.11).judge(ms, (ms, ms))

    assert (figure.within_tolerance, figure.limit_met) == (within, met)
    assert figure.error == pytest.approx(ms / 2 - 1)


def test_without_prediction_or_limit_there_is_no_verdict() -> None:
    found = verify(measured(), Expected())

    assert (found.prediction_within_tolerance, found.limit_met, found.failed) == (None, None, False)


def test_a_verification_comes_back_from_its_json() -> None:
    drift = drift_since_sweep(slower(1.5), predictor(blocks_ms()))
    found = verify(slower(1.5), Expected(predicted_ms=1.0, limit_ms=2.0), drift)

    data = json.loads(json.dumps(found.to_json()))

    assert Verification.from_json(data) == found
    damaged: list[dict[str, Any]] = [
        {"tolerance": 0}, {"limit_ms": float("nan")}, {"measured": {}},
    ]  # fmt: skip
    for changed in damaged:
        with pytest.raises((KeyError, ValueError)):
            Verification.from_json(data | changed)


class WatchedBackend(FakeBackend):
    """Notes which contents were loaded."""

    def __init__(self) -> None:
        self.files: list[bytes] = []

    def load_file(self, content: bytes, target: Target, *, seed: int = 0) -> FakeModel:
        self.files.append(content)
        return super().load_file(content, target, seed=seed)


def test_the_file_itself_is_loaded_for_its_network_and_nothing_else() -> None:
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

    found = verify(measure_file(content, BLOCKS, bench()), Expected(predicted_ms=exact_ms()))

    cost_ns = FakeModel(random_model(other), TARGET).cost_ns
    assert found.measured.ms == pytest.approx(cost_ns / 1e6, rel=1e-3)
    assert found.failed


def test_company_is_measured_beside_the_network() -> None:
    company = TINY.unique_blocks((24,))[:5]

    measurements = measure_file(CONTENT, BLOCKS, replace(bench(), company=company))

    blocks = {one.workload.blocks[0] for one in measurements if one.workload.role == "block"}
    assert blocks == {*BLOCKS, *company}
    assert not verify(measurements, Expected(predicted_ms=exact_ms())).failed


def test_samples_are_kept_where_asked(tmp_path: Path) -> None:
    path = tmp_path / "verify.sqlite"

    measurements = measure_file(CONTENT, BLOCKS, bench(), keep=path)

    with SweepStore.open(path) as store:
        kept = {one.workload.key: one.median_ms for one in store.measurements()}
    assert kept == {one.workload.key: one.median_ms for one in measurements}


def test_a_file_of_samples_is_never_written_over(tmp_path: Path) -> None:
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
    ("changes", "told"),
    [
        ({"device": "epyc"}, "the device is fake, the predictor's epyc"),
        ({"backend": "onnx"}, "the backend is fake, the predictor's onnx"),
        ({"backend_version": "0.9"}, "its version is 1, the predictor's 0.9"),
    ],
)
def test_another_target_is_refused(changes: dict[str, str], told: str) -> None:
    target = replace(TARGET, **changes)  # type: ignore[arg-type]
    other = Bench(device=FakeDevice(), backend=FakeBackend(), target=target, plan=PLAN)

    with pytest.raises(TargetMismatchError, match=told):
        measure_file(CONTENT, BLOCKS, other)


def test_what_cannot_be_judged_is_refused() -> None:
    measurements = measured()
    blocks = [one for one in measurements if one.workload.role != "network"]

    with pytest.raises(DeviceError, match="measured 0 networks"):
        verify(blocks, Expected(predicted_ms=1.0))
    for wrong in (float("nan"), 0.0):
        with pytest.raises(InputError, match="predicted latency"):
            verify(measurements, Expected(predicted_ms=wrong))


def test_noise_of_a_real_machine_is_within_the_interval() -> None:
    flaws = Flaws(noise=0.02, layout=0.01, level=0.03, stumbles=0.001)

    found = verify(measure_file(CONTENT, BLOCKS, bench(flaws)), Expected(predicted_ms=exact_ms()))

    assert found.measured.low_ms <= found.measured.ms <= found.measured.high_ms
    assert not found.failed
