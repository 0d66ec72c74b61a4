import os
import pty
import select
import shlex
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from ofabench.cli.completion import bash, zsh
from ofabench.cli.completion.completions import completions
from ofabench.cli.dispatch import dispatch, top_parser
from ofabench.cli.main import commands
from tests.support.command_examples import TABLE

KNOWN = completions(TABLE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bash").write_text(bash.script(KNOWN))
    (tmp_path / "zsh").write_text(zsh.script(KNOWN))
    files = tmp_path / "files"
    files.mkdir()
    (files / "a table.parquet").touch()
    (files / "a.toml").touch()
    return tmp_path


def replies(folder: Path, *words: str) -> list[str]:
    """What bash offers for the last of the words."""
    line = f"""
source ../bash
COMP_WORDS=(ofabench {shlex.join(words)})
COMP_CWORD={len(words)}
_ofabench
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(
        ["bash", "--norc", "-c", line],
        cwd=folder / "files",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1] if done.stdout != "\n" else []


needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")


@needs_bash
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["sw"], ["sweep"]),
        (["t"], ["table"]),
        (["--v"], ["--version"]),
        (["table", ""], ["show", "kind", "--help"]),
        (["table", "show", "--sp"], ["--space"]),
        (["table", "kind", ""], ["csv", "ofa"]),
        (["sweep", "--re"], ["--replicates", "--resolutions"]),
        (["sweep", "--precision", ""], ["fp32", "fp16"]),
        (["sweep", "--precision", "="], ["fp32", "fp16"]),
        (["sweep", "--precision", "=", "fp1"], ["fp16"]),
        (["sweep", "--runner", "b"], ["benchmark_model"]),
        (["sweep", "--lo"], []),
        (["sweep", "--sec"], []),
        (["sweep", "--budget", ""], []),
        (["sweep", "--out", "a"], ["a table.parquet", "a.toml"]),
        (["sweep", "--space", "a."], ["a.toml"]),
        (["sweep", "--config", "a."], ["a.toml"]),
        (["sweep", "--json", "a."], ["a.toml"]),
        (["sweep", "--no-v"], ["--no-verify"]),
        (["table", "show", "--cores", "a"], []),
        (["nothing", "--re"], []),
    ],
)  # fmt: skip
def test_bash_offers(folder: Path, words: list[str], offered: list[str]) -> None:
    assert sorted(replies(folder, *words)) == sorted(offered)


@needs_bash
def test_bash_completes_with_the_script(folder: Path) -> None:
    shown = typed(
        ["bash", "--norc", "-i"],
        folder,
        ["source ../bash\n"],
        "ofabench sweep --prec\t",
        "--precision ",
    )
    assert "ofabench sweep --precision " in shown


ZSH = shutil.which("zsh")


@pytest.mark.skipif(ZSH is None, reason="zsh is not installed")
@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        ("ofabench swe\t", "ofabench sweep "),
        ("ofabench table sh\t", "ofabench table show "),
        ("ofabench sweep --prec\t", "ofabench sweep --precision "),
        ("ofabench sweep --runner b\t", "--runner benchmark_model "),
        ("ofabench table kind c\t", "ofabench table kind csv "),
        ("ofabench sweep --out a.\t", "--out a.toml "),
        ("ofabench sweep --latency x --lat\t", "--latency x --latency "),
    ],
)
def test_zsh_completes(folder: Path, keys: str, wanted: str) -> None:
    start = ["autoload -U compinit && compinit -u -D\n", "source ../zsh\n"]
    assert wanted in typed(["zsh", "-f", "-i"], folder, start, keys, wanted)


def typed(shell: list[str], folder: Path, start: list[str], keys: str, wanted: str) -> str:
    """What a terminal shows after keys are pressed in a shell; waits until `wanted` is there."""
    terminal, inner = pty.openpty()
    environment = dict(
        os.environ, TERM="dumb", PS1="READY> ", HOME=str(folder), INPUTRC="/dev/null"
    )
    with subprocess.Popen(
        shell,
        stdin=inner,
        stdout=inner,
        stderr=inner,
        cwd=folder / "files",
        env=environment,
        start_new_session=True,
    ) as process:
        os.close(inner)
        try:
            _wait(terminal, "READY> ")
            for line in start:
                os.write(terminal, line.encode())
                _wait(terminal, "READY> ")
            os.write(terminal, keys.encode())
            return _wait(terminal, wanted)
        finally:
            process.kill()
            os.close(terminal)


def _wait(terminal: int, wanted: str) -> str:
    """Read a terminal until it shows a text; at most a minute, for a busy machine."""
    shown, end = "", time.monotonic() + 60
    while wanted not in shown and time.monotonic() < end:
        if select.select([terminal], [], [], 1)[0]:
            shown += os.read(terminal, 4096).decode(errors="replace")
    return shown


def test_the_command_prints_the_scripts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = top_parser(TABLE, version="1", description="")
    for shell in ("bash", "zsh"):
        assert dispatch(TABLE, ["completion", shell], parser) == 0
        printed = capsys.readouterr().out
        assert printed.startswith(("# bash", "#compdef"))
        assert "completion" in printed


@needs_bash
def test_the_script_of_all_commands_is_bash(tmp_path: Path) -> None:
    known = completions(commands())
    (tmp_path / "bash").write_text(bash.script(known))
    subprocess.run(["bash", "-n", str(tmp_path / "bash")], check=True)


@pytest.mark.skipif(ZSH is None, reason="zsh is not installed")
def test_the_script_of_all_commands_is_zsh(tmp_path: Path) -> None:
    (tmp_path / "zsh").write_text(zsh.script(completions(commands())))
    subprocess.run(["zsh", "-n", str(tmp_path / "zsh")], check=True)
