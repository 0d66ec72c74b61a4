"""`ofabench search` from its arguments to its file, its figures and its refusals."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.spec import Target
from latency_models.features import PHYSICAL
from latency_models.predictors import LatencyPredictor
from latency_models.regression import Regression
from ofabench import cli
from supernet.accuracy.predictor import fit_accuracy
from supernet.search_file import read_network
from supernet.space import SearchSpace

TINY = SearchSpace.load("tiny")
TARGET = Target(device="toy", backend="onnx", backend_version="1")
NS_A_MAC = 1.0


@pytest.fixture(autouse=True)
def _only_this_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "COMMANDS", ("search",))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An accuracy predictor that likes large networks, and a latency of one ns a MAC."""
    folder = tmp_path_factory.mktemp("predictors")
    codes = TINY.sample_codes(np.random.default_rng(0), 60)
    accuracy = 0.5 + 0.4 * (codes.sum(axis=1) - codes.min()) / 150
    fit_accuracy(TINY, codes, accuracy).save(folder / "a.parquet")
    latency("tiny", TARGET).save(folder / "p.parquet")
    return folder


def latency(
    space: str, target: Target, resolutions: tuple[int, ...] | None = None
) -> LatencyPredictor:
    """One ns a MAC for the blocks of these resolutions, 1 ms for every launch of the others."""
    blocks = SearchSpace.load(space).unique_blocks(resolutions)
    known = {block: (block.macs * NS_A_MAC / 1e6,) * 2 for block in blocks}
    launches = np.array([float(name == "launches") for name in PHYSICAL])
    models = {("*", what): Regression(coefficients=launches) for what in ("warm", "cold")}
    return LatencyPredictor(target=target, provenance={}, known=known, models=models)


def search(files: Path, *more: str, out: str = "r.json") -> int:
    common = ("search", "--space", "tiny", "--accuracy", str(files / "a.parquet"))
    budget = ("--budget", "2000", "--seed", "3", "--out", str(files / out))
    return cli.main([*common, *budget, *more])


def fails(
    capsys: pytest.CaptureFixture[str], files: Path, *more: str, out: str = "absent.json"
) -> str:
    """Run a search that must exit 2, and give its one line."""
    try:
        code: object = search(files, *more, out=out)
    except SystemExit as stopped:  # argparse's way to refuse
        code = stopped.code
    told = capsys.readouterr().err.strip()
    assert code == 2
    assert not (files / out).exists()
    assert len(told.splitlines()) == 1
    return told


def test_a_search_writes_the_network_with_its_figures(files: Path) -> None:
    p = str(files / "p.parquet")

    assert search(files, "--latency", p, "--max-latency-ms", "1.5", "--max-params", "1e6") == 0

    data = json.loads((files / "r.json").read_text())
    space, arch = data["space"], read_network(files / "r.json").arch
    blocks = TINY.blocks(arch)
    assert space == data["arch"]["space"] == "tiny"
    assert data["macs"] == sum(block.macs for block in blocks)
    assert data["params"] == sum(block.params for block in blocks) <= 1e6
    assert data["predictions"][TARGET.key] == pytest.approx(data["macs"] / 1e6)
    assert data["predictions"][TARGET.key] <= 1.5 == data["limits"][TARGET.key]
    assert data["evaluated"] <= 2000
    assert data["seed"] == 3
    assert data["history"][-1]["accuracy"] == data["accuracy"]
    assert data["provenance"]["latency"][0]["target"] == TARGET.key
    assert len(data["provenance"]["accuracy"]["sha256"]) == 64
    assert data["extrapolated"] == {TARGET.key: []}
    assert "expect less" in data["note"]


def test_the_same_seed_writes_the_same_network(files: Path) -> None:
    limit = ("--max-macs", "2e6")

    search(files, *limit, out="one.json")
    search(files, *limit, out="two.json")

    one, two = (json.loads((files / name).read_text()) for name in ("one.json", "two.json"))
    assert one["arch"] == two["arch"]
    assert one["history"] == two["history"]


