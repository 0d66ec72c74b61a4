"""Tests of the session on a CUDA machine, with small commands in place of its steps."""

import json
import sys
from pathlib import Path

import pytest

from bench.errors import FileError
from experiments.gpu_session import Session, run_limited
from experiments.gpu_session_steps import SCHEDULE, SessionStep, session_steps
from supernet.train.schedule import Schedule


def step(name: str, code: str, *, limit_s: float = 60.0, **given: object) -> SessionStep:
    argv = (sys.executable, "-c", code)
    return SessionStep(name=name, title=name, argv=argv, limit_s=limit_s, **given)  # type: ignore[arg-type]


def run(folder: Path, *steps: SessionStep, left_s: float = 600.0) -> dict[str, str]:
    session = Session(folder=folder, end_s=left_s, clock=lambda: 0.0)
    session.run(steps, lambda line: None)
    outcomes = json.loads((folder / "summary.json").read_text())["steps"]
    return {outcome["name"]: f"{outcome['ended']} {outcome['reason']}" for outcome in outcomes}


def test_steps_after_a_failed_one_run_and_every_ending_has_its_reason(tmp_path: Path) -> None:
    bad = step("bad", "import sys; print('no card'); sys.exit(3)")
    foreign = step("foreign", "", packages=("no_such_package",))
    needing = step("needing", "", needs=(tmp_path / "table.parquet",))
    good = step("good", "print('12 ms')")

    assert run(tmp_path, bad, foreign, needing, good) == {
        "bad": "failed exit code 3: no card",
        "foreign": "skipped not installed: no_such_package",
        "needing": "skipped an earlier step made no table.parquet",
        "good": "done ",
    }
    assert (tmp_path / "good.log").read_text() == "12 ms\n"
    assert "| bad | bad | failed | 0 | exit code 3: no card |" in (
        (tmp_path / "summary.md").read_text()
    )


def test_a_command_at_its_limit_is_asked_to_stop_and_keeps_what_it_printed(tmp_path: Path) -> None:
    code = (
        "import signal, sys\n"
        "print('begun', flush=True)\n"
        "try:\n    signal.pause()\n"
        "except KeyboardInterrupt:\n    print('saved')\n"
    )
    with (tmp_path / "log").open("w") as output:
        assert run_limited((sys.executable, "-c", code), 3.0, output) is None
    assert (tmp_path / "log").read_text() == "begun\nsaved\n"


def test_without_time_left_no_step_is_begun(tmp_path: Path) -> None:
    begun = step("late", f"open({str(tmp_path / 'begun')!r}, 'w')")

    assert run(tmp_path, begun, left_s=4.0) == {"late": "no time left "}
    assert not (tmp_path / "begun").exists()


def test_a_second_start_repeats_only_what_is_not_done(tmp_path: Path) -> None:
    counted = step("counted", f"open({str(tmp_path / 'runs')!r}, 'a').write('x')")
    store = tmp_path / "store.sqlite"
    code = f"import sys; open({str(store)!r}, 'w'); sys.exit('--resume' not in sys.argv)"
    begun = step("begun", code, resumes=store)

    assert run(tmp_path, counted, begun) == {"counted": "done ", "begun": "failed exit code 1: "}
    assert run(tmp_path, counted, begun) == {"counted": "done ", "begun": "done "}
    assert (tmp_path / "runs").read_text() == "x"


def test_a_foreign_summary_is_refused(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text('{"steps": [{"name": "x"}]}')

    with pytest.raises(FileError, match="no summary of a session"):
        run(tmp_path)


def test_steps_have_distinct_names_and_need_only_what_earlier_ones_make() -> None:
    steps = session_steps(Path("f"), "cuda:0")

    assert len({each.name for each in steps}) == len(steps)
    given: set[str] = set()
    for each in steps:
        assert {f"{path}" for path in each.needs} <= given
        given |= set(each.argv)
    assert steps[0].command == "python -m ofabench devices --json --device cuda:0"


def test_its_schedule_is_one_epoch() -> None:
    assert [phase.epochs for phase in Schedule.load(str(SCHEDULE)).phases] == [1]
