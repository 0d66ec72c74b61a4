"""Work in parts: what exists already is passed over, the rest is done in order and logged."""

import logging
from pathlib import Path

import pytest

from bench.errors import DeviceError
from ofabench.workflows.pipeline import Task, run_tasks


def writing(path: Path) -> Task:
    return Task(
        title=f"write {path.name}",
        command="show",
        options={"table": path},
        makes=path,
        work=lambda: path.write_text("made"),
    )


def test_only_tasks_without_their_file_run_and_each_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a").write_text("before")
    tasks = [writing(tmp_path / name) for name in "ab"]
    with caplog.at_level(logging.INFO, "ofabench"):
        run_tasks(tasks, lambda task: f"ofabench {task.command} {task.options['table']}")

    assert (tmp_path / "a").read_text() == "before"
    assert (tmp_path / "b").read_text() == "made"
    assert caplog.messages == [
        f"[1/2] write a: {tmp_path}/a exists already",
        f"[2/2] write b\n    $ ofabench show {tmp_path}/b",
        "    0 s",
    ]


def test_without_a_command_line_only_the_title_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "ofabench"):
        run_tasks([writing(tmp_path / "a")])

    assert caplog.messages[0] == "[1/1] write a"


def test_one_that_fails_ends_all(tmp_path: Path) -> None:
    def fail() -> None:
        raise DeviceError("no answer")

    failing = Task(title="x", command="x", options={}, makes=tmp_path / "x", work=fail)
    with pytest.raises(DeviceError, match="no answer"):
        run_tasks([failing, writing(tmp_path / "a")])

    assert list(tmp_path.iterdir()) == []
