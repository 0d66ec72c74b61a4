"""Results that cannot be printed: one line on standard error and exit code 2, no traceback."""

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ofabench.cli import main as cli
from ofabench.cli.output import GuardedStream, bold

FULL = Path("/dev/full")
OFABENCH = f"{sys.executable} -m ofabench"
needs_full = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")


def shell(command: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **env},
    )


class Failing(io.StringIO):
    """A stream that takes `room` characters and then fails."""

    def __init__(self, number: int, room: int = 0) -> None:
        super().__init__()
        self._number, self._room = number, room

    def write(self, text: str) -> int:
        if self.tell() + len(text) > self._room:
            raise OSError(self._number, os.strerror(self._number))
        return super().write(text)


@needs_full
@pytest.mark.parametrize("arguments", ["space list", "space show tiny --json", "--version"])
def test_a_full_disk_is_reported_in_one_line(arguments: str) -> None:
    done = shell(f"{OFABENCH} {arguments} > /dev/full")
    assert done.returncode == 2
    assert done.stderr == (
        "ofabench: the result could not be printed: standard output cannot be written "
        "(No space left on device); redirect it to another file\n"
    )


@pytest.mark.parametrize("arguments", ["space list", "space list --json", "--help"])
def test_a_closed_output_is_reported_in_one_line(arguments: str) -> None:
    done = shell(f"{OFABENCH} {arguments} >&-")
    assert done.returncode == 2
    assert done.stderr == (
        "ofabench: the result could not be printed: standard output is closed; redirect it to a "
        "file, or leave it open\n"
    )


def test_a_pipe_closed_by_its_reader_is_not_an_error() -> None:
    done = shell(f"{OFABENCH} space show ofa-mbv3-w1.0 --toml | true")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.slow
@needs_full
def test_an_unusable_stderr_changes_no_result() -> None:
    expected = shell(f"{OFABENCH} space list").stdout
    for redirected in ("2>/dev/full", "2>&-"):
        good = shell(f"{OFABENCH} space list {redirected}")
        assert (good.returncode, good.stdout) == (0, expected)
        bad = shell(f"{OFABENCH} space show nowhere {redirected}")
        assert (bad.returncode, bad.stdout) == (2, "")  # nor does the error land on stdout
    assert shell(f"{OFABENCH} space list >/dev/full 2>/dev/full <&-").returncode == 2


def test_a_character_that_the_encoding_lacks_is_named(tmp_path: Path) -> None:
    text = Path("supernet/space/shipped/tiny.toml").read_text().replace('"tiny"', '"mine"')
    (tmp_path / "mine.toml").write_text(f"# 3 ± 1\n{text}", encoding="utf-8")
    show = f"{OFABENCH} space show {tmp_path}/mine.toml --toml"
    done = shell(show, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "ofabench: the result could not be printed: standard output is ascii, which has no "
        "'\\xb1'; set PYTHONIOENCODING=utf-8, or use --json where the command has it\n"
    )
    assert shell(show, PYTHONIOENCODING="utf-8").stdout.startswith("# 3 ± 1\n")


def test_names_that_are_no_text_are_printed_as_they_are() -> None:
    code = (
        "import sys; from ofabench.cli.output import guarded_output\n"
        "with guarded_output() as out: print(sys.argv[1]); out.check()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, b"net\xff.onnx"], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"net\xff.onnx\n", b"")


@pytest.mark.parametrize("command", [name.replace("_", "-") for name in cli.COMMANDS])
def test_every_command_reports_it(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", Failing(errno.ENOSPC))
    with pytest.raises(SystemExit) as stopped:
        cli.main([command, "--help"])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert "No space left on device" in error
    assert error.count("\n") == 1


def test_output_after_a_failure_is_dropped() -> None:
    inner = Failing(errno.ENOSPC, room=5)
    out = GuardedStream(inner)
    for text in ("one", "three", "x"):  # 3 of 5 characters, 8, then one that would fit
        out.write(text)
    assert inner.getvalue() == "one"
    assert isinstance(out.failure, OSError)


def test_a_failed_check_keeps_its_exit_code_in_a_closed_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(argv: object) -> int:
        print("3 of 4 limits met")
        return 1

    monkeypatch.setattr(cli, "_run", run)
    monkeypatch.setattr(sys, "stdout", Failing(errno.EPIPE))
    assert cli.main(["verify"]) == 1
    monkeypatch.setattr(sys, "stdout", Failing(errno.EIO))
    assert cli.main(["verify"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_streams_are_as_before_afterwards(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr, sys.stdout.errors
    assert cli.main(["space", "list"]) == 0
    assert (sys.stdout, sys.stderr, sys.stdout.errors) == before
    assert capsys.readouterr().out.count("\n") == 5


def test_bold_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bold("chosen") == "chosen"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert bold("chosen") == "\x1b[1mchosen\x1b[0m"
    monkeypatch.setenv("TERM", "dumb")
    assert bold("chosen") == "chosen"
