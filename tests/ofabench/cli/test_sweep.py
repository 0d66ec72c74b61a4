"""`ofabench sweep` and `devices`: from arguments to a file and a line, and every refusal."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.devices.fake import FakeDevice
from bench.errors import MissingRuntimeError
from bench.sweep.store import SweepStore
from ofabench.cli import main as cli
from supernet.space.space import SearchSpace

ROOT = Path(__file__).resolve().parents[3]
FAKE = ("--space", "tiny", "--device", "fake", "--backend", "fake")
SMALL = ("--blocks", "4", "--loads", "2", "--passes", "2", "--calls", "2")


def sweep(out: Path, *more: str) -> int:
    return cli.main(["sweep", *FAKE, *SMALL, *more, "--out", str(out)])


def fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that must exit 2; return its error line."""
    try:
        code: object = cli.main(list(arguments))
    except SystemExit as stopped:  # argparse's way to refuse
        code = stopped.code
    output = capsys.readouterr()
    lines = [line for line in output.err.splitlines() if line.startswith("ofabench:")]
    assert code == 2
    assert output.out == ""
    assert len(lines) == 1
    assert "Traceback" not in output.err
    return lines[0]


def snapshot(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_sweep_measures_blocks_and_networks_and_prints_the_next_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "s.sqlite"

    assert sweep(out, "--networks", "3") == 0

    output = capsys.readouterr().out
    assert "4 blocks, 3 networks, fake/fake-1/fp32/t1/cany/b1/cache=warm" in output
    assert f"ofabench table build {out} --out T.parquet --networks-out N.parquet" in output
    with SweepStore.open(out) as store:
        result = store.measurements()
    networks = [item for item in result if item.workload.role == "network"]
    assert [json.loads(network.workload.label)["space"] for network in networks] == ["tiny"] * 3
    assert sum(item.workload.role == "block" for item in result) == 4


@pytest.mark.parametrize("blocks", ["3", "0"])
def test_the_printed_next_command_works(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    blocks: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    text = SearchSpace.load("tiny").text.replace('name = "tiny"', 'name = "mine"')
    (tmp_path / "my space.toml").write_text(text)
    more = ["--space", "my space.toml", "--blocks", blocks, "--networks", "2"]

    assert cli.main(["sweep", *FAKE, *SMALL, *more, "--out", "a b.sqlite"]) == 0

    line = capsys.readouterr().out.splitlines()[-1]
    tables = "" if blocks == "0" else " --out T.parquet"
    assert line == (
        f"next        ofabench table build 'a b.sqlite'{tables} --networks-out N.parquet"
    )
    assert cli.main(shlex.split(line)[2:]) == 0
    assert (tmp_path / "N.parquet").exists()
    assert (tmp_path / "T.parquet").exists() == (blocks != "0")


def test_the_ends_of_a_space_can_be_measured_beside_random_networks(tmp_path: Path) -> None:
    assert sweep(tmp_path / "a.sqlite", "--networks", "1", "--ends") == 0

    with SweepStore.open(tmp_path / "a.sqlite") as store:
        result = [m.workload.blocks for m in store.measurements() if m.workload.role == "network"]
    space = SearchSpace.load("tiny")
    assert len(result) == 3
    assert {space.blocks(space.smallest()), space.blocks(space.largest())} < set(result)


@pytest.mark.slow
def test_the_seed_draws_blocks_and_networks(tmp_path: Path) -> None:
    def drawn(name: str, seed: str) -> set[str]:
        sweep(tmp_path / name, "--networks", "2", "--seed", seed)
        with SweepStore.open(tmp_path / name) as store:
            return {measurement.workload.key for measurement in store.measurements()}

    assert drawn("a", "1") == drawn("b", "1")
    assert drawn("a2", "1") != drawn("c", "2")


def test_its_figures_come_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep(tmp_path / "s.sqlite", "--json") == 0

    figures = json.loads(capsys.readouterr().out)
    assert (figures["blocks"], figures["replicates"], figures["planned_replicates"]) == (4, 2, 2)
    assert figures["wall_s_per_block"] == pytest.approx(figures["wall_s"] / 4)


def test_a_cold_sweep_is_of_another_target(tmp_path: Path) -> None:
    sweep(tmp_path / "s.sqlite", "--cache", "cold")

    with SweepStore.open(tmp_path / "s.sqlite") as store:
        assert dict(store.target.options)["cache"] == "cold"
        measurement = store.measurements()[0]
    assert measurement.median_ms == measurement.cold_ms > measurement.warm_ms


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--space", "huge"), "unknown space 'huge'"),
        (("--space", "absent.toml"), "absent.toml"),
        (("--device", "gpu7"), "device is 'gpu7', expected one of"),
        (("--backend", "tvm"), "backend is 'tvm', expected torch"),
        (("--resolutions", "99"), "tiny has no resolution 99"),
        (("--resolutions", "a"), "--resolutions"),
        (("--threads", "0"), "--threads: expected a whole number of at least 1, got '0'"),
        (("--batch", "-1"), "--batch"),
        (("--passes", "0"), "--passes"),
        (("--loads", "x"), "--loads"),
        (("--blocks", "-3"), "--blocks: expected a whole number of at least 0"),
        (("--blocks", "0"), "nothing to measure"),
        (("--seed", "1.5"), "--seed"),
        (("--cache", "tepid"), "--cache"),
        (("--device", "cpu", "--cores", "a"), "cores are numbers"),
        (("--device", "cpu", "--cores", "99999"), "cores are 99999, this process may use"),
        (("--device", "cpu", "--threads", "99999"), "threads are 99999"),
        (("--resume",), "No such file"),
    ],
)
def test_wrong_arguments_are_refused_and_change_no_file(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    words: str,
) -> None:
    out = str(tmp_path / "s.sqlite")

    assert words in fails(capsys, "sweep", *FAKE, *SMALL, *arguments, "--out", out)

    assert snapshot(tmp_path) == {}


