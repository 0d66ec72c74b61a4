"""The whole loop in small: real files and functions, with workers that take no time."""

import json
from collections.abc import Callable
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import DeviceError
from bench.files import read_json
from latency_models.networks.network_calibration import NetworkCalibration
from ofabench.cli import main as cli
from ofabench.cli.commands.quickstart import command_line
from ofabench.options.quickstart import AccuracyPart, ExportPart, TrainPart
from ofabench.options.sweep import SweepRequest
from ofabench.options.verify import VerifyRequest
from ofabench.workflows.command_script import read_script
from ofabench.workflows.pipeline import Task
from ofabench.workflows.quickstart import tasks as tasks_module
from ofabench.workflows.quickstart.tasks import NAMES, QuickstartTasks
from ofabench.workflows.quickstart.worker_tasks import TaskResult
from ofabench.workflows.sweep.sweep import sweep
from supernet.accuracy.predictor import fit_accuracy
from supernet.search.result_file import read_network
from supernet.space.space import SearchSpace
from tests.support import report_runs as runs

TINY = SearchSpace.load("tiny")


def tasks_of(loop: QuickstartTasks) -> list[Task]:
    tasks = [*loop.measuring(), *loop.training(), *loop.searching((1.0, 2.0, 3.0))]
    for name in NAMES:
        tasks += loop.shipping(name)
    return [*tasks, loop.reporting(lambda folder, page: "")]


def test_every_task_writes_into_the_folder(tmp_path: Path) -> None:
    tasks = tasks_of(QuickstartTasks(folder=tmp_path, seed=3))

    assert all(task.makes.parent == tmp_path for task in tasks)
    seeds = [task.options["seed"] for task in tasks if task.command == "sweep"]
    assert seeds == [3, 4]  # networks judged on are not those fitted on
    assert len(tasks) == 22


def test_each_part_has_the_command_that_does_the_same(tmp_path: Path) -> None:
    f = tmp_path
    lines = [command_line(task) for task in tasks_of(QuickstartTasks(folder=f, seed=3))]

    assert lines[:4] == [
        "ofabench sweep --space tiny --device cpu --backend onnx --networks 20 --ends --seed 3 "
        f"--out {f}/networks.sqlite",
        f"ofabench table build {f}/networks.sqlite --out {f}/blocks.parquet "
        f"--networks-out {f}/networks.parquet",
        f"ofabench fit {f}/blocks.parquet --networks {f}/networks.parquet "
        f"--out {f}/latency.parquet",
        "ofabench sweep --space tiny --device cpu --backend onnx --blocks 1 --networks 40 --seed 4 "
        f"--out {f}/judged.sqlite",
    ]
    assert lines[5:9] == [
        f"ofabench evaluate {f}/latency.parquet --networks {f}/judged.parquet --json",
        f"ofabench train --space tiny --seed 3 --out {f}/supernet.safetensors",
        f"ofabench accuracy --checkpoint {f}/supernet.safetensors --out {f}/accuracy.parquet",
        f"ofabench search --space tiny --accuracy {f}/accuracy.parquet "
        f"--latency {f}/latency.parquet --max-latency-ms 1 --confidence 0.9 --horizon 1h --seed 3 "
        f"--out {f}/limit-1.json",
    ]
    verify = next(line for line in lines if "limit-1.onnx --latency" in line)
    assert verify == (
        f"ofabench verify {f}/limit-1.onnx --latency {f}/latency.parquet "
        f"--result {f}/limit-1.json --data digits --out {f}/limit-1.verified.json"
    )
    assert lines[-1] == f"ofabench report {f} --out {f}/report.html"
    assert not any("--force" in line or "--wait" in line for line in lines)
    forced = [
        command_line(task) for task in tasks_of(QuickstartTasks(folder=f, force=True, wait=True))
    ]
    measuring = [line for line in forced if line.split()[1] in ("sweep", "verify")]
    assert len(measuring) == 2 + len(NAMES)
    assert all("--force" in line and "--wait" in line for line in measuring)


