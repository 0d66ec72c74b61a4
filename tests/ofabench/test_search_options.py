"""Each option of `ofabench search`: what it does, and what it says of input that it cannot take."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench.blocks.activation_memory import peak_values
from bench.blocks.weight_bytes import weight_bytes
from ofabench.display import live_search
from ofabench.options.search import LimitOptions
from supernet.accuracy.predictor import fit_accuracy
from supernet.search.result_file import FORMAT
from supernet.space.space import SearchSpace
from tests.support.sampling_spaces import MOBILE
from tests.support.search_runs import (
    OTHER,
    TARGET,
    TINY,
    fails,
    latency,
    result_of,
    search,
    search_of,
    write_predictors,
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_predictors(tmp_path_factory.mktemp("predictors"))


@pytest.mark.parametrize(
    ("option", "limit", "name", "unit"),
    [
        ("--max-macs", "2e6", "macs", "MACs"),
        ("--max-macs", "1.5M", "macs", "MACs"),
        ("--max-params", "200000", "params", "parameters"),
        ("--max-memory-bytes", "40k", "peak memory", "bytes"),
        ("--max-size-bytes", "0.8M", "model size", "bytes"),
    ],
)
def test_a_limit_on_a_count_is_met(
    option: str, limit: str, name: str, unit: str, files: Path
) -> None:
    data = result_of(files, option, limit)

    blocks = TINY.blocks(TINY.from_line(json.dumps(data["arch"])))
    counted = {
        "macs": sum(block.macs for block in blocks),
        "params": sum(block.params for block in blocks),
        "peak memory": max(4 * peak_values(block) for block in blocks),
        "model size": sum(weight_bytes(block, "fp32") for block in blocks),
    }
    assert data["predictions"] == {name: counted[name]}
    assert counted[name] <= data["limits"][name] == size(limit)
    assert data["units"] == {name: unit}


def test_limits_in_bytes_are_of_the_precision(files: Path) -> None:
    limits = ("--max-memory-bytes", "40k", "--max-size-bytes", "500k")

    whole, small = (
        result_of(files, *limits),
        result_of(files, *limits, "--precision", "int8"),
    )

    assert small["accuracy"] > whole["accuracy"]
    assert small["params"] > whole["params"]
    assert small["predictions"]["model size"] <= 500_000


def test_resolutions_narrow_the_space(files: Path) -> None:
    free = result_of(files)
    narrow = result_of(files, "--resolutions", "24,28")

    assert free["arch"]["resolution"] == 32
    assert narrow["arch"]["resolution"] == 28
    assert narrow["provenance"]["resolutions"] == [24, 28]


@pytest.mark.parametrize("strategy", ["evolution", "regularised", "random"])
def test_the_requested_strategy_is_used_and_printed(strategy: str, files: Path) -> None:
    data = result_of(files, "--strategy", strategy, "--max-macs", "2e6")

    assert data["strategy"] == strategy
    assert data["macs"] <= 2e6
    assert data["evaluated"] <= 600
    assert data["provenance"]["budget"] == 600
    assert data["provenance"]["patience"] == 20


def test_a_higher_confidence_leaves_a_larger_margin(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limit = ("--latency", str(files / "sure.parquet"), "--max-latency-ms", "2")

    plain, sure = result_of(files, *limit), result_of(files, *limit, "--confidence", "95%")

    ms = sure["predictions"][TARGET.key]
    (margin,) = sure["margins"]
    assert sure["bounds"][TARGET.key] == pytest.approx(
        ms * (1 + margin["parts"]["margin"]), rel=1e-4
    )
    assert (margin["horizon_s"], margin["limit_on"], margin["sessions"]) == (86400, "raw", 1)
    assert sure["bounds"][TARGET.key] <= 2 == sure["limits"][TARGET.key]
    assert (plain["bounds"], plain["confidence"], sure["confidence"]) == ({}, None, 0.95)
    assert ms < plain["predictions"][TARGET.key] <= 2
    assert "with its margin, of 2 ms" in capsys.readouterr().out


def test_a_front_is_written_and_shown(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    p, p2 = (str(files / name) for name in ("p.parquet", "p2.parquet"))

    data = result_of(files, "--latency", p, "--latency", p2, "--pareto", "--points", "5")

    assert data["format"] == FORMAT
    assert data["objectives"] == ["accuracy", TARGET.key, OTHER.key]
    assert len(data["front"]) == 5
    costs = [item["predictions"][TARGET.key] for item in data["front"]]
    assert costs == sorted(costs)
    assert {item["strategy"] for item in data["front"]} == {"front"}
    figures = np.array(
        [[*item["predictions"].values(), -item["accuracy"]] for item in data["front"]]
    )
    for row in figures:  # none is dominated by another
        assert not ((figures <= row).all(axis=1) & (figures < row).any(axis=1)).any()
    out = capsys.readouterr().out
    assert f"ms 1: {TARGET.key}" in out
    assert f"ms 2: {OTHER.key}" in out
    assert len(out.splitlines()) == 2 + 1 + 5 + 2


def test_a_front_keeps_other_limits(files: Path) -> None:
    p = str(files / "p.parquet")

    data = result_of(files, "--latency", p, "--pareto", "--points", "3", "--max-params", "200000")

    assert [item["limits"] for item in data["front"]] == [{"params": 200000}] * 3
    assert all(item["params"] <= 200000 for item in data["front"])


def test_seconds_end_a_search(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = result_of(files, "--seconds", "0.001s", "--max-macs", "1e9")

    assert data["evaluated"] == len(TINY.resolutions) * 2 + 100  # the first batch
    assert data["ended_by"] == "seconds"
    assert capsys.readouterr().out.count("limited by --seconds") == 1

    assert result_of(files, "--seconds", "1h", "--budget", "150", "--max-macs", "1e9")[
        "ended_by"
    ] == ("evaluations")
    assert "limited" not in capsys.readouterr().out


def test_a_front_ended_by_seconds_is_reported_once(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    p = str(files / "p.parquet")

    data = result_of(files, "--latency", p, "--pareto", "--points", "3", "--seconds", "0.001s")

    assert {item["ended_by"] for item in data["front"]} == {"seconds"}
    assert capsys.readouterr().out.count("limited by --seconds") == 1


def test_without_a_terminal_stderr_has_the_last_line_only(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result_of(files, "--max-macs", "2e6")

    err = capsys.readouterr().err.splitlines()
    assert err == [f"written to {files / 'r.json'}; the accuracy is predicted, expect less"]


def test_json_is_all_that_is_printed(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    front = ("--latency", str(files / "p.parquet"), "--pareto", "--points", "2")

    data = result_of(files, *front, "--json")

    output = capsys.readouterr()
    assert json.loads(output.out) == data
    assert output.err == ""


def test_without_a_terminal_no_panel_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_search, "on_terminal", lambda: False)

    assert type(live_search.get_search_watcher()).__name__ == "NoWatcher"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--strategy", "exhaustive"), "tiny has 1.81e+08 networks"),
        (("--strategy", "luck"), "invalid choice: 'luck'"),
        (("--resolutions", "31"), "tiny has no resolution 31, it has 24, 28, 32"),
        (("--resolutions", "24,x"), "expected a whole number of at least 1, got 'x'"),
        (("--confidence", "0.9"), "there is no --max-latency-ms"),
        (("--confidence", "sure"), "expected a number above 0, got 'sure'"),
        (("--session-spread", "0.02"), "--session-spread is for the margin of --confidence"),
        (("--horizon", "1h"), "--horizon and --limit-on are for --confidence"),
        (("--limit-on", "corrected"), "--horizon and --limit-on are for --confidence"),
        (("--limit-on", "mean"), "invalid choice: 'mean'"),
        (("--horizon", "5"), "expected a time like 90s, 5m or 1h, got '5'"),
        (("--max-macs", "none"), "expected a number above 0, got 'none'"),
        (("--max-params", "-3"), "expected a number above 0"),
        (("--max-memory-bytes", "1 XB"), "expected bytes like 20e6, 1.5M or 512Ki, got '1 XB'"),
        (("--max-size-bytes", "0"), "expected bytes like"),
        (("--precision", "int4"), "invalid choice: 'int4'"),
        (("--budget", "0"), "expected a whole number of at least 1, got '0'"),
        (("--budget", "1e3"), "expected a whole number of at least 1, got '1e3'"),
        (("--patience", "0"), "expected a whole number of at least 1, got '0'"),
        (("--seconds", "5"), "expected a time like 90s, 5m or 1h, got '5'"),
        (("--seconds", "0s"), "expected a time like 90s"),
        (("--seed", "x"), "expected a whole number of at least 0, got 'x'"),
        (("--seed", "-1"), "expected a whole number of at least 0, got '-1'"),
        (("--points", "0"), "expected a whole number of at least 1, got '0'"),
        (("--space", "huge"), "unknown space 'huge'"),
        (("--accuracy", "nowhere.parquet"), "nowhere.parquet"),
        (("--accuracy", "ofa:"), "names no file"),
        (("--latency", "nowhere.parquet", "--max-latency-ms", "3"), "nowhere.parquet"),
        (("--max-macs", "1"), "the least is"),
        (("--max-memory-bytes", "1"), "peak memory: 1 bytes was requested"),
        (("--max-size-bytes", "1k"), "model size: 1000 bytes was requested"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, tuple) else "message",
)
def test_wrong_input_is_refused_in_one_line(
    more: tuple[str, ...], message: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in fails(capsys, files, *more)


@pytest.mark.parametrize(
    ("names", "more", "message"),
    [
        (("p",), ("--confidence", "0.9", "--max-latency-ms", "3"), "a confidence cannot be met"),
        (("sure",), ("--confidence", "1.5", "--max-latency-ms", "3"), "below 1, as 0.95"),
        (("sure",), ("--confidence", "0.3", "--max-latency-ms", "3"), "at least 0.5"),
        (("p",), ("--pareto", "--confidence", "0.9"), "there is no --max-latency-ms"),
        (("p", "p2"), ("--pareto", "--max-latency-ms", "3"), "without limits on them, got 2"),
        (("p", "p2"), ("--max-latency-ms", "3"), "got 2 --latency and 1 --max-latency-ms"),
        (("p",), (), "got 1 --latency and 0 --max-latency-ms"),
        (("p", "sure"), ("--max-latency-ms", "3") * 2, "two --latency have the same target"),
        (("p",), ("--pareto", "--strategy", "random"), "a front has its own strategy"),
        (("p",), ("--pareto", "--max-params", "5"), "no network of tiny is within the limit"),
        (("p",), ("--max-latency-ms", "3", "--max-macs", "1"), "macs: 1 MACs was requested"),
    ],
    ids=str,
)
def test_incompatible_predictors_are_refused(
    names: tuple[str, ...],
    more: tuple[str, ...],
    message: str,
    files: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [part for name in names for part in ("--latency", str(files / f"{name}.parquet"))]

    assert message in fails(capsys, files, *given, *more)


def test_every_network_of_a_space_that_is_small_enough(tmp_path: Path) -> None:
    file = tmp_path / "small.toml"
    file.write_text(MOBILE.text)
    space = SearchSpace.load(file)
    codes = space.sample_codes(np.random.default_rng(0), 40)
    fit_accuracy(space, codes, 0.5 + codes.sum(axis=1) / 1e3).save(tmp_path / "a.parquet")
    exhaustive = ("--strategy", "exhaustive", "--budget", "100000")

    out = tmp_path / "r.json"
    assert search_of(str(file), str(tmp_path / "a.parquet"), out, *exhaustive) == 0

    assert json.loads(out.read_text())["evaluated"] == space.count() * len(space.resolutions)


def test_the_accuracy_that_ofa_published(tmp_path: Path, shared_data: Path) -> None:
    space, out = "ofa-mbv3-w1.0", tmp_path / "r.json"
    latency(space, TARGET, (224,)).save(tmp_path / "p.parquet")
    limit = ("--latency", str(tmp_path / "p.parquet"), "--max-latency-ms", "230")
    accuracy = f"ofa:{shared_data / 'ofa_mbv3_acc_predictor.pth'}"

    assert search_of(space, accuracy, out, *limit, "--resolutions", "224") == 0

    data = json.loads(out.read_text())
    assert data["arch"]["resolution"] == 224
    assert 180 < data["predictions"][TARGET.key] <= 230  # 230 M MACs at a ns each
    assert 0.79 < data["accuracy"] < 0.85  # about 6 points high
    assert data["provenance"]["accuracy"]["kind"] == "ofa-published"


def test_the_accuracy_that_ofa_published_is_of_no_other_space(
    tmp_path: Path, shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    accuracy = f"ofa:{shared_data / 'ofa_mbv3_acc_predictor.pth'}"

    assert search_of("tiny", accuracy, tmp_path / "r.json") == 2

    assert "knows ofa-mbv3-w1.0" in capsys.readouterr().err
    assert not (tmp_path / "r.json").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20e6", 20e6),
        ("1.5M", 1.5e6),
        ("512Ki", 512 * 1024),
        ("2GB", 2e9),
        ("3kiB", 3072),
        ("7", 7),
        ("1 MB", 1e6),
        ("1e+3", 1000),
    ],
)
def test_sizes_are_read(text: str, expected: float) -> None:
    assert size(text) == expected


def size(text: str) -> float | None:
    return LimitOptions.read({"max_size_bytes": text}).max_size_bytes


def test_equal_seeds_give_the_same_file(files: Path) -> None:
    limits = ("--max-macs", "2e6", "--latency", str(files / "p2.parquet"))

    first = result_of(files, *limits, "--max-latency-ms", "0.006")
    same = result_of(files, *limits, "--max-latency-ms", "0.006")

    for data in (first, same):
        del data["provenance"]  # which has the seconds
    assert first == same


def test_a_failed_search_keeps_the_existing_result(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (files / "kept.json").write_text("mine")

    assert search(files, "--max-macs", "1", out="kept.json") == 2

    assert (files / "kept.json").read_text() == "mine"
    assert "macs: 1 MACs was requested" in capsys.readouterr().err