def test_an_existing_file_is_not_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "s.sqlite"
    out.write_text("mine")

    assert "--resume" in fails(capsys, "sweep", *FAKE, "--out", str(out))
    assert "not a SQLite file" in fails(capsys, "sweep", *FAKE, "--resume", "--out", str(out))

    assert snapshot(tmp_path) == {"s.sqlite": b"mine"}


def test_a_truncated_sweep_is_refused_and_not_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "s.sqlite"
    sweep(out)
    capsys.readouterr()
    out.write_bytes(out.read_bytes()[:-5000])
    before = snapshot(tmp_path)

    assert "damaged" in fails(capsys, "sweep", *FAKE, *SMALL, "--resume", "--out", str(out))

    assert snapshot(tmp_path) == before


def test_a_resume_with_other_options_is_refused_and_changes_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "s.sqlite"
    sweep(out)
    capsys.readouterr()
    before = snapshot(tmp_path)
    common = ("sweep", *FAKE, *SMALL, "--resume", "--out", str(out))

    assert "expected fake/fake-1/fp32/t1/cany/b2" in fails(capsys, *common, "--batch", "2")
    assert "networks 0 and not 5" in fails(capsys, *common, "--networks", "5")
    assert "rounds 2 and not 7" in fails(capsys, *common, "--passes", "7")

    assert snapshot(tmp_path) == before


def test_a_device_in_use_is_refused_unless_forced_which_is_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = FakeDevice(busy_with="a compiler")
    monkeypatch.setattr("bench.devices.registry.get_device", lambda _: busy)
    out = tmp_path / "s.sqlite"

    assert "busy: a compiler" in fails(capsys, "sweep", *FAKE, *SMALL, "--out", str(out))
    assert snapshot(tmp_path) == {}
    assert sweep(out, "--force") == 0

    with SweepStore.open(out) as store:
        assert store.facts["forced"] is True
        assert store.measurements()[0].facts["forced"] is True