def test_started_tasks_are_resumed(tmp_path: Path) -> None:
    for name in ("networks.sqlite", "supernet.safetensors"):
        (tmp_path / name).write_text("")
    tasks = tasks_of(QuickstartTasks(folder=tmp_path))

    resumed = [task.title for task in tasks if task.options.get("resume")]
    assert resumed == [
        "measure this CPU: every block and some networks",
        "train the supernet by the sandwich rule",
    ]
    assert "--resume" in command_line(tasks[0])


class Workers:
    """Stands for `launch`: makes what a worker would, at once; `fails` names one that breaks."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.fails = ""
        self.verdicts = iter([True] + [False] * 20)  # the first check fails, once

    def __call__(self, part: Callable[..., object], options: Any, **_: Any) -> dict[str, Any]:
        self.seen.append(part.__name__)
        if part.__name__ == self.fails:
            raise DeviceError("cpu is busy")
        if isinstance(options, SweepRequest):
            quick = replace(options.sweep, replicates=2, rounds=2)
            return sweep("tiny", "fake", "fake", out=options.out, options=quick).to_dict()
        return self.part(options).to_dict()

    def part(self, options: Any) -> TaskResult:
        if isinstance(options, TrainPart):
            options.out.write_bytes(b"weights")
            return TaskResult(words="trained")
        if isinstance(options, AccuracyPart):
            codes = TINY.sample_codes(np.random.default_rng(0), 60)
            fit_accuracy(TINY, codes, 0.5 + codes.sum(axis=1) / 1e3).save(options.out)
            return TaskResult(words="learnt")
        if isinstance(options, ExportPart):
            options.out.write_bytes(b"model")
            return TaskResult(words=f"exported {options.out.name}")
        assert isinstance(options, VerifyRequest)
        assert options.out is not None
        assert options.latency is not None
        arch = read_network(options.out.parent / f"{options.model.stem}.json").arch
        options.out.write_text(json.dumps(runs.verified(arch, 0.9)))
        return TaskResult(words=f"verified {options.model.name}", failed=next(self.verdicts))


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Workers:
    made = Workers()
    monkeypatch.setattr(tasks_module, "launch", made)
    monkeypatch.setattr(tasks_module, "fit_latency", lambda table, networks, out: fit(table, out))
    return made


def fit(table: Path, out: Path) -> None:
    """A predictor by formula, in no time."""
    assert table.exists()
    replace(runs.predictor(), composition=NetworkCalibration(spread=0.01)).save(out)


@pytest.mark.slow
def test_a_stopped_quickstart_resumes(
    workers: Workers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    workers.fails = "train_part"
    assert cli.main(["quickstart", "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert error.splitlines()[-1] == "ofabench: cpu is busy"
    assert "[7/22] train the supernet by the sandwich rule" in error
    assert "stopped; a second start continues from here" in error
    assert workers.seen == ["sweep_part", "sweep_part", "train_part"]

    workers.fails = ""
    workers.seen.clear()
    code = cli.main(["quickstart", "--out", str(out)])

    printed = capsys.readouterr()
    lines = printed.err.splitlines()
    assert lines[0] == (
        f"[1/22] measure this CPU: every block and some networks: {out}/networks.parquet exists "
        "already"
    )
    assert "[22/22] report" in printed.err
    assert f"    $ ofabench report {out} --out {out}/report.html" in lines
    assert "verified limit-1.onnx" in lines
    assert workers.seen.count("verify_part") == len(NAMES) + 1
    assert "    a check failed, which counts; measured once more for comparison" in lines
    assert (out / "training.txt").read_text() == "trained\n"
    assert read_json(out / "evaluation.json")
    page = (out / "report.html").read_text()
    commands = read_script(out / "commands.sh")
    assert len(commands) == 22
    assert commands[0].startswith("ofabench sweep --space tiny")
    assert not any("--resume" in command for command in commands)  # as if begun anew
    assert all(escape(command) in page for command in commands[:-1])
    assert "min" in lines[-1]
    assert lines[-1].endswith(f"s in all; open {out / 'report.html'}")
    counts = printed.out.splitlines()[-1]
    assert "predictions within" in counts
    assert code == (1 if "OUT" in printed.out or "NOT MET" in printed.out else 0)


def test_a_folder_that_cannot_be_created_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")

    assert cli.main(["quickstart", "--out", str(tmp_path / "file")]) == 2

    assert "cannot create the folder" in capsys.readouterr().err
