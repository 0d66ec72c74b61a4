"""`ofabench table`: from a sweep to files, and its refusals."""

import json
import shlex
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from latency_models.tables.networks import NetworksTable
from latency_models.tables.table import LatencyTable
from ofabench.cli import main as cli
from supernet.space.space import SearchSpace

YAML = "Conv-input:224x224x3-output:112x112x24:\n  count: 100\n  mean: 2.0\n  std: 0.5\n"


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of a few blocks and networks of `tiny` on the fake device."""
    path = tmp_path_factory.mktemp("sweep") / "s.sqlite"
    common = ["sweep", "--space", "tiny", "--device", "fake", "--backend", "fake"]
    assert cli.main([*common, "--blocks", "20", "--networks", "5", "--out", str(path)]) == 0
    return path


def fails(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """Run a command that must exit 2 with one line; return the line."""
    capsys.readouterr()
    try:
        code: object = cli.main(["table", *argv])
    except SystemExit as stopped:  # argparse's way to refuse
        code = stopped.code
    error = capsys.readouterr().err.strip()
    assert code == 2
    assert len(error.splitlines()) == 1
    return error


@pytest.mark.slow
def test_build_makes_both_tables(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    t, n = tmp_path / "t.parquet", tmp_path / "n.parquet"

    assert cli.main(["table", "build", str(sweep), "--out", str(t), "--networks-out", str(n)]) == 0

    table, networks = LatencyTable.load(t), NetworksTable.load(n)
    assert len(table) == 20
    assert table.target.device == "fake"
    assert table.provenance["space"] == "tiny"
    assert len(networks.frame) == 5
    assert networks.space == "tiny"
    assert networks.target_of(networks.column_or_only(None)) == table.target
    assert "20 blocks" in capsys.readouterr().out


@pytest.mark.slow
def test_show_for_people_and_machines(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    t = tmp_path / "t.parquet"
    cli.main(["table", "build", str(sweep), "--out", str(t)])
    capsys.readouterr()

    assert cli.main(["table", "show", str(t)]) == 0
    shown = capsys.readouterr().out
    assert "mbconv" in shown
    assert "drift       5 anchor networks, 1 measurement sessions\n" in shown
    assert shown.startswith("target ")
    assert shown.index("median_ms") < shown.index("\nblocks ") < shown.index("\nfacts\n")

    assert cli.main(["table", "show", str(t), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["blocks"] == 20
    assert sum(data["kinds"].values()) == 20


def test_export_csv(sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    t, csv = tmp_path / "t.parquet", tmp_path / "t.csv"
    cli.main(["table", "build", str(sweep), "--out", str(t)])
    capsys.readouterr()

    assert cli.main(["table", "export", str(t), "--format", "csv"]) == 0
    printed = capsys.readouterr().out
    assert cli.main(["table", "export", str(t), "--format", "csv", "--out", str(csv)]) == 0

    assert csv.read_text() == printed
    assert pd.read_csv(csv)["latency_ms"].tolist() == pytest.approx(
        LatencyTable.load(t).rows["latency_ms"].tolist()
    )


def imported(*more: str) -> list[str]:
    return ["import", "--format", "ofa", "--device", "note10", "--backend", "tflite", *more]


def test_import_and_export_ofa(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    yaml, t = tmp_path / "a.yaml", tmp_path / "t.parquet"
    yaml.write_text(YAML)

    assert cli.main(["table", *imported(str(yaml), "--out", str(t))]) == 0
    assert LatencyTable.load(t).target.device == "note10"
    capsys.readouterr()
    assert cli.main(["table", "export", str(t), "--format", "ofa"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == YAML.splitlines()[0]


def test_import_of_ofa_in_json_with_its_unit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, t = tmp_path / "a.json", tmp_path / "t.parquet"
    entry = {"count": 100, "mean": 2000.0, "std": 500.0, "unit": "us"}
    file.write_text(json.dumps({"Conv-input:224x224x3-output:112x112x24": entry}))

    assert cli.main(["table", *imported(str(file), "--out", str(t))]) == 0
    capsys.readouterr()
    assert cli.main(["table", "export", str(t), "--format", "ofa"]) == 0

    output = capsys.readouterr().out.splitlines()
    assert output[0] == YAML.splitlines()[0]
    assert output[2] == "  mean: 2.0"


def test_a_table_of_relu6_goes_out_in_the_ratio_style(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = "expanded_conv-input:14x14x16-output:7x7x24-expand:3-kernel:5-stride:2-idskip:0:"
    yaml, t, out = tmp_path / "a.yaml", tmp_path / "t.parquet", tmp_path / "b.yaml"
    yaml.write_text(f"{key}\n  count: 1\n  mean: 2.0\n  std: 0.5\n")

    assert cli.main(["table", *imported(str(yaml), "--out", str(t))]) == 0
    assert cli.main(["table", "export", str(t), "--format", "ofa", "--out", str(out)]) == 0

    assert out.read_text() == yaml.read_text()


TFNAS = """\
block,res,cin,se_mid,cout,k,s,act,mid,ms
base,,,,,,,,,9.5
MBInvertedResBlock,56,4,0,4,3,1,relu,1,-0.5
MBInvertedResBlock,56,4,0,4,3,1,relu,4,0.5
"""


def test_import_of_tfnas_counts_the_rows_that_it_ignores(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csv, t = tmp_path / "a.csv", tmp_path / "t.parquet"
    csv.write_text(TFNAS)
    argv = ["import", str(csv), "--format", "tfnas", "--device", "xeon", "--backend", "torch"]

    assert cli.main(["table", *argv, "--out", str(t)]) == 0

    output = capsys.readouterr().out
    assert ": 1 blocks of xeon/" in output
    assert "1 rows skipped: not above 0" in output
    assert "9.500 ms for the rest of a network" in output
    assert LatencyTable.load(t).provenance["base_ms"] == 9.5


def test_costs_by_operator_are_imported_shown_and_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, t = tmp_path / "a.json", tmp_path / "t.parquet"
    file.write_text(json.dumps([None, [1000.0] * 9, [2000.0] * 8]))
    argv = ["import", str(file), "--format", "fbnet", "--device", "pi4", "--backend", "tf"]

    assert cli.main(["table", *argv, "--out", str(t)]) == 0
    assert "1 not measured: op1/skip" in capsys.readouterr().out
    assert cli.main(["table", "show", str(t)]) == 0
    assert "k3_e1_g2" in capsys.readouterr().out
    assert cli.main(["table", "show", str(t), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["categories"] == 17
    assert cli.main(["table", "export", str(t), "--format", "csv"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "op0,0,1.0,True"
    assert "expected a latency table" in fails(capsys, "export", str(t), "--format", "ofa")
    assert "one file, got 2" in fails(capsys, "import", str(file), *argv[1:], "--out", str(t))


def test_refused_commands_change_no_file(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, bad = tmp_path / "t.parquet", tmp_path / "bad"
    bad.write_bytes(b"not a table")
    build = ("build", str(sweep), "--out", str(out))

    assert "absent.sqlite" in fails(
        capsys, "build", str(tmp_path / "absent.sqlite"), "--out", str(out)
    )
    assert "bad" in fails(capsys, "build", str(bad), "--out", str(out))
    assert "name two files" in fails(capsys, *build, "--networks-out", str(out))
    assert "cannot write" in fails(
        capsys, "build", str(sweep), "--out", str(tmp_path / "no" / "t.parquet")
    )
    absent = tmp_path / "no" / "n.parquet"
    assert "cannot write" in fails(capsys, *build, "--networks-out", str(absent))
    assert "not a readable parquet file" in fails(capsys, "show", str(bad))
    assert "no OFA look-up table" in fails(capsys, *imported(str(bad), "--out", str(out)))
    assert "threads" in fails(capsys, *imported(str(bad), "--threads", "0", "--out", str(out)))
    for name, item in (("tfnas", "no TF-NAS look-up table"), ("fbnet", "no FBNet look-up table")):
        request = ("--format", name, "--device", "d", "--backend", "b", "--out", str(out))
        assert item in fails(capsys, "import", str(bad), *request)
    only = imported(str(bad), "--measured-only", "--out", str(out))
    assert "--measured-only is for --format tfnas" in fails(capsys, *only)
    assert "invalid choice" in fails(capsys, "export", str(bad), "--format", "xml")
    assert not out.exists()


@pytest.fixture(scope="module")
def own_space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A space file, and sweeps of it beside: n.sqlite of networks alone, b.sqlite of both."""
    folder = tmp_path_factory.mktemp("own space")
    text = SearchSpace.load("tiny").text.replace('name = "tiny"', 'name = "mine"')
    (folder / "mine.toml").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        common = ["sweep", "--space", "mine.toml", "--device", "fake", "--backend", "fake"]
        few = ["--networks", "12", "--loads", "2", "--passes", "2"]
        for blocks, name in (("0", "n.sqlite"), ("3", "b.sqlite")):
            assert cli.main([*common, *few, "--blocks", blocks, "--out", name]) == 0
    return folder


