"""A loop that broke off, its deciding measurements, its files, and what it refuses."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.backends.fake import block_cost_ns
from bench.blocks.spec import BlockSpec
from bench.devices.fake import FakeDevice
from bench.drift.log import DriftLog
from bench.errors import (
    DeviceError,
    DeviceLostError,
    FileError,
    InputError,
    InterruptedSweepError,
    TargetMismatchError,
)
from latency_models.drift.provenance import DRIFT
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.tables.networks import NetworksTable
from ofabench.options.measured_search import MeasuringOptions
from ofabench.options.table import TableBuildOptions
from ofabench.workflows.latency.table_build import build_tables
from ofabench.workflows.search.limits import latency_limit
from ofabench.workflows.search.loop.result import MeasuredSearch
from ofabench.workflows.search.loop.search import search_on_device
from tests.support.loop_runs import FEW, QUICK, SMALL, SlowDevice, deep, loop, predictor, truth_ms

LIMIT = 0.3


def measured(search: MeasuredSearch) -> dict[str, Any]:
    """Return all measurements, without their paths and times."""
    values: dict[str, Any] = search.to_dict()["measured"]
    tries = [{**item, "measured_at": ""} for item in (values.pop("deciding"), *values.pop("tries"))]
    return {"tries": tries, **{name: item for name, item in values.items() if name != "folder"}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> MeasuredSearch:
    """The loop that nothing interrupts: 2 loads of 2 rounds an iteration, several iterations."""
    result = loop(tmp_path_factory.mktemp("whole") / "m")
    assert result.iterations > 1
    return result


@pytest.mark.slow
@pytest.mark.parametrize("at", [0, 3, 5])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), DeviceLostError("the cable is out")])
def test_an_interrupted_loop_resumes_to_the_same_result(
    tmp_path: Path, whole: MeasuredSearch, at: int, error: BaseException
) -> None:
    kind = InterruptedSweepError if isinstance(error, KeyboardInterrupt) else DeviceError

    with pytest.raises(kind, match="the same command"):
        loop(tmp_path / "m", device=SlowDevice(break_at=at, error=error))
    resumed = loop(tmp_path / "m")

    assert measured(resumed) == measured(whole)
    assert resumed.arch == whole.arch


@pytest.mark.slow
def test_a_deciding_measurement_that_broke_off_is_gone_on_with(
    tmp_path: Path, whole: MeasuredSearch
) -> None:
    with pytest.raises(InterruptedSweepError, match="the same command"):
        loop(tmp_path / "m", deciding=SlowDevice(break_at=3, error=KeyboardInterrupt()))
    resumed = loop(tmp_path / "m", device=SlowDevice(break_at=0))

    assert measured(resumed) == measured(whole)


@pytest.mark.slow
def test_a_finished_loop_measures_nothing_again(tmp_path: Path) -> None:
    first = loop(tmp_path / "m")
    never = SlowDevice(break_at=0)

    again = loop(tmp_path / "m", device=never, deciding=never)

    assert measured(again) == measured(first)
    assert measured(loop(tmp_path / "m", device=FakeDevice(busy_with="a video"))) == measured(first)


@pytest.mark.slow
def test_tries_are_counted_and_the_last_one_decides(tmp_path: Path) -> None:
    # The first deciding measurement, of 4 loads, is 20 % slower.
    deciding = SlowDevice(factors=(1.2, 1.2, 1.2, 1.2, 1.0))

    result = loop(tmp_path / "m", deciding=deciding)

    assert [attempt.limit_met for attempt in result.tries] == [False, True]
    assert result.limit_met
    assert result.chosen_try == result.tries[1]
    assert result.chosen_try.line == SMALL.to_line(result.arch)
    assert "limit met at try 2 of 2; after more tries, meeting the limit means less" in str(result)
    best = sorted(
        (candidate.accuracy for candidate in result.candidates if candidate.within), reverse=True
    )
    assert result.accuracy == best[1]


@pytest.mark.slow
def test_a_loop_ends_where_no_verification_meets_the_limit(tmp_path: Path) -> None:
    two = replace(FEW, tries=2)

    result = loop(tmp_path / "m", deciding=SlowDevice(factors=(1.2,)), measuring=two)
    again = loop(tmp_path / "m", deciding=SlowDevice(break_at=0), measuring=two)
    more = loop(tmp_path / "m", measuring=replace(FEW, tries=3))

    assert not result.limit_met
    assert len(result.tries) == 2
    assert "limit NOT met in any of 2 tries; this one came nearest" in str(result)
    assert result.chosen_try.raw_ms == min(attempt.raw_ms for attempt in result.tries)
    assert again.tries == result.tries
    assert [attempt.limit_met for attempt in more.tries] == [False, False, True]
    assert more.tries[:2] == result.tries  # in the order of measuring
    assert "limit met at try 3 of 3" in str(more)


HUGE = BlockSpec(kind="stem", in_size=256, in_channels=64, out_channels=64, kernel=3, act="relu")


def with_huge_anchors(count: int) -> LatencyPredictor:
    """A predictor of which so many of the five anchors need 33 MB."""
    given = predictor()
    assert given.drift_log is not None
    own = [
        replace(item, blocks=(HUGE,), ms=(3000 + block_cost_ns(HUGE)) / 1e6)
        if place < count
        else item
        for place, item in enumerate(given.drift_log.anchors)
    ]
    log = DriftLog(anchors=tuple(own), sessions=given.drift_log.sessions)
    ms = (3000 + 0.9 * block_cost_ns(HUGE) / 0.92) / 1e6  # as far off as the others
    known = {**given.known, HUGE: (ms, ms)}
    return replace(given, known=known, provenance={DRIFT: log.to_json()})


@pytest.mark.slow
def test_anchors_that_no_longer_run_are_ignored_and_without_any_a_warning_is_given(
    tmp_path: Path,
) -> None:
    device = FakeDevice(room_bytes=10_000_000)

    result = loop(tmp_path / "one", latency_limit(with_huge_anchors(1), LIMIT), device=device)
    with pytest.raises(DeviceError, match="none of the predictor's anchor networks runs"):
        loop(tmp_path / "all", latency_limit(with_huge_anchors(5), LIMIT), device=device)

    assert [drift.anchors for drift in result.knowledge.drifts] == [4] * result.iterations
    assert result.limit_met


@pytest.mark.slow
def test_measurements_of_a_loop_give_tables_and_a_predictor(tmp_path: Path) -> None:
    result = loop(tmp_path / "m")

    sweep, out = tmp_path / "m" / "candidates.sqlite", tmp_path / "n.parquet"
    build_tables(TableBuildOptions(sweep=sweep, networks_out=out))

    table = NetworksTable.load(out)
    assert len(table) == len(result.candidates) + 5  # the anchors too
    assert table.space == "tiny"
    kept = LatencyPredictor.load(tmp_path / "m" / "predictor.parquet")
    blocks = SMALL.blocks(result.arch)
    assert kept.predict(blocks).ms == pytest.approx(truth_ms(blocks), rel=0.02)
    assert kept.drift_log is not None


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        ([], "got 0 latency limits, expected one"),
        (
            [latency_limit(predictor(), 1), latency_limit(predictor(), 2)],
            "got 2 latency limits, expected one",
        ),
    ],
)
def test_it_is_of_one_device(tmp_path: Path, constraints: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        loop(tmp_path / "m", constraints)
    assert not list(tmp_path.iterdir())


def test_a_predictor_of_the_p90_is_refused(tmp_path: Path) -> None:
    given = predictor()
    tails = replace(given, provenance={**given.provenance, "statistic": "p90"})

    with pytest.raises(InputError, match=r"the predictor predicts the p90, .* compares medians"):
        loop(tmp_path / "m", latency_limit(tails, LIMIT))
    assert not list(tmp_path.iterdir())


def test_another_device_than_the_predictors_is_refused(tmp_path: Path) -> None:
    given = predictor()
    other = replace(given, target=replace(given.target, device="other"))

    with pytest.raises(
        TargetMismatchError, match="the device is fake, the predictor's other: give the"
    ):
        loop(tmp_path / "m", latency_limit(other, LIMIT))
    assert not list(tmp_path.iterdir())


def test_a_busy_device_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="fake is busy: a video"):
        loop(tmp_path / "m", device=FakeDevice(busy_with="a video"))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_folder_of_another_search_is_refused(tmp_path: Path) -> None:
    loop(tmp_path / "m")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")

    with pytest.raises(InputError, match=r"max_latency_ms 0.3, not max_latency_ms 0.25"):
        loop(tmp_path / "m", latency_limit(predictor(), 0.25))
    with pytest.raises(InputError, match=r"rounds 2, not rounds 3"):
        loop(tmp_path / "m", measuring=replace(FEW, rounds=3))
    with pytest.raises(FileError, match="holds no measurements of a search"):
        loop(tmp_path / "full")
    with pytest.raises(FileError, match="its parent folder does not exist"):
        loop(tmp_path / "no" / "m")
    (tmp_path / "m" / "search.json").write_text("[]")
    with pytest.raises(FileError, match=r"search\.json is damaged"):
        loop(tmp_path / "m")


def test_an_open_device_is_refused_for_another_process_cannot_have_it(tmp_path: Path) -> None:
    limit, device = latency_limit(predictor(), LIMIT), FakeDevice()

    with pytest.raises(InputError, match="another process measures on it too"):
        search_on_device(SMALL, deep, limit, device, folder=tmp_path / "m")  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_fresh_process_decides(tmp_path: Path) -> None:
    result = search_on_device(
        SMALL,
        deep,
        latency_limit(predictor(), LIMIT, confidence=0.9),
        "fake",
        folder=tmp_path / "m",
        options=QUICK,
        measuring=MeasuringOptions(candidates=4, iterations=3, replicates=2, rounds=2),
    )

    truth = truth_ms(SMALL.blocks(result.arch))
    assert result.chosen_try.raw_ms == pytest.approx(truth, rel=0.1)  # that device has flaws
    assert result.limit_met
