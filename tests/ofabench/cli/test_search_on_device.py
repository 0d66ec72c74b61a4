"""`ofabench search --measure-on`: what it writes and prints, its exit codes, and bad input."""

import json
from pathlib import Path

import numpy as np
import pytest

from ofabench.cli.main import main
from ofabench.workflows.search.loop import search as loop_search
from supernet.accuracy.predictor import fit_accuracy
from supernet.search.result_file import read_network
from supernet.space.space import SearchSpace
from tests.support.loop_runs import SMALL, SlowDevice, deciding_on, predictor

TINY = SearchSpace.load("tiny")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An accuracy predictor that likes large networks, and latencies of the fake device."""
    folder = tmp_path_factory.mktemp("search")
    codes = TINY.sample_codes(np.random.default_rng(0), 60)
    accuracy = 0.5 + 0.4 * (codes.sum(axis=1) - codes.min()) / 150
    fit_accuracy(TINY, codes, accuracy).save(folder / "a.parquet")
    predictor(1.0).save(folder / "p.parquet")
    return folder


def run(files: Path, out: Path, *more: str) -> int:
    common = ["search", "--space", "tiny", "--accuracy", str(files / "a.parquet")]
    common += ["--resolutions", "32", "--budget", "600", "--patience", "10", "--out", str(out)]
    return main([*common, *more])


def on_fake(files: Path, *more: str) -> tuple[str, ...]:
    return (
        *("--latency", str(files / "p.parquet"), "--max-latency-ms", "0.3"),
        *("--measure-on", "fake", "--candidates", "4", "--iterations", "3"),
        *("--measure-replicates", "2", "--measure-rounds", "2", *more),
    )


@pytest.mark.slow
def test_it_writes_a_result_and_prints_the_deciding_measurement(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "r.json"

    assert run(files, out, *on_fake(files, "--confidence", "0.9")) == 0

    output = capsys.readouterr()
    assert "limit met at try 1 of 1: " in output.out
    assert "iteration 1: 4 networks measured" in output.out
    assert f"measured networks are in {tmp_path / 'r.measured'}" in output.err
    measured = json.loads(out.read_text())["measured"]
    assert measured["limit_met"] is True
    assert measured["deciding"]["raw_ms"] <= 0.3
    assert SMALL.to_line(read_network(out).arch) == measured["deciding"]["network"]
    # The same command continues with what is there: nothing is measured again.
    before = sorted((tmp_path / "r.measured").iterdir())
    assert run(files, out, *on_fake(files, "--confidence", "0.9", "--json")) == 0
    assert json.loads(capsys.readouterr().out)["measured"] == measured
    assert sorted((tmp_path / "r.measured").iterdir()) == before


@pytest.mark.slow
def test_exit_code_1_where_no_try_meets_the_limit(
    files: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = deciding_on(SlowDevice(factors=(2.0,)))
    monkeypatch.setattr(loop_search, "in_another_process", lambda *_, **__: slow)
    out = tmp_path / "r.json"

    code = run(files, out, *on_fake(files, "--confidence", "0.9", "--tries", "1"))

    assert code == 1
    assert "limit NOT met at try 1 of 1: " in capsys.readouterr().out
    assert json.loads(out.read_text())["measured"]["limit_met"] is False


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            ("--candidates", "3"),
            "--candidates is for a search that measures: give --measure-on too",
        ),
        (("--wait",), "--wait is for a search that measures"),
        (("--measured", "m"), "--measured is for a search that measures"),
        (("--measure-budget", "5m"), "--measure-budget is for a search that measures"),
        (("--measure-on", "fake"), "one --latency with one --max-latency-ms, and no --pareto; got"),
        (
            ("--measure-on", "fake", "--latency", "P", "--latency", "P"),
            "one --latency with one --max-latency-ms, and no --pareto; got 2 and 0",
        ),
        (
            ("--measure-on", "fake", "--latency", "P", "--max-latency-ms", "1", "--pareto"),
            "and no --pareto; got 1 and 1",
        ),
        (
            ("--measure-on", "fake", "--latency", "P", "--max-latency-ms", "0.01"),
            "0.01 ms was requested, the fastest network takes",
        ),
        (
            ("--measure-on", "cpu", "--latency", "P", "--max-latency-ms", "0.3"),
            "give the predictor's own target to --measure-on",
        ),
        (
            ("--measure-on", "there", "--latency", "P", "--max-latency-ms", "0.3"),
            "device is 'there', expected one of",
        ),
        (
            (
                *("--measure-on", "fake", "--latency", "P", "--max-latency-ms", "0.3"),
                *("--frequency-khz", "1000"),
            ),
            "--frequency-khz is for phones",
        ),
    ],
)
def test_wrong_input_is_refused_and_changes_no_file(
    files: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
    message: str,
) -> None:
    given = [str(files / "p.parquet") if item == "P" else item for item in more]

    code = run(files, tmp_path / "r.json", *given)

    output = capsys.readouterr()
    assert code == 2
    assert message in output.err
    assert len(output.err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())
