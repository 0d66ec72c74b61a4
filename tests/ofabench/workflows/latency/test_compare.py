"""Two latency tables compared from Python."""

import json
from pathlib import Path

import pytest

from bench.errors import InputError
from ofabench.cli import main as cli
from ofabench.workflows.latency.compare import compare
from tests.support.report_runs import PHONE, table


def test_tables_and_their_files_give_the_output_of_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, other, path = table(), table(factor=1.06), tmp_path / "b.parquet"
    first.save(tmp_path / "a.parquet")
    other.save(path)
    argv = ["compare", str(tmp_path / "a.parquet"), str(path), "--fail-above", "5%"]
    capsys.readouterr()
    assert cli.main(argv) == 1
    printed = capsys.readouterr().out
    assert cli.main([*argv, "--json"]) == 1
    data = json.loads(capsys.readouterr().out)

    result = compare(first, path, fail_above=0.05)

    assert f"{result}\n" == printed
    assert result.to_dict() == data
    assert result.failures == ("all blocks together changed by +6.0%, allowed 5.0%",)
    assert compare(first, str(path), fail_above=0.07).failures == ()
    assert "B is 6.0% slower than A" in result._repr_html_()


def test_unlike_targets_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    compare(table(), table(PHONE))

    assert "the targets differ in device fake and note8" in caplog.text


def test_other_inputs_than_tables_are_refused() -> None:
    with pytest.raises(InputError, match="the table is a int, expected a LatencyTable or its file"):
        compare(table(), 1)  # type: ignore[arg-type]
