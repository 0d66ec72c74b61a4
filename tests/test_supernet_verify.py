"""`supernet.verify` on the fake machine, whose every duration can be computed by hand."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest

from bench.backends.base import LoadedModel
from bench.backends.fake import FakeBackend, FakeModel
from bench.devices.fake import NO_FLAWS, FakeDevice, Flaws
from bench.errors import DeviceError, FileError, InputError, TargetMismatchError
from bench.measurement import Measurement
from bench.model import random_model
from bench.planner import SweepPlan
from bench.spec import Target
from bench.store import SweepStore
from supernet.space import SearchSpace
from supernet.verify import Bench, FileBackend, Promise, hold, level_since, measure_file

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


def promise(measured_ms: float, *, level: float | None, predicted_ms: float = 2.0) -> Promise:
    return Promise(
        predicted_ms=predicted_ms,
        measured_ms=measured_ms,
        low_ms=measured_ms * 0.99,
        high_ms=measured_ms * 1.01,
        level=level,
        tolerance=0.1,
    )


def test_a_quiet_machine_gives_back_what_the_network_costs() -> None:
    measurements = measured()

    held = hold(measurements, exact_ms(), {}, tolerance=0.1)

    # One call's reading of the fake clock is rounded to a ns.
    assert held.measured_ms == pytest.approx(exact_ms(), rel=1e-4)
    assert held.low_ms == pytest.approx(held.high_ms, rel=1e-4)
    assert held.level is None
    assert held.kept
    roles = [one.workload.role for one in measurements]
    assert roles.count("network") == 1
    assert roles.count("reference") == 2
    assert roles.count("block") == len(set(BLOCKS))


def test_a_machine_that_became_slower_is_brought_back_by_its_references() -> None:
    then = {
        one.workload.label: one.median_ms for one in measured() if one.workload.role == "reference"
    }
    slower = [
        Measurement(
            workload=one.workload,
            target=one.target,
            samples_ns=one.samples_ns * 1.5,
            levels=one.levels,
        )
        for one in measured()
    ]

    held = hold(slower, exact_ms(), then, tolerance=0.1)

    assert held.measured_ms == pytest.approx(1.5 * exact_ms(), rel=1e-4)
    assert held.level == pytest.approx(1.5, rel=1e-4)
    assert held.levelled_ms == pytest.approx(exact_ms(), rel=1e-4)
    assert held.kept


def test_the_level_is_the_geometric_mean_of_the_shared_references() -> None:
    now, then = {"compute": 2.0, "memory": 9.0}, {"compute": 1.0, "memory": 2.0}

    assert level_since(now, then) == pytest.approx(3.0)
    assert level_since(now, {"compute": 1.0}) == pytest.approx(2.0)
    assert level_since(now, {"other": 1.0}) is None


@pytest.mark.parametrize(
    ("measured_ms", "level", "kept"),
    [
        (2.15, None, True),
        (2.25, None, False),
        (1.75, None, False),
        (2.25, 1.1, True),
        (2.0, 1.2, False),
    ],
)
def test_a_promise_is_kept_within_the_tolerance(
    measured_ms: float, level: float | None, kept: bool
) -> None:
    assert promise(measured_ms, level=level).kept is kept


def test_a_promise_as_json_has_the_derived_figures() -> None:
    data = promise(2.2, level=1.1).to_json()

    assert data["levelled_ms"] == pytest.approx(2.0)
    assert data["error"] == pytest.approx(0.0)
    assert data["kept"] is True


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

    held = hold(measure_file(content, BLOCKS, bench()), exact_ms(), {}, tolerance=0.1)

    cost_ns = FakeModel(random_model(other), TARGET).cost_ns
    assert held.measured_ms == pytest.approx(cost_ns / 1e6, rel=1e-3)
    assert not held.kept


def test_company_is_measured_beside_the_network() -> None:
    company = TINY.unique_blocks((24,))[:5]

    measurements = measure_file(CONTENT, BLOCKS, replace(bench(), company=company))

    blocks = {one.workload.blocks[0] for one in measurements if one.workload.role == "block"}
    assert blocks == {*BLOCKS, *company}
    assert hold(measurements, exact_ms(), {}, tolerance=0.1).kept


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


def test_what_cannot_be_held_is_refused() -> None:
    measurements = measured()
    blocks = [one for one in measurements if one.workload.role != "network"]

    with pytest.raises(DeviceError, match="measured 0 networks"):
        hold(blocks, 1.0, {}, tolerance=0.1)
    for wrong in (float("nan"), 0.0):
        with pytest.raises(InputError, match="predicted latency"):
            hold(measurements, wrong, {}, tolerance=0.1)


def test_noise_of_a_real_machine_is_within_the_interval() -> None:
    flaws = Flaws(noise=0.02, layout=0.01, level=0.03, stumbles=0.001)

    held = hold(measure_file(CONTENT, BLOCKS, bench(flaws)), exact_ms(), {}, tolerance=0.1)

    assert held.low_ms <= held.measured_ms <= held.high_ms
    assert held.kept