def test_a_missing_runtime_is_reported_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(self: object) -> str:
        raise MissingRuntimeError("onnxruntime is not installed; pip install onnxruntime")

    monkeypatch.setattr("bench.backends.fake.FakeBackend.version", version)

    message = fails(capsys, "sweep", *FAKE, "--out", str(tmp_path / "s.sqlite"))

    assert message.endswith("pip install onnxruntime")
    assert snapshot(tmp_path) == {}


def test_an_unwritable_folder_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("/proc", "/absent"):
        message = fails(capsys, "sweep", *FAKE, *SMALL, "--out", f"{folder}/s.sqlite")
        assert f"cannot create {folder}/s.sqlite" in message


RUN = """
import resource, sys
from ofabench.cli import main as cli
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.exit(cli.main(sys.argv[2:]))
"""


def start(out: Path, *more: str, limit_bytes: int = -1) -> "subprocess.Popen[str]":
    """Run a sweep in a separate process, whose files are limited to `limit_bytes`."""
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(limit_bytes), "sweep", *FAKE, *more, "--out", str(out)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("limit_bytes", [2_000, 70_000])
def test_a_full_disk_is_reported_and_leaves_no_partial_file(
    tmp_path: Path, limit_bytes: int
) -> None:
    # A file size limit stands for the full disk: writes beyond it fail in the same way.
    process = start(tmp_path / "s.sqlite", "--blocks", "60", limit_bytes=limit_bytes)
    output = process.communicate(timeout=60)[1]

    lines = [line for line in output.splitlines() if line.startswith("ofabench:")]
    assert process.returncode == 2
    assert len(lines) == 1
    assert "s.sqlite" in lines[0]
    assert "Traceback" not in output
    assert snapshot(tmp_path) == {}


@pytest.mark.slow
def test_a_sweep_stopped_by_ctrl_c_is_finished_by_the_printed_command(tmp_path: Path) -> None:
    out, whole = tmp_path / "a b.sqlite", tmp_path / "whole.sqlite"
    arguments = ("--blocks", "30", "--networks", "2", "--loads", "12", "--seed", "7")
    process = start(out, *arguments)
    log = Path(f"{out}-wal")
    while process.poll() is None and not (log.exists() and log.stat().st_size > 50_000):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=60)[1]

    assert process.returncode == 130
    assert "Traceback" not in output
    line = output.splitlines()[-1]
    assert "replicates done, which" in line
    command = shlex.split(line.partition("continue with: ")[2])
    assert command[:2] == ["ofabench", "sweep"]
    assert cli.main(command[1:]) == 0
    assert cli.main(["sweep", *FAKE, *arguments, "--out", str(whole)]) == 0
    with SweepStore.open(out) as resumed, SweepStore.open(whole) as undisturbed:
        for mine, theirs in zip(resumed.measurements(), undisturbed.measurements(), strict=True):
            assert mine.samples_ns.tobytes() == theirs.samples_ns.tobytes()
            assert mine.drift.tobytes() == theirs.drift.tobytes()


def test_devices_prints_facts_and_runtimes(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["devices"]) == 0
    assert capsys.readouterr().out.startswith("cpu  ")
    assert cli.main(["devices", "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)
    assert result["address"] == "cpu"
    assert result["backends"]["onnx"]


def test_a_sweep_is_resumed_with_the_space_that_it_keeps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = SearchSpace.load("tiny").text.replace('name = "tiny"', 'name = "mine"')
    mine, out = tmp_path / "mine.toml", tmp_path / "s.sqlite"
    mine.write_text(text)
    argv = ["sweep", *FAKE, *SMALL, "--space", str(mine), "--blocks", "3", "--out", str(out)]
    assert cli.main(argv) == 0
    with SweepStore.open(out) as store:
        assert store.space_toml == text
    mine.write_text(text.replace("[1, 2, 3]", "[2, 3]", 1))
    capsys.readouterr()

    assert cli.main([*argv, "--resume"]) == 2

    error = capsys.readouterr().err
    assert "of a space 'mine' with other choices than those of the requested space" in error
    assert error.count("\n") == 1
