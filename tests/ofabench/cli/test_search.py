"""`ofabench search` from its arguments to its file, its figures and its refusals."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ofabench.cli import main as cli
from supernet.search.result_file import read_network
from tests.support.search_runs import OTHER, TARGET, TINY, fails, latency, search, write_predictors


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_predictors(tmp_path_factory.mktemp("predictors"))


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
    assert data["evaluated"] <= 600
    assert (data["strategy"], data["confidence"], data["bounds"]) == ("evolution", None, {})
    assert data["units"] == {TARGET.key: "ms", "params": "parameters"}
    assert data["seed"] == 3
    assert data["history"][-1]["accuracy"] == data["accuracy"]
    assert data["provenance"]["latency"][0]["target"] == TARGET.key
    assert len(data["provenance"]["accuracy"]["sha256"]) == 64
    assert data["extrapolated"] == {TARGET.key: []}
    assert "expect a lower value" in data["note"]


def test_equal_seeds_give_the_same_network(files: Path) -> None:
    limit = ("--max-macs", "2e6")

    search(files, *limit, out="one.json")
    search(files, *limit, out="two.json")

    first, second = (json.loads((files / name).read_text()) for name in ("one.json", "two.json"))
    assert first["arch"] == second["arch"]
    assert first["history"] == second["history"]


def test_json_goes_to_stdout(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    search(files, "--max-macs", "2e6", "--json")

    out = capsys.readouterr().out
    assert json.loads(out) == json.loads((files / "r.json").read_text())


def test_limits_on_one_target_give_a_network_for_each(files: Path) -> None:
    p = str(files / "p.parquet")
    limits = ("--max-latency-ms", "3", "--max-latency-ms", "1", "--max-latency-ms", "2")

    assert search(files, "--latency", p, *limits, "--pareto", out="front.json") == 0

    data = json.loads((files / "front.json").read_text())
    assert data["objectives"] == ["accuracy", TARGET.key]
    assert [item["limits"][TARGET.key] for item in data["front"]] == [1, 2, 3]
    assert all(
        item["predictions"][TARGET.key] <= item["limits"][TARGET.key] for item in data["front"]
    )
    accuracies = [item["accuracy"] for item in data["front"]]
    assert accuracies == sorted(accuracies)


def test_two_devices_hold_at_once(files: Path) -> None:
    limits = ("--latency", str(files / "p.parquet"), "--max-latency-ms", "3")
    more = ("--latency", str(files / "p2.parquet"), "--max-latency-ms", "0.006")

    assert search(files, *limits, *more) == 0

    data = json.loads((files / "r.json").read_text())
    assert data["predictions"][TARGET.key] == pytest.approx(data["macs"] / 1e6)
    assert data["predictions"][OTHER.key] == pytest.approx(data["params"] / 30e6)
    assert data["predictions"][TARGET.key] <= 3
    assert data["predictions"][OTHER.key] <= 0.006
    assert data["units"] == {TARGET.key: "ms", OTHER.key: "ms"}


def test_unmeasured_blocks_are_avoided_unless_allowed(
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


def test_a_space_of_only_extrapolated_blocks_is_refused(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the blocks of one space, another's predictor knows none."""
    full = latency("tiny", TARGET)
    strange = {block: ms for block, ms in full.known.items() if block.kind != "stem"}
    replace(full, known=strange).save(files / "no-stem.parquet")

    message = fails(
        capsys, files, "--latency", str(files / "no-stem.parquet"), "--max-latency-ms", "1000"
    )

    assert "extrapolated on" in message
    assert "--allow-extrapolated" in message


def test_an_impossible_limit_names_the_fastest(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fastest_ms = sum(block.macs for block in TINY.blocks(TINY.smallest())) / 1e6

    message = fails(
        capsys, files, "--latency", str(files / "p.parquet"), "--max-latency-ms", "0.0001"
    )

    assert f"the fastest network takes {fastest_ms:.4g} ms" in message


@pytest.mark.parametrize("limit", ["nan", "fast", "-1", "inf", "0"])
def test_a_limit_that_is_no_number(
    limit: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = fails(capsys, files, "--latency", "p", f"--max-latency-ms={limit}")

    assert "expected a number above 0" in message


def test_predictors_of_another_space(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    latency("ofa-resnet50d", TARGET).save(files / "resnet.parquet")
    wrong = ("--latency", str(files / "resnet.parquet"), "--max-latency-ms", "9")

    assert "of which the space tiny has 0: it is of another space" in fails(capsys, files, *wrong)
    of_tiny = ("--accuracy", str(files / "a.parquet"), "--out", str(files / "absent.json"))
    assert cli.main(["search", "--space", "ofa-resnet50d", "--max-macs", "1e9", *of_tiny]) == 2
    assert "accuracy predictor is of the space tiny" in capsys.readouterr().err


def test_files_that_are_no_predictors(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = fails(capsys, files, "--latency", str(files / "a.parquet"), "--max-latency-ms", "9")
    assert "accuracy predictor, expected a latency predictor" in message

    (files / "cut.parquet").write_bytes((files / "p.parquet").read_bytes()[:-40])
    message = fails(capsys, files, "--latency", str(files / "cut.parquet"), "--max-latency-ms", "9")
    assert "cut.parquet" in message


def test_limits_without_their_latency(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "one limit for each" in fails(capsys, files, "--max-latency-ms", "9")
    assert "--pareto takes one --latency" in fails(capsys, files, "--pareto")
    p = str(files / "p.parquet")
    twice = ("--latency", p, "--max-latency-ms", "9", "--latency", p, "--max-latency-ms", "8")
    assert "have the same target" in fails(capsys, files, *twice)


def test_a_folder_that_does_not_exist(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = fails(capsys, files, "--max-macs", "2e6", out="nowhere/r.json")

    assert "cannot write" in message
