"""A sweep by several backends: files, the table side by side, resuming, and every refusal."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench.backends.fake import FakeBackend
from bench.backends.registry import register_backend
from bench.errors import FileError, InputError, InterruptedSweepError, MissingRuntimeError
from latency_models.tables.networks import NetworksTable
from latency_models.tables.side_by_side import TargetsTable
from ofabench.cli.main import main
from ofabench.options.sweep import SweepOptions
from ofabench.workflows.sweep.backend_sweeps import BackendSweeps
from ofabench.workflows.sweep.sweep import sweep
from tests.support.interrupting import CtrlCAtStep

SMALL = SweepOptions(blocks=4, networks=3, replicates=2, rounds=2, burst=2)
COMMAND = ("sweep", "--space", "tiny", "--device", "fake", "--blocks", "4", "--replicates", "2",
           "--rounds", "2")  # fmt: skip


class Slower(FakeBackend):
    """The fake backend by another name."""

    name = "slower-one"


class Absent(FakeBackend):
    """A backend whose package is not installed."""

    name = "absent"

    def version(self) -> str:
        raise MissingRuntimeError("backend absent needs the package absent: pip install absent")


@pytest.fixture(autouse=True)
def registered() -> None:
    register_backend(Slower.name, Slower)
    register_backend(Absent.name, Absent)


def swept(out: Path, options: SweepOptions = SMALL, **more: Any) -> BackendSweeps:
    return sweep("tiny", "fake", ["fake", Slower()], out=out, options=options, **more)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_each_backend_has_a_file_and_all_a_table(tmp_path: Path) -> None:
    done = swept(tmp_path / "s.sqlite")

    assert names(tmp_path) == [
        "s-fake.sqlite",
        "s-networks.parquet",
        "s-slower-one.sqlite",
        "s.csv",
        "s.parquet",
    ]
    assert [*done] == ["fake", "slower-one"]
    assert len(done) == 2
    assert {each.summary.blocks for each in done.sweeps.values()} == {4}
    assert {each.summary.networks for each in done.sweeps.values()} == {3}
    assert done.table is not None
    loaded = TargetsTable.load(tmp_path / "s.parquet")
    for label, backend in (("fake", "fake"), ("slower_one", "slower-one")):
        one = loaded.tables()[label]
        pd.testing.assert_frame_equal(one.rows, done[backend].blocks().rows)
        assert one.target == done[backend].target
    frame = pd.read_csv(tmp_path / "s.csv")
    assert frame["fake_ms"].tolist() == pytest.approx(done.table.frame["fake_ms"].tolist())
    assert frame["kind"].tolist() == done.table.frame["kind"].tolist()
    assert "1.000 (Spearman)" in repr(done.compare())
    assert repr(done).splitlines()[1] == f"  {done['fake']!r}"
    data = json.loads(json.dumps(done.to_dict()))
    tables = ("s.parquet", "s.csv", "s-networks.parquet")
    assert data["tables"] == [str(tmp_path / name) for name in tables]
    networks = NetworksTable.load(tmp_path / "s-networks.parquet")
    columns = [each.target.column for each in done.sweeps.values()]
    assert (networks.space, networks.latency_columns, len(networks)) == ("tiny", columns, 3)
    for sweep_of_one, column in zip(done.sweeps.values(), columns, strict=True):
        alone = sweep_of_one.networks()
        assert networks.latencies_ms(column).tolist() == alone.latencies_ms(column).tolist()
        assert networks.target_of(column) == sweep_of_one.target
    assert data["sweeps"]["slower-one"]["summary"]["blocks"] == 4
    with pytest.raises(InputError, match="backend is 'onnx', expected one of fake, slower-one"):
        done["onnx"]


def test_networks_alone_have_no_table_of_blocks(tmp_path: Path) -> None:
    done = swept(tmp_path / "s.sqlite", replace(SMALL, blocks=0))

    assert done.table is None
    assert done.table_paths == (tmp_path / "s-networks.parquet",)
    assert names(tmp_path) == ["s-fake.sqlite", "s-networks.parquet", "s-slower-one.sqlite"]
    with pytest.raises(InputError, match="got 0 latency tables to compare, expected two or more"):
        done.compare()


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 3, 6])
def test_an_interrupted_one_resumes_to_the_same_table(tmp_path: Path, step: int) -> None:
    whole, part = tmp_path / "whole.sqlite", tmp_path / "part.sqlite"
    swept(whole)
    with pytest.raises(InterruptedSweepError, match=r"part-fake.sqlite, .*part-slower-one.sqlite"):
        swept(part, progress=CtrlCAtStep(step))
    assert not (tmp_path / "part.parquet").exists()
    with pytest.raises(FileError, match="exists; continue it with --resume"):
        swept(part)
    if step == 1:  # as after a kill before the second file
        (tmp_path / "part-slower-one.sqlite").unlink()

    done = swept(part, replace(SMALL, resume=True))
    again = swept(part, replace(SMALL, resume=True))

    expected = pd.read_csv(tmp_path / "whole.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "part.csv"), expected)
    assert again.to_dict() == done.to_dict()


@pytest.mark.parametrize(
    ("backends", "options", "says"),
    [
        (["fake", "fake"], SMALL, "backend fake is given twice"),
        (["fake", FakeBackend()], SMALL, "backend fake is given twice"),
        (["fake", "tvm"], SMALL, "backend is 'tvm', expected torch"),
        (["fake", "absent"], SMALL, "pip install absent"),
        (["fake", 3], SMALL, "backend is 3, expected a name like 'onnx', or a backend"),
        ([], SMALL, "no backend is given"),
        (["fake", Slower()], SweepOptions(budget_s=60), "--budget chooses blocks by the timings"),
        (["fake", Slower()], replace(SMALL, resume=True), "there is no sweep to resume: "),
        (["fake", Slower()], replace(SMALL, resolutions=(99,)), "tiny has no resolution 99"),
    ],
)
def test_wrong_input_is_refused_and_nothing_is_written(
    tmp_path: Path, backends: Any, options: SweepOptions, says: str
) -> None:
    with pytest.raises((InputError, FileError, MissingRuntimeError)) as refused:
        sweep("tiny", "fake", backends, out=tmp_path / "s.sqlite", options=options)

    assert says in str(refused.value)
    assert names(tmp_path) == []


def test_files_that_exist_are_kept(tmp_path: Path) -> None:
    for name in ("s-slower-one.sqlite", "s.parquet", "s.csv", "s-networks.parquet"):
        path = tmp_path / name
        path.write_text("mine")
        with pytest.raises(FileError, match=f"{name} exists"):
            swept(tmp_path / "s.sqlite")
        assert (names(tmp_path), path.read_text()) == ([name], "mine")
        path.unlink()
    with pytest.raises(InputError, match="which is where the table of all backends goes"):
        swept(tmp_path / "s.parquet")


def test_the_command_prints_each_sweep_the_table_and_what_is_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = [*COMMAND, "--backend", "fake, slower-one"]

    assert main([*command, "--out", "s.sqlite"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines if "blocks, 0 networks" in line] == [
        "s-fake.sqlite",
        "s-slower-one.sqlite",
    ]
    assert lines[-2:] == [
        "tables      4 blocks side by side: s.parquet, s.csv",
        "next        ofabench compare s.parquet",
    ]
    assert main(["compare", "s.parquet"]) == 0
    assert "blocks     4 in common" in capsys.readouterr().out
    assert main(["compare", "s-fake.sqlite", "s-slower-one.sqlite"]) == 0
    assert "blocks     4 in common" in capsys.readouterr().out
    assert main([*command, "--json", "--out", "t.sqlite"]) == 0
    assert [*json.loads(capsys.readouterr().out)["sweeps"]] == ["fake", "slower-one"]
    assert main(["table", "show", "s.parquet"]) == 0
    assert capsys.readouterr().out.count("blocks      4, ") == 2


@pytest.mark.parametrize(
    ("backend", "says"),
    [
        ("fake,fake", "backend fake is given twice; name each backend once"),
        ("fake,absent", "backend absent needs the package absent: pip install absent"),
        ("fake,", "backend is '', expected torch, onnx, tflite or tensorrt"),
    ],
)
def test_the_command_refuses_in_one_line(
    backend: str,
    says: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main([*COMMAND, "--backend", backend, "--out", "s.sqlite"]) == 2

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"ofabench: {says}")
    assert names(tmp_path) == []
