"""The script of a run's commands."""

from pathlib import Path

from ofabench.workflows.command_script import is_script, read_script, write_script


def test_commands_come_back_without_comments(tmp_path: Path) -> None:
    path = tmp_path / "commands.sh"
    write_script(path, ["ofabench devices", "ofabench report . --out r.html"])
    path.write_text(path.read_text() + "\n# by hand\n")

    assert is_script(path.read_bytes()[:64])
    assert read_script(path) == ["ofabench devices", "ofabench report . --out r.html"]
    assert not is_script(b"#!/bin/sh\nofabench devices\n")
