"""`search` and `pareto` as Python functions: accuracies and limits of one's own."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import InfeasibleError, InputError
from ofabench.cli.main import main
from ofabench.options.search import SearchOptions
from ofabench.workflows.latency.predictor import LatencyPredictor
from ofabench.workflows.search.search import (
    latency_limit,
    macs_limit,
    memory_limit,
    on_codes,
    params_limit,
    pareto,
    search,
    size_limit,
)
from ofabench.workflows.train.accuracy_fit import FittedAccuracies
from supernet.accuracy.predictor import fit_accuracy
from supernet.accuracy.source import open_accuracy
from supernet.search.callbacks import SearchProgress
from supernet.search.result_file import read_network
from supernet.space.arch import ArchConfig
from tests.support.drift_logs import drifting
from tests.support.sampling_spaces import MOBILE
from tests.support.search_runs import OTHER, TARGET, TINY, latency, write_predictors

QUICK = SearchOptions(budget=500, patience=10, seed=3)


def deep(archs: list[ArchConfig]) -> list[float]:
    """Likes depth, then resolution: 0.5 to 0.9 in `tiny`."""
    return [0.5 + sum(arch.depths) / 100 + arch.resolution / 1000 for arch in archs]


def test_two_devices_at_once_with_an_accuracy_function_of_ones_own() -> None:
    limits = [
        latency_limit(latency("tiny", TARGET), "3ms"),
        latency_limit(latency("tiny", OTHER, by_params=True), 0.006),
    ]

    result = search("tiny", deep, limits, QUICK)

    blocks = TINY.blocks(result.arch)
    ms = {
        TARGET.key: sum(block.macs for block in blocks) / 1e6,
        OTHER.key: sum(block.params for block in blocks) / 30e6,
    }
    assert result.predictions == pytest.approx(ms)
    assert result.limits == {TARGET.key: 3.0, OTHER.key: 0.006}
    assert all(ms[name] <= limit for name, limit in result.limits.items())
    assert result.accuracy == pytest.approx(deep([result.arch])[0])
    assert result.evaluated <= 500
    assert (result.seed, result.strategy) == (3, "evolution")
    assert result.history[-1].accuracy == result.accuracy
    assert result.blocks == blocks


def test_functions_of_codes_and_of_architectures_give_the_same_result() -> None:
    limit = [macs_limit("2M")]

    by_archs = search(TINY, deep, limit, QUICK)
    by_codes = search(TINY, on_codes(lambda codes: deep(TINY.decode(codes))), limit, QUICK)

    assert by_archs.arch == by_codes.arch
    assert by_archs.history == by_codes.history
    assert by_archs.macs <= 2_000_000


def test_a_function_sees_architectures_of_the_resolutions_that_are_searched() -> None:
    seen: set[int] = set()

    def accuracy(archs: list[ArchConfig]) -> Any:
        seen.update(arch.resolution for arch in archs)
        return np.full(len(archs), 0.5)

    options = SearchOptions(budget=200, patience=3, resolutions=(24, 28))
    result = search("tiny", accuracy, (), options)

    assert seen == {24, 28}
    assert result.to_dict()["provenance"]["accuracy"]["resolutions"] == [24, 28]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (lambda archs: [0.5], "an array of shape (1,): expected"),
        (lambda archs: 0.5, "returned one value, 0.5: expected"),
        (lambda archs: [[0.5]] * len(archs), "1): expected"),
        (lambda archs: ["good"] * len(archs), "numbers, one for each network; return a list"),
        (lambda archs: [0.5] * (len(archs) - 1) + [float("nan")], "returned nan for network"),
        (lambda archs: [float("inf")] * len(archs), "returned inf for network 0"),
        (lambda archs: [76.3] * len(archs), "76.3 for network 0, expected a fraction from 0 to 1"),
        (lambda archs: None, "returned one value, None"),
    ],
)
def test_wrong_values_of_a_function_are_said_in_words(values: Any, message: str) -> None:
    with pytest.raises(InputError) as error:
        search("tiny", values, [macs_limit("2M")], QUICK)
    assert message in str(error.value)
    with pytest.raises(InputError):
        search("tiny", on_codes(values), [macs_limit("2M")], QUICK)


@pytest.mark.parametrize(
    ("accuracy", "constraints", "message"),
    [
        (None, (), "accuracy is None, expected a file"),
        (deep, "300M", "a constraint is str '300M', expected limits as"),
        (deep, 3, "expected limits as"),
    ],
)
def test_wrong_arguments_are_said_in_words(accuracy: Any, constraints: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        search("tiny", accuracy, constraints, QUICK)


def test_wrong_limits_are_said_in_words() -> None:
    with pytest.raises(InputError, match="max_macs is 'many', expected a number above 0"):
        macs_limit("many")
    with pytest.raises(InputError, match="expected MACs above 0"):
        macs_limit(None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="precision of a model file is 'int4'"):
        size_limit("1M", precision="int4")
    with pytest.raises(InputError, match="expected a file of `ofabench fit`"):
        latency_limit(3, 30)
    with pytest.raises(InputError, match=r"max_latency_ms\[0\] is -1, expected a number above 0"):
        latency_limit(latency("tiny", TARGET), -1)
    limit = latency_limit(latency("tiny", TARGET), 3)
    with pytest.raises(InputError, match="two --latency have the same target"):
        search("tiny", deep, [limit, latency_limit(latency("tiny", TARGET), 3)], QUICK)
    with pytest.raises(InfeasibleError, match="macs: 1 MACs was requested"):
        search("tiny", deep, macs_limit(1), QUICK)
    with pytest.raises(InputError, match=r"expected a name, a \.toml file or a SearchSpace"):
        search(3, deep, (), QUICK)  # type: ignore[arg-type]


def test_limits_take_units_and_precisions() -> None:
    limits = [params_limit("0.2M"), memory_limit("40k", precision="int8"), size_limit("0.5M")]

    result = search("tiny", deep, limits, QUICK)

    assert result.limits == {"params": 200_000, "peak memory": 40_000, "model size": 500_000}
    assert result.predictions["params"] == result.params <= 200_000


def test_a_higher_confidence_leaves_a_larger_margin() -> None:
    sure = latency_limit(
        latency("tiny", TARGET, spread=0.1), 2, confidence=0.95, session_spread=0.0
    )

    result = search("tiny", deep, sure, QUICK)

    (report,) = result.margins
    # Student's t of 20 degrees of freedom, times a spread of a tenth.
    assert report.parts["prediction"] == pytest.approx(math.exp(0.1724718) - 1, rel=1e-4)
    both = (1 + report.parts["prediction"]) * (1 + report.parts["selection"])
    bound_ms = result.bounds[TARGET.key]
    assert bound_ms == pytest.approx(result.predictions[TARGET.key] * both, rel=1e-4)
    assert bound_ms == pytest.approx(
        result.predictions[TARGET.key] * (1 + report.parts["margin"]), rel=1e-4
    )
    assert bound_ms <= 2
    assert result.accuracy < report.accuracy_without
    data = result.to_dict()
    assert (data["provenance"]["confidence"], data["provenance"]["session_spread"]) == (0.95, 0.0)
    assert data["margins"] == [report.to_dict()]


@pytest.mark.slow
def test_a_limit_for_a_later_day_leaves_a_larger_margin() -> None:
    predictor = latency("tiny", TARGET, spread=0.01)

    bounds = []
    for limit_on, horizon in (("corrected", "1d"), ("raw", "10m"), ("raw", "1d")):
        limit = latency_limit(predictor, 2, confidence=0.95, limit_on=limit_on, horizon=horizon)
        result = search("tiny", deep, limit, QUICK)
        (report,) = result.margins
        bounds.append(report.parts["margin"])
        lines = str(result).splitlines()
        assert any(
            line.startswith(f"    margin {report.parts['margin']:.1%} at 0.95") for line in lines
        )
        # One session says nothing of drift, and a line says what would.
        assert ("ofabench drift" in str(result)) == (limit_on == "raw")

    assert bounds == sorted(bounds)
    assert bounds[0] < 0.5 * bounds[2]


def test_a_drift_log_narrows_the_margin() -> None:
    unknown = latency("tiny", TARGET, spread=0.01)
    quiet = drifting([1.0, 1.01] * 10, every_s=7200)
    known = replace(unknown, provenance={"drift": quiet.to_json()})

    result = [
        search("tiny", deep, latency_limit(predictor, 2, confidence=0.95), QUICK)
        for predictor in (unknown, known)
    ]

    assert result[1].margins[0].parts["drift"] < 0.3 * result[0].margins[0].parts["drift"]
    assert result[1].accuracy >= result[0].accuracy
    assert result[1].margins[0].sessions == 20
    assert "ofabench drift" not in str(result[1])


def test_a_result_is_the_commands_file_and_prints_well(tmp_path: Path) -> None:
    write_predictors(tmp_path)
    limit = latency_limit(tmp_path / "p.parquet", 2)
    result = search("tiny", str(tmp_path / "a.parquet"), limit, QUICK)

    result.save(tmp_path / "r.json")

    written = json.loads((tmp_path / "r.json").read_text())
    assert written == json.loads(json.dumps(result.to_dict()))
    assert read_network(tmp_path / "r.json").arch == result.arch
    assert len(written["provenance"]["latency"][0]["sha256"]) == 64
    assert f"of 2 ms on {TARGET.key}" in str(result)
    assert str(result).splitlines()[0] == TINY.to_line(result.arch)
    assert repr(result).startswith("SearchResult(ArchConfig(resolution=")
    assert result._repr_html_().startswith("<p>{&quot;space&quot;: &quot;tiny&quot;")


def test_a_predictor_in_memory_and_its_file_give_the_same_result(tmp_path: Path) -> None:
    codes = TINY.sample_codes(np.random.default_rng(0), 60)
    predictor = fit_accuracy(TINY, codes, 0.5 + codes.sum(axis=1) / 1e3)
    predictor.save(tmp_path / "a.parquet")

    first = search("tiny", predictor, macs_limit("2M"), QUICK)
    same = search("tiny", tmp_path / "a.parquet", macs_limit("2M"), QUICK)
    fitted = FittedAccuracies(space=TINY, predictor=predictor, compared=())
    assert search("tiny", fitted, macs_limit("2M"), QUICK).arch == first.arch
    opened = open_accuracy(str(tmp_path / "a.parquet"))
    kept = search("tiny", opened, macs_limit("2M"), QUICK).to_dict()["provenance"]["accuracy"]
    assert (kept["file"], len(kept["sha256"])) == ("a.parquet", 64)

    assert (first.arch, first.accuracy) == (same.arch, same.accuracy)


class Seen:
    """A progress that counts."""

    def __init__(self) -> None:
        self.started: list[tuple[int, str]] = []
        self.done = self.closed = 0

    def start(self, total: int, what: str) -> None:
        self.started.append((total, what))

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.done += steps

    def close(self) -> None:
        self.closed += 1


class Watching:
    """A watcher that keeps the last look."""

    last: SearchProgress | None = None

    def show(self, look: SearchProgress) -> None:
        self.last = look

    def close(self) -> None:
        pass


def test_progress_counts_networks() -> None:
    seen, watching = Seen(), Watching()

    result = search("tiny", deep, macs_limit("2M"), QUICK, seen)
    search("tiny", deep, macs_limit("2M"), QUICK, watching)

    assert seen.started == [(500, "evolution search")]
    assert (seen.done, seen.closed) == (result.evaluated, 1)
    assert watching.last is not None
    assert watching.last.evaluated == result.evaluated


def test_a_front_is_a_list_with_a_table_and_a_file(tmp_path: Path) -> None:
    options = SearchOptions(budget=600, patience=10, points=4)
    front = pareto("tiny", deep, latency("tiny", TARGET), params_limit("0.2M"), options=options)

    assert isinstance(front, list)
    ms = [network.predictions[TARGET.key] for network in front]
    accuracies = [network.accuracy for network in front]
    assert ms == sorted(ms)
    assert accuracies == sorted(accuracies)
    assert len(front) == len(front.frame) <= 4
    assert list(front.frame.columns[:2]) == ["accuracy", TARGET.key]
    assert all(network.params <= 200_000 for network in front)
    assert str(front).splitlines()[0] == f"ms 1: {TARGET.key}"
    front.save(tmp_path / "front.json")
    assert read_network(tmp_path / "front.json", 1).arch == front[0].arch


def test_a_front_by_limits_has_a_network_for_each() -> None:
    predictor = latency("tiny", TARGET, spread=0.1)
    limits = [latency_limit(predictor, 3), latency_limit(predictor, 1, confidence=0.95)]

    front = pareto("tiny", deep, limits, options=QUICK)

    assert [network.limits[TARGET.key] for network in front] == [1, 3]
    assert front[0].bounds[TARGET.key] <= 1
    assert front[1].bounds == {}


def test_fronts_with_wrong_arguments_are_refused() -> None:
    predictor = latency("tiny", TARGET)
    with pytest.raises(InputError, match="one or two latency predictors, or several limits on one"):
        pareto("tiny", deep, [])
    with pytest.raises(InputError, match="not both"):
        pareto("tiny", deep, [predictor, latency_limit(predictor, 3)])
    with pytest.raises(InputError, match="a front has its own strategy"):
        pareto("tiny", deep, predictor, options=SearchOptions(strategy="random"))


def test_the_space_may_be_that_of_the_latency_predictor(tmp_path: Path) -> None:
    known = replace(latency("tiny", TARGET), provenance={"space": "tiny"})
    known.save(tmp_path / "p.parquet")
    own = replace(known, provenance={"space": "mine", "space_toml": MOBILE.text})

    for given in (known, tmp_path / "p.parquet", LatencyPredictor.of(known)):
        assert search(None, deep, latency_limit(given, 3), QUICK).space == TINY
    assert LatencyPredictor.of(latency("tiny", TARGET), "tiny").space == TINY
    of_mine = LatencyPredictor.of(latency("tiny", TARGET), "tiny")
    assert search(None, deep, latency_limit(of_mine, 3), QUICK).space == TINY
    with pytest.raises(InputError, match="no latency predictor's file names it: give --space"):
        search(None, deep, latency_limit(latency("tiny", TARGET), 3), QUICK)
    assert latency_limit(own, 3).source.space == MOBILE


def test_the_command_takes_the_space_of_the_predictor(tmp_path: Path) -> None:
    write_predictors(tmp_path)
    known = replace(latency("tiny", TARGET), provenance={"space": "tiny"})
    known.save(tmp_path / "known.parquet")
    argv = ["search", "--accuracy", str(tmp_path / "a.parquet"), "--out", str(tmp_path / "r.json")]
    budget = ["--budget", "300", "--patience", "5", "--max-latency-ms", "3000us"]

    assert main([*argv, *budget, "--latency", str(tmp_path / "known.parquet")]) == 0
    assert read_network(tmp_path / "r.json").space == "tiny"
    assert json.loads((tmp_path / "r.json").read_text())["limits"] == {TARGET.key: 3.0}
    assert main([*argv, *budget, "--latency", str(tmp_path / "p.parquet")]) == 2


def test_a_front_keeps_a_limit_on_another_device() -> None:
    other = latency("tiny", OTHER, by_params=True)
    options = SearchOptions(budget=600, patience=10, points=3)

    front = pareto(
        "tiny", deep, latency("tiny", TARGET), latency_limit(other, 0.006), options=options
    )

    assert all(network.predictions[OTHER.key] <= 0.006 for network in front)
    assert {*front.frame.columns} >= {TARGET.key, OTHER.key}
    assert front.to_dict()["objectives"] == ["accuracy", TARGET.key]
    assert len(front.to_dict()["provenance"]["latency"]) == 2


def test_options_of_another_kind_are_refused() -> None:
    with pytest.raises(InputError, match="options are 3, expected SearchOptions"):
        search("tiny", deep, (), 3)  # type: ignore[arg-type]
