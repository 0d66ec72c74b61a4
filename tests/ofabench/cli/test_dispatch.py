import subprocess
import sys

import pytest

from ofabench.cli.dispatch import dispatch, top_parser
from ofabench.cli.main import commands
from tests.support.command_examples import TABLE

PARSER = top_parser(TABLE, version="1.2", description="Measures.")


def stopped(argv: list[str]) -> int:
    with pytest.raises(SystemExit) as error:
        dispatch(TABLE, argv, PARSER)
    assert isinstance(error.value.code, int)
    return error.value.code


def test_a_command_runs_with_its_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(TABLE, ["sweep", "--space", "tiny", "--out", "o"], PARSER) == 3
    assert capsys.readouterr().out == "tiny\n"
    assert dispatch(TABLE, ["table", "show", "t"], PARSER) == 0
    assert "ShowExample(table=" in capsys.readouterr().out


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert stopped(["--version"]) == 0
    assert capsys.readouterr().out == "ofabench 1.2\n"
    assert stopped(["--help"]) == 0
    shown = capsys.readouterr().out
    assert "Measures." in shown
    assert "sweep measure blocks: [all] of 100%" in " ".join(shown.split())
    assert "completion" in shown
    assert dispatch(TABLE, [], PARSER) == 2
    assert capsys.readouterr().out == shown


@pytest.mark.parametrize("name", commands())
def test_the_help_of_a_command_equals_that_of_the_table(name: str) -> None:
    entry = commands()[name]
    command = entry.load()
    if command is not None:
        assert (command.name, command.help) == (name, entry.help)


@pytest.mark.parametrize(
    ("argv", "output"),
    [
        (["swep"], "argument COMMAND: invalid choice: 'swep', did you mean sweep?"),
        (["--thread"], "the following arguments are required: COMMAND"),
        (["completion"], "the following arguments are required: shell"),
        (["completion", "fish"], "argument shell: invalid choice: 'fish'"),
    ],
)
def test_a_wrong_command_is_refused_in_one_line(
    argv: list[str], output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stopped(argv) == 2
    error = capsys.readouterr().err
    assert output in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("argv", "loaded"),
    [
        ("[]", []),
        ("['--help']", []),
        ("['swep']", []),
        ("['table', '--help']", ["table"]),
        ("['sweep', '--help']", ["sweep"]),
    ],
)
def test_only_the_chosen_command_is_imported(argv: str, loaded: list[str]) -> None:
    code = f"""
import sys, contextlib, io
from tests.support import command_examples
from ofabench.cli.dispatch import dispatch, top_parser
from ofabench.cli.main import commands
parser = top_parser(command_examples.TABLE, version="1", description="")
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    dispatch(command_examples.TABLE, {argv}, parser)
print(*[n for n in ("sweep", "table") if hasattr(command_examples, n)])
print(*[n for n in ("torch", "numpy", "pandas", "rich", "tomllib") if n in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names, heavy = done.stdout.split("\n")[:2]
    assert names.split() == loaded
    assert heavy == ""
