"""One network within every member's limit, or one for each member, from Python and the shell."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.errors import FileError, InputError
from ofabench.cli import main as cli
from ofabench.options.device import DeviceOptions
from ofabench.options.fleet import Fleet, FleetMember
from ofabench.options.search import SearchOptions
from ofabench.workflows.fleet.limits import fleet_limits
from ofabench.workflows.search.limits import latency_limit, macs_limit, strictest
from ofabench.workflows.search.search import search
from tests.support.search_runs import OTHER, TARGET, latency, write_predictors

QUICK = SearchOptions(budget=600, patience=20)
FLEET = """
[[device]]
name = "note8"
address = "adb:X"
latency = "p.parquet"
max_latency_ms = 3

[[device]]
name = "server"
address = "cpu"
backend = "onnx"
latency = "p2.parquet"
max_latency_ms = "0.012ms"

[[device]]
name = "note8-2"
address = "adb:Y"
latency = "p.parquet"
max_latency_ms = 2.5
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "fleet.toml").write_text(FLEET)
    return write_predictors(tmp_path)


def run(files: Path, *more: str) -> int:
    common = ("search", "--space", "tiny", "--accuracy", str(files / "a.parquet"))
    fleet = ("--fleet", str(files / "fleet.toml"), "--budget", "600", "--patience", "20")
    return cli.main([*common, *fleet, *more])


def test_one_network_meets_the_lowest_limit_of_each_target(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(files, "--out", str(files / "r.json")) == 0

    data = json.loads((files / "r.json").read_text())
    assert data["limits"] == {TARGET.key: 2.5, OTHER.key: 0.012}
    ms, other_ms = (data["predictions"][target.key] for target in (TARGET, OTHER))
    assert ms <= 2.5
    assert other_ms <= 0.012
    assert capsys.readouterr().out.splitlines()[-3:] == [
        f"  note8            {ms:.4g} ms of 3 ms",
        f"  server           {other_ms:.4g} ms of 0.012 ms",
        f"  note8-2          {ms:.4g} ms of 2.5 ms",
    ]
    in_python = search(
        "tiny",
        str(files / "a.parquet"),
        list(fleet_limits(files / "fleet.toml").values()),
        QUICK,
    )
    assert in_python.predictions == data["predictions"]


def test_each_device_has_the_best_network_within_its_own_limit(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = [f"--max-latency-ms={ms}" for ms in ("3", "0.012", "0.1")]

    assert run(files, "--each", *limits, "--out", str(files / "nets"), "--json") == 2

    shown = json.loads(capsys.readouterr().out)
    assert list(shown["networks"]) == ["note8", "server"]
    assert sorted(path.name for path in (files / "nets").iterdir()) == [
        "note8.json",
        "server.json",
    ]
    note8, server = (
        json.loads((files / "nets" / f"{name}.json").read_text()) for name in shown["networks"]
    )
    assert note8 == shown["networks"]["note8"]
    assert (note8["limits"], server["limits"]) == ({TARGET.key: 3.0}, {OTHER.key: 0.012})
    assert "0.1 ms was requested, the fastest network takes" in shown["infeasible"]["note8-2"]


def test_predictors_may_be_in_a_folder(files: Path) -> None:
    bare = Fleet(members=(FleetMember(name="p", device=DeviceOptions(device="adb:X")),))

    limits = fleet_limits(bare, latency=files, max_latency_ms=["3ms"])

    assert (limits["p"].source.file, limits["p"].max_ms) == (files / "p.parquet", 3.0)
    with pytest.raises(FileError, match=r"^--latency is the folder .* has no q.parquet$"):
        fleet_limits(
            Fleet(members=(replace(bare.members[0], name="q"),)), latency=files, max_latency_ms=[3]
        )
    with pytest.raises(InputError, match=r"^p has no latency predictor: give it a key latency"):
        fleet_limits(bare, max_latency_ms=[3])
    with pytest.raises(InputError, match=r"^p has no limit: give it a key max_latency_ms"):
        fleet_limits(bare, latency=files)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--max-latency-ms", "3"), "got 1 --max-latency-ms for 3 devices, expected one for each"),
        (("--pareto",), "--pareto is not for a --fleet"),
        (("--measure-on", "fake"), "--measure-on is not for a --fleet"),
        (("--latency", "p", "--latency", "q"), "got 2 --latency, expected one folder"),
        (("--latency", "absent"), "there is no folder absent; give that of predictors"),
        (("--confidence", "0.9"), "has no estimate of its error, so a confidence cannot be met"),
    ],
)
def test_what_does_not_fit_a_fleet_is_one_line(
    files: Path, more: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(files, *more, "--out", str(files / "absent.json")) == 2

    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert not (files / "absent.json").exists()


def test_of_limits_on_one_predictor_the_lowest_counts(files: Path) -> None:
    file = files / "p.parquet"
    shared = latency("tiny", TARGET)
    low, high = latency_limit(file, 2), latency_limit(file, 3)
    sure = latency_limit(files / "sure.parquet", 3, confidence=0.9)
    macs = macs_limit("3M")

    assert strictest([high, macs, low]) == [low, macs]
    assert strictest([low, high]) == [low]
    memory = [latency_limit(shared, 3), latency_limit(shared, 1)]
    assert strictest(memory) == memory[1:]
    # Another predictor, or another margin: both remain.
    assert strictest([low, sure]) == [low, sure]
    plain = latency_limit(files / "sure.parquet", 2)
    assert strictest([sure, plain]) == [sure, plain]