def without_its_space(sweep: Path, to: Path) -> Path:
    """A copy of a sweep as an older ofabench left it."""
    shutil.copy(sweep, to)
    with closing(sqlite3.connect(to)) as connection, connection:
        connection.execute("DELETE FROM meta WHERE name = 'space_toml'")
    return to


def test_the_next_command_of_a_sweep_runs_without_the_file_of_its_space(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere, work = tmp_path / "elsewhere", tmp_path / "work"
    elsewhere.mkdir()
    work.mkdir()
    monkeypatch.chdir(work)
    mine = SearchSpace.load("tiny").text.replace('name = "tiny"', 'name = "mine"')
    (elsewhere / "mine.toml").write_text(mine)
    sweep = ["sweep", "--space", str(elsewhere / "mine.toml"), "--device", "fake"]
    few = ["--blocks", "30", "--networks", "12", "--loads", "2", "--passes", "2"]
    assert cli.main([*sweep, "--backend", "fake", *few, "--out", "s.sqlite"]) == 0
    (line,) = [
        splitline
        for splitline in capsys.readouterr().out.splitlines()
        if splitline.startswith("next")
    ]
    shutil.rmtree(elsewhere)

    assert cli.main(shlex.split(line.removeprefix("next"))[1:]) == 0

    table, networks = LatencyTable.load("T.parquet"), NetworksTable.load("N.parquet")
    assert (len(table), len(networks)) == (30, 12)
    assert table.provenance["space_toml"] == networks.provenance["space_toml"] == mine
    assert table.provenance["space"] == networks.space == "mine"
    assert "sweep --space mine.toml --device" in table.command_for(table.specs[0])
    capsys.readouterr()
    assert cli.main(["table", "show", "T.parquet"]) == 0
    shown = capsys.readouterr().out
    assert "space       mine" in shown
    assert "[[stages]]" not in shown


@pytest.mark.slow
def test_a_space_that_is_given_must_be_that_of_the_sweep(
    own_space: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    n = tmp_path / "n.parquet"
    build = ("build", str(own_space / "n.sqlite"), "--networks-out", str(n))
    fewer = (own_space / "mine.toml").read_text().replace("[1, 2, 3]", "[2, 3]", 1)
    namesake = tmp_path / "namesake.toml"
    namesake.write_text(fewer)

    message = fails(capsys, *build, "--space", "tiny")
    assert "the sweep is of the space 'mine', --space tiny is 'tiny': leave --space out" in message
    message = fails(capsys, *build, "--space", str(namesake))
    assert f"a space 'mine' with other choices than those of --space {namesake}" in message
    assert "'mine', --space is onehot: leave" in fails(capsys, *build, "--space", "onehot")
    assert not n.exists()
    assert cli.main(["table", *build, "--space", str(own_space / "mine.toml")]) == 0


@pytest.mark.slow
def test_a_sweep_of_networks_gives_a_table_with_its_space(
    own_space: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    n, t, p = (tmp_path / name for name in ("n.parquet", "t.parquet", "p.parquet"))
    older = without_its_space(own_space / "n.sqlite", tmp_path / "older.sqlite")
    build = ["build", str(older), "--networks-out", str(n)]
    own = ["--space", str(own_space / "mine.toml")]

    assert "the sweep is older and has the space 'mine', which ofabench does not ship: give" in (
        fails(capsys, *build)
    )
    assert "give --networks-out" in fails(capsys, *build[:2], "--out", str(t), *own)
    assert "nothing to build" in fails(capsys, *build[:2], *own)
    assert "the sweep is of the space 'mine'" in fails(capsys, *build, "--space", "tiny")
    assert not n.exists()
    assert cli.main(["table", *build, *own, "--out", str(t)]) == 0
    assert "t.parquet: not written, the sweep measured networks alone" in capsys.readouterr().out
    assert cli.main(["table", *build, *own]) == 0
    assert capsys.readouterr().out == f"{n}: 12 networks\n"

    assert not t.exists()
    # Its space goes with it: neither the folder nor the file is needed any more.
    monkeypatch.chdir(tmp_path)
    saved = NetworksTable.load(n)
    replace(saved, space="gone.toml").save(n)
    assert cli.main(["fit", "--networks", str(n), "--out", str(p)]) == 0
    assert cli.main(["evaluate", str(p), "--networks", str(n)]) == 0


def test_networks_may_be_all_that_is_wanted_of_a_sweep_of_both(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    n = tmp_path / "n.parquet"
    capsys.readouterr()

    assert cli.main(["table", "build", str(sweep), "--networks-out", str(n)]) == 0

    assert capsys.readouterr().out == f"{n}: 5 networks\n"


def test_the_command_for_a_missing_block_names_the_file_of_its_space(
    own_space: Path, tmp_path: Path
) -> None:
    t, own = tmp_path / "t.parquet", str(own_space / "mine.toml")

    argv = ["table", "build", str(own_space / "b.sqlite"), "--out", str(t), "--space", own]
    assert cli.main(argv) == 0

    table = LatencyTable.load(t)
    # The folder's name has a space: the command quotes it.
    assert f"ofabench sweep --space '{own}' --device" in table.command_for(table.specs[0])


def test_a_networks_table_needs_networks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "s.sqlite", tmp_path / "t.parquet"
    common = ["sweep", "--space", "tiny", "--device", "fake", "--backend", "fake"]
    cli.main([*common, "--blocks", "3", "--loads", "2", "--out", str(path)])
    both = ("--out", str(out), "--networks-out", str(tmp_path / "n.parquet"))

    assert "--networks N" in fails(capsys, "build", str(path), *both)
    assert list(tmp_path.glob("*.parquet")) == []