def test_json_goes_to_stdout(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    search(files, "--max-macs", "2e6", "--json")

    out = capsys.readouterr().out
    assert json.loads(out) == json.loads((files / "r.json").read_text())


def test_a_front_has_a_network_for_each_limit(files: Path) -> None:
    p = str(files / "p.parquet")

    assert search(files, "--latency", p, "--pareto", out="front.json") == 0

    front = json.loads((files / "front.json").read_text())["front"]
    latencies = [one["predictions"][TARGET.key] for one in front]
    limits = [one["limits"][TARGET.key] for one in front]
    assert len(front) == 8
    assert limits == sorted(limits)
    assert all(ms <= limit for ms, limit in zip(latencies, limits, strict=True))
    assert front[-1]["accuracy"] > front[0]["accuracy"]


def test_two_devices_hold_at_once(files: Path) -> None:
    other = Target(device="other", backend="onnx", backend_version="1")
    latency("tiny", other).save(files / "p2.parquet")
    limits = ("--latency", str(files / "p.parquet"), "--max-latency-ms", "3")
    more = ("--latency", str(files / "p2.parquet"), "--max-latency-ms", "2")

    assert search(files, *limits, *more) == 0

    predicted = json.loads((files / "r.json").read_text())["predictions"]
    assert predicted[TARGET.key] == predicted[other.key] <= 2


def test_what_was_never_measured_is_avoided_unless_asked_for(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    latency("tiny", TARGET, (24,)).save(files / "p24.parquet")
    p24 = ("--latency", str(files / "p24.parquet"), "--max-latency-ms", "1000")

    assert search(files, *p24) == 0
    avoided = json.loads((files / "r.json").read_text())
    assert "never measured" not in capsys.readouterr().out
    assert search(files, *p24, "--allow-extrapolated") == 0

    data = json.loads((files / "r.json").read_text())
    blocks = {block.key for block in TINY.blocks(TINY.from_line(json.dumps(data["arch"])))}
    named = data["extrapolated"][TARGET.key]
    assert (avoided["arch"]["resolution"], data["arch"]["resolution"]) == (24, 32)
    assert avoided["extrapolated"] == {TARGET.key: []}
    assert named
    assert blocks.issuperset(named)
    assert set(named) <= set(data["unmeasured"][TARGET.key])
    assert "were never measured" in capsys.readouterr().out


def test_nothing_but_guesses_is_told(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the blocks of one space, another's predictor knows none."""
    full = latency("tiny", TARGET)
    strange = {block: ms for block, ms in full.known.items() if block.kind != "stem"}
    replace(full, known=strange).save(files / "no-stem.parquet")

    told = fails(
        capsys, files, "--latency", str(files / "no-stem.parquet"), "--max-latency-ms", "1000"
    )

    assert "extrapolated on" in told
    assert "--allow-extrapolated" in told


def test_an_impossible_limit_names_the_fastest(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fastest_ms = sum(block.macs for block in TINY.blocks(TINY.smallest())) / 1e6

    told = fails(capsys, files, "--latency", str(files / "p.parquet"), "--max-latency-ms", "0.0001")

    assert f"the fastest network takes {fastest_ms:.4g} ms" in told


@pytest.mark.parametrize("limit", ["nan", "fast", "-1", "inf", "0"])
def test_a_limit_that_is_no_number(
    limit: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = fails(capsys, files, "--latency", "p", f"--max-latency-ms={limit}")

    assert "expected a number above 0" in told


def test_predictors_of_another_space(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    latency("ofa-resnet50d", TARGET).save(files / "resnet.parquet")
    wrong = ("--latency", str(files / "resnet.parquet"), "--max-latency-ms", "9")

    assert "of which the space tiny has 0: it is of another space" in fails(capsys, files, *wrong)
    of_tiny = ("--accuracy", str(files / "a.parquet"), "--out", str(files / "absent.json"))
    assert cli.main(["search", "--space", "ofa-resnet50d", "--max-macs", "1e9", *of_tiny]) == 2
    assert "accuracy predictor is of the space tiny" in capsys.readouterr().err


def test_files_that_are_no_predictors(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = fails(capsys, files, "--latency", str(files / "a.parquet"), "--max-latency-ms", "9")
    assert "accuracy predictor, expected a latency predictor" in told

    (files / "cut.parquet").write_bytes((files / "p.parquet").read_bytes()[:-40])
    told = fails(capsys, files, "--latency", str(files / "cut.parquet"), "--max-latency-ms", "9")
    assert "cut.parquet" in told


def test_limits_without_their_latency(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "one limit for each" in fails(capsys, files, "--max-latency-ms", "9")
    assert "takes one --latency" in fails(capsys, files, "--pareto")
    p = str(files / "p.parquet")
    twice = ("--latency", p, "--max-latency-ms", "9", "--latency", p, "--max-latency-ms", "8")
    assert "of one target" in fails(capsys, files, *twice)


def test_a_folder_that_does_not_exist(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = fails(capsys, files, "--max-macs", "2e6", out="nowhere/r.json")

    assert "cannot write" in told
