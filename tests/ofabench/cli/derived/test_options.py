import doctest
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import FileError, InputError
from bench.options import Options, option
from ofabench.cli.derived import equivalent
from ofabench.cli.derived.command import Command, CommandGroup
from ofabench.cli.derived.equivalent import equivalent_command
from tests.support.option_examples import (
    CommandExample,
    DeviceExample,
    LimitsExample,
    PhoneExample,
    ReportExample,
    SweepExample,
)

WHOLE = CommandExample(space="tiny", out=Path("o"))


def parsed(line: str, cls: type[Any] = CommandExample) -> Any:
    """The options that a command makes of a line of arguments."""
    actual: list[Options] = []

    def run(options: Options) -> int:
        actual.append(options)
        return 7

    command = Command(name="sweep", help="measure", options=cls, run=run)
    assert command.main(shlex.split(line), "ofabench sweep") == 7
    return actual[0]


def refused(line: str, capsys: pytest.CaptureFixture[str], cls: type[Any] = CommandExample) -> str:
    """Return the error line of a command with wrong arguments."""
    with pytest.raises(SystemExit) as stopped:
        parsed(line, cls)
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.endswith(" (see `ofabench sweep --help`)\n")
    return error


def help_of(cls: type[Options], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stopped:
        parsed("--help", cls)
    assert stopped.value.code == 0
    return " ".join(capsys.readouterr().out.split())


def test_defaults_are_those_of_the_dataclass() -> None:
    assert parsed("--space tiny --out o") == WHOLE


def test_every_kind_of_option() -> None:
    options = parsed(
        "t.parquet --space tiny -n 5 --no-verify --budget 5m --loads 4 --resolutions 32,64 "
        "--latency a --latency b --max-latency-ms 30 --max-latency-ms 80us --max-macs 2G "
        "--max-size-bytes 1.5M --fail-above 5% --wait --tf32 --runner ofabench "
        "--frequency-khz 1.8GHz --single-s 20 --secret 3 --json --out o"
    )
    phone = PhoneExample(runner="ofabench", frequency_khz=1_800_000)
    assert options == CommandExample(
        table=Path("t.parquet"),
        space="tiny",
        networks=5,
        verify=False,
        single_s=20.0,
        sweep=SweepExample(replicates=4, budget_s=300.0, resolutions=(32, 64)),
        limits=LimitsExample(
            latency=(Path("a"), Path("b")),
            max_latency_ms=(30.0, 0.08),
            max_macs=2e9,
            max_size_bytes=1.5e6,
            fail_above=0.05,
        ),
        device=DeviceExample(device="cpu", wait=True, tf32=True, phone=phone),
        secret=3,
        json=True,
        out=Path("o"),
    )


@pytest.mark.parametrize(
    ("line", "output"),
    [
        ("", "the following arguments are required: --space, --out"),
        ("--replicates 0", "--replicates: expected a whole number of at least 1, got '0'"),
        ("--loads x", "--loads: expected a whole number of at least 1, got 'x'"),
        ("--seed -1", "--seed: expected a whole number of at least 0, got '-1'"),
        ("--seed 12345678901234567890", "expected a whole number of at least 0, got"),
        ("--budget 5", "--budget: expected a time like 90s, 5m or 1h, got '5'"),
        ("--budget 0s", "--budget: expected a time like 90s, 5m or 1h, got '0s'"),
        ("--resolutions 32,x", "--resolutions: expected a whole number of at least 1, got 'x'"),
        ("--max-latency-ms nan", "--max-latency-ms: expected a number above 0, got 'nan'"),
        ("--max-latency-ms fast", "--max-latency-ms: expected a number above 0, got 'fast'"),
        ("--max-size-bytes 0", "expected bytes like 20e6, 1.5M or 512Ki, got '0'"),
        ("--fail-above x", "expected a share like 5% or 0.05, got 'x'"),
        ("--precision int4", "--precision: invalid choice: 'int4'"),
        ("--single s --single-s 3", "--single-s: not allowed with argument --single"),
        ("--replicate 3", "unrecognized arguments: --replicate, did you mean --replicates?"),
        ("--thread=4", "unrecognized arguments: --thread=4 (see"),
        ("a.parquet b.parquet", "unrecognized arguments: b.parquet (see"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(
    line: str, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert output in refused(line, capsys)


def test_a_required_positional_and_a_required_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert "required: RUN" in refused("", capsys, ReportExample)
    line = refused("a", capsys, ReportExample)
    assert "one of the arguments --table --checkpoint is required" in line
    options = parsed("a b --table t", ReportExample)
    assert options.given == (Path("a"), Path("b"))


def test_help_lists_all_but_hidden_options(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of(CommandExample, capsys)
    assert "--space NAME|FILE.toml [-n N]" in text  # required, without brackets
    assert "[--single FILE | --single-s S]" in text
    assert "[T.parquet]" in text
    assert "-n N, --networks N how many (100)" in text
    assert "the sweep: --replicates N created afresh (3) --budget TIME about so long" in text
    assert "--resolutions N,..." in text
    assert "--precision {fp32,fp16} default fp32" in text
    assert "--fail-above 5% 100% is twice" in text
    assert "phones (adb:...): --runner {ofabench,benchmark_model}" in text
    assert "GPUs: --tf32" in text
    for hidden in ("--loads", "--secret", "--no-json", "--verify "):
        assert hidden not in text.replace("--no-verify", "")


def test_help_shows_a_required_positional_and_set(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of(ReportExample, capsys)
    assert "(--table FILE | --checkpoint FILE)" in text
    assert "RUN [RUN ...]" in text


def test_the_command_line_wins_over_the_file_and_that_over_defaults(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(
        'space = "tiny"\ntable = "t.parquet"\nno-verify = true\njson = true\nsingle = "s"\n'
        'latency = ["a", "b"]\n[sweep]\nreplicates = 5\nbudget = "5m"\n'
        '[device.phone]\nfrequency_khz = "1.8GHz"\n'
    )
    options = parsed(f"--config {file} --out o --loads 6 --no-json --latency c --single-s 2")
    assert options == CommandExample(
        space="tiny",
        table=Path("t.parquet"),
        verify=False,
        out=Path("o"),
        single_s=2.0,
        sweep=SweepExample(replicates=6, budget_s=300.0),
        limits=LimitsExample(latency=(Path("c"),)),
        device=DeviceExample(device="cpu", phone=PhoneExample(frequency_khz=1_800_000)),
    )
    assert parsed(f"--config {file} --out o --verify").verify is True


def test_required_arguments_without_a_name_may_come_from_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "c.toml"
    file.write_text('given = ["a", "b"]\ntable = "t"\n')
    expected = ReportExample(given=(Path("a"), Path("b")), table=Path("t"))
    assert parsed(f"--config {file}", ReportExample) == expected
    given = parsed(f"--config {file} c --checkpoint s", ReportExample)
    assert given == ReportExample(given=(Path("c"),), checkpoint=Path("s"))
    file.write_text('table = "t"\ncheckpoint = "s"\n')
    messages = "argument --checkpoint: not allowed with argument --table"
    assert messages in refused(f"--config {file} c", capsys, ReportExample)


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("thread = 3", "unknown key 'thread'"),
        ("replicate = 3", "unknown key 'replicate', did you mean replicates?"),
        ("replicates = 0", "replicates is 0, expected a whole number of at least 1"),
        (
            "[sweep]\nreplicates = 'x'",
            "sweep: replicates is 'x', expected a whole number of at least 1",
        ),
        ("budget = 300", "budget is 300, expected a time like 90s, 5m or 1h"),
        ("json = 1", "json is 1, expected true or false"),
        ("latency = 'a'", "latency is 'a', expected a list, each a path"),
        ("x = ", "is not TOML: Invalid value (at end of document)"),
    ],
)
def test_a_wrong_file_is_named_with_its_key(text: str, output: str, tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(text)
    with pytest.raises(InputError) as stopped:
        parsed(f"--config {file} --space tiny --out o")
    assert str(stopped.value).startswith(str(file))
    assert output in str(stopped.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none.toml"):
        parsed(f"--config {tmp_path / 'none.toml'}")
    (tmp_path / "latin.toml").write_bytes(b'space = "\xe9"')
    with pytest.raises(InputError, match="not UTF-8 text"):
        parsed(f"--config {tmp_path / 'latin.toml'}")


def test_a_command_that_gives_the_same_options() -> None:
    options = CommandExample(
        table=Path("my table.parquet"),
        space="tiny",
        verify=False,
        sweep=SweepExample(budget_s=90.0, resolutions=(32, 64)),
        limits=LimitsExample(latency=(Path("a"), Path("-b")), max_macs=2e8, fail_above=0.05),
        device=DeviceExample(device="adb:1", wait=True, tf32=False),
        out=Path("o"),
    )
    line = equivalent_command("sweep", options, skip=("limits.fail_above",))
    assert line == (
        "ofabench sweep 'my table.parquet' --space tiny --no-verify --budget 90s "
        "--resolutions 32,64 --latency a --latency=-b --max-macs 200000000 "
        "--device adb:1 --wait --no-tf32 --out o"
    )
    assert parsed(line.removeprefix("ofabench sweep ")) == replace(
        options, limits=replace(options.limits, fail_above=None)
    )


def test_an_equivalent_command_of_defaults_and_of_dashes() -> None:
    assert equivalent_command("sweep", SweepExample()) == "ofabench sweep"
    assert equivalent_command("sweep", SweepExample(budget_s=5400)) == "ofabench sweep --budget 90m"
    odd = ReportExample(given=("-a", "b"), table="t")  # type: ignore[arg-type]
    assert equivalent_command("table show", odd) == "ofabench table show --table t -- -a b"


def test_the_example_runs() -> None:
    assert doctest.testmod(equivalent).attempted >= 4
    assert doctest.testmod(equivalent).failed == 0


TEXTS = st.text(min_size=1).filter(lambda text: text.isprintable())
POSITIVE = st.floats(min_value=1e-9, max_value=1e18)


@settings(max_examples=50, deadline=None)
@given(
    text=TEXTS,
    seconds=POSITIVE,
    sizes=st.lists(st.integers(1, 10**6), min_size=1, max_size=3),
    costs=st.lists(POSITIVE, max_size=2),
    khz=st.integers(1, 10**8),
)
def test_equivalent_commands_read_back(
    text: str, seconds: float, sizes: list[int], costs: list[float], khz: int
) -> None:
    options = CommandExample(
        table=Path(text),
        space=text,
        verify=khz % 2 == 0,
        sweep=SweepExample(budget_s=seconds, resolutions=tuple(sizes)),
        limits=LimitsExample(
            max_latency_ms=tuple(costs),
            max_size_bytes=seconds,
            fail_above=seconds,
            max_macs=seconds,
        ),
        device=DeviceExample(device=text, phone=PhoneExample(frequency_khz=khz, binary=Path(text))),
        out=Path("o"),
    )
    words = shlex.split(equivalent_command("sweep", options))[2:]
    assert parsed(shlex.join(words)) == options


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowExample(Options):
    table: Path = option(positional=True, metavar="T.parquet", help="a table")


def _group(ran: list[Options]) -> CommandGroup:
    def run(options: ShowExample) -> int:
        ran.append(options)
        return 1

    show = Command(
        name="show",
        help="say what a table holds, in %",
        options=ShowExample,
        run=run,
        description=lambda: "Show\n  it in %.",
        raw=True,
    )
    return CommandGroup(name="table", help="tables", commands=(show,))


def test_a_command_of_commands(capsys: pytest.CaptureFixture[str]) -> None:
    ran: list[Options] = []
    assert _group(ran).main(["show", "t"], "ofabench table") == 1
    assert ran == [ShowExample(table=Path("t"))]
    for argv, item in (
        (["shwo"], "argument ACTION: invalid choice: 'shwo', did you mean show?"),
        (["zzzz"], "argument ACTION: invalid choice: 'zzzz' (choose from show)"),
        ([], "the following arguments are required: ACTION"),
        (["--json"], "the following arguments are required: ACTION"),
    ):
        with pytest.raises(SystemExit) as stopped:
            _group(ran).main(argv, "ofabench table")
        assert stopped.value.code == 2
        error = capsys.readouterr().err
        assert error == f"ofabench: {item} (see `ofabench table --help`)\n"


def test_help_of_a_command_of_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _group([]).main(["--help"], "ofabench table")
    assert "show say what a table holds, in %" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(SystemExit):
        _group([]).main(["show", "--help"], "ofabench table")
    shown = capsys.readouterr().out
    assert "usage: ofabench table show [-h] [--config FILE.toml] T.parquet" in shown
    assert "Show\n  it in %." in shown
