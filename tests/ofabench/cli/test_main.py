import logging
import subprocess
import sys
from pathlib import Path

import pytest

from ofabench.cli import main as cli
from ofabench.cli.messages import messages_on_stderr


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (name.replace("_", "-") for name in cli.COMMANDS):
        with pytest.raises(SystemExit) as stopped:
            cli.main([command, "--help"])
        assert stopped.value.code == 0
        assert f"ofabench {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "output"),
    [
        (["swep"], "invalid choice: 'swep', did you mean sweep?"),
        (["sweep", "--threads", "0"], "expected a whole number of at least 1, got '0'"),
        (["search", "--max-latency-ms", "fast"], "expected a number above 0, got 'fast'"),
        (["search", "--max-latency-ms", "nan"], "expected a number above 0, got 'nan'"),
    ],
)
def test_a_wrong_argument_is_refused_in_one_line(
    argv: list[str], output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(argv)
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert output in error
    assert error.count("\n") == 1


def test_no_arguments_print_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2

    shown = capsys.readouterr()
    assert all(f"\n    {name}" in shown.out for name in cli.COMMANDS)
    assert shown.err == ""


def test_every_command_of_the_table_exists() -> None:
    for name, entry in cli.commands().items():
        assert entry.load().name == name


def test_messages_of_the_packages_are_shown_by_the_command_line_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logger = logging.getLogger("supernet.some.module")
    logger.warning("to nobody")
    with messages_on_stderr():
        logger.info("to %s", "the user")
        logger.debug("to nobody")
        logger.warning("as errors are")
        logger.warning("ofabench: once")
    logger.warning("to nobody")

    assert capsys.readouterr().err == "to the user\nofabench: as errors are\nofabench: once\n"


def test_another_package_named_bench_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "__init__.py").write_text("")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})"
    code += "; import ofabench.cli.main as c; c.main()"
    code = code.replace("c.main()", "sys.exit(c.main(['devices']))")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 2
    assert "another package named `bench`" in done.stderr
    assert done.stderr.count("\n") == 1


SEEDED = ("sweep", "search", "train", "evaluate-subnets", "accuracy", "verify", "deploy",
          "selfcheck", "quickstart")  # fmt: skip


@pytest.mark.parametrize("command", SEEDED)
def test_a_negative_seed_is_refused_in_one_line(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main([command, "--seed", "-1"])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert "--seed: expected a whole number of at least 0, got '-1'" in error
    assert error.count("\n") == 1
