"""`ofabench sweep` of the space `tiny` on the fake device, into `s.sqlite` of a folder."""

from pathlib import Path

import pytest

from ofabench.cli import main as cli


def run_sweep_command(folder: Path, *more: str) -> int:
    """Run the command with more options; return its exit code."""
    common = ("sweep", "--space", "tiny", "--device", "fake", "--backend", "fake")
    return cli.main([*common, "--out", str(folder / "s.sqlite"), *more])


def refused(folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """Run a sweep that must be refused and leave no file; return its stderr."""
    try:
        code = run_sweep_command(folder, *more)
    except SystemExit as error:  # of argparse
        code = int(str(error))
    assert code == 2
    assert not (folder / "s.sqlite").exists()
    return capsys.readouterr().err
