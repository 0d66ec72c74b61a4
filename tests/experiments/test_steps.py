from dataclasses import replace
from pathlib import Path

import pytest

from bench.errors import OfabenchError
from experiments.steps import Step, run_steps
from tests.support import report_runs as runs


def show(tmp_path: Path) -> Step:
    out = tmp_path / "shown.txt"
    argv = ("space", "show", "tiny", "--json")
    return Step(title="show", argv=argv, makes=out, keeps_stdout=True)


def test_a_step_runs_once_and_its_command_is_told(tmp_path: Path) -> None:
    messages: list[str] = []
    run_steps([show(tmp_path)], messages.append)
    assert messages[0] == "[1/1] show\n    $ ofabench space show tiny --json"
    assert '"name": "tiny"' in (tmp_path / "shown.txt").read_text()

    messages.clear()
    run_steps([show(tmp_path)], messages.append, done=4, total=9)
    assert messages == [f"[5/9] show: {tmp_path / 'shown.txt'} exists already"]


def test_a_step_that_was_begun_is_resumed(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    begun.write_text("")
    step = Step(title="t", argv=("sweep",), makes=tmp_path / "made", resumes=begun)
    messages: list[str] = []
    with pytest.raises(OfabenchError):
        run_steps([step], messages.append)
    assert messages[0].endswith("$ ofabench sweep --resume")


def test_a_step_that_fails_ends_all_and_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "none.txt"
    bad = Step(title="bad", argv=("space", "show", "nope"), makes=out, keeps_stdout=True)
    with pytest.raises(OfabenchError, match=r"`ofabench space show nope` ended with exit code 2"):
        run_steps([bad, show(tmp_path)], lambda _: None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_failed_check_is_repeated_once_where_asked(tmp_path: Path) -> None:
    """`compare` of two tables that differ ends with exit code 1: a check that fails each time."""
    runs.table().save(tmp_path / "a.parquet")
    runs.table(factor=1.5).save(tmp_path / "b.parquet")
    tables = (str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet"))
    argv = ("compare", *tables, "--fail-above", "5%")
    check = Step(title="t", argv=argv, makes=tmp_path / "made", may_fail_its_check=True)
    messages: list[str] = []

    run_steps([replace(check, repeats_failed_check=True)], messages.append)
    assert messages[1] == "    a check failed, which counts; measured once more for comparison"
    messages.clear()
    run_steps([check], messages.append)
    assert len(messages) == 2
