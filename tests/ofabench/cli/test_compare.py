"""`ofabench compare`: what it says, and what its exit code says."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latency_models.tables.table import LatencyTable
from ofabench.cli import main as cli
from ofabench.options.compare import CompareOptions
from ofabench.workflows.latency.comparison_text import factor
from tests.support.report_runs import FAKE, PHONE, predictor, table


@pytest.fixture
def tables(tmp_path: Path) -> tuple[str, str]:
    """One table, and the same 6 % slower, with its classifier 50 % slower still."""
    first, other = table(), table(factor=1.06)
    rows = other.rows.copy()
    columns = ["latency_ms", "low_ms", "high_ms"]
    rows.loc[rows["kind"] == "classifier", columns] *= 1.5
    slower = LatencyTable(target=FAKE, provenance={}, rows=rows)
    first.save(tmp_path / "a.parquet")
    slower.save(tmp_path / "b.parquet")
    return str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")


def test_it_prints_drift_and_changed_blocks(
    tables: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["compare", *tables]) == 0

    output = capsys.readouterr().out
    assert "147 in common, 0 only in A, 0 only in B" in output
    assert "drift      +6.0% (95 % interval +6.0% to +6.0%), B against A" in output
    assert "1 of 147 blocks outside their 95 % intervals, 7 expected by chance; 1 changed" in output
    assert (
        "verdict    B is 6.0% slower than A; drift-corrected, 1 of 147 blocks changed (class"
        in output
    )


def test_the_exit_code_is_a_check(
    tables: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["compare", *tables, "--fail-above", "5%"]) == 1
    assert (
        "FAILED     all blocks together changed by +6.0%, allowed 5.0%" in capsys.readouterr().out
    )

    assert cli.main(["compare", *tables, "--fail-above", "0.1"]) == 1
    assert "FAILED     1 blocks that moved are slower by more than 10.0%" in capsys.readouterr().out

    assert cli.main(["compare", *tables, "--fail-above", "60%"]) == 0
    assert cli.main(["compare", *tables[::-1], "--fail-above", "5%"]) == 0  # faster never fails


def test_json_is_for_machines(tables: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["compare", *tables, "--json", "--fail-above", "5%"]) == 1

    data = json.loads(capsys.readouterr().out)
    assert data["level"]["ratio"] == pytest.approx(1.06)
    assert [row["kind"] for row in data["moved"]] == ["classifier"]
    assert data["moved"][0]["beside"] == pytest.approx(1.5)
    assert data["kinds"]["classifier"]["low"] is None
    assert len(data["failures"]) == 2
    assert (data["common"], data["outside"]) == (147, 1)


def test_unlike_things_are_refused_in_a_line(
    tables: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fitted, out = tmp_path / "p.parquet", tmp_path / "c.html"
    predictor().save(fitted)

    assert cli.main(["compare", tables[0], str(fitted), "--out", str(out)]) == 2

    error = capsys.readouterr().err
    assert "p.parquet is a latency predictor, expected a latency table" in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_targets_that_differ_in_more_than_the_version_are_named(
    tables: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    phone = tmp_path / "phone.parquet"
    table(PHONE).save(phone)

    assert cli.main(["compare", tables[0], str(phone), "--out", str(tmp_path / "c.html")]) == 0

    caught = capsys.readouterr()
    assert "the targets differ in device fake and note8" in caught.err
    assert "ratio      4.09 times (95 % interval" in caught.out
    assert "B takes 4.09 times as long as A; without the median ratio, 1" in caught.out
    assert "drift" not in caught.out
    page = (tmp_path / "c.html").read_text()
    assert "Blocks that changed" in page
    assert "device fake and note8" in page


def test_changes_cannot_be_detected_in_tables_without_intervals(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = table().rows.assign(low_ms=np.nan, high_ms=np.nan, loads=0)
    path = tmp_path / "imported.parquet"
    LatencyTable(target=FAKE, provenance={}, rows=rows).save(path)

    assert cli.main(["compare", str(path), str(path), "--out", str(tmp_path / "c.html")]) == 0

    output = capsys.readouterr().out
    assert "significant changes cannot be detected" in output
    assert "without intervals, changes of single blocks cannot be detected" in output


@pytest.fixture
def three(tables: tuple[str, str], tmp_path: Path) -> list[str]:
    """Two tables of one target, and one of a phone."""
    path = tmp_path / "phone.parquet"
    table(PHONE).save(path)
    return [*tables, str(path)]


def test_three_tables_are_compared_with_the_first(
    three: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["compare", *three]) == 0

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["a", FAKE.key] in lines
    assert ["all", "blocks", "1.06", "4.09"] in lines
    assert ["classifier", "1.59", "3.49"] in lines
    (pair,) = [line for line in lines if line[:2] == ["a,", "b"]]
    assert pair[3:] == ["on", "147", "blocks"]
    largest = next(line for line in lines if line[:1] == ["b"] and "ratio" in line)
    assert largest[1].startswith("classifier")
    assert largest[-2:] == ["ratio", "1.59"]


def test_three_tables_as_json_csv_and_page(
    three: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csv, page = tmp_path / "w.csv", tmp_path / "c.html"
    argv = ["compare", *three, "--json", "--csv", str(csv), "--out", str(page)]
    assert cli.main([*argv, "--fail-above", "50%"]) == 1

    data = json.loads(capsys.readouterr().out)
    assert (data["first"], [*data["targets"]]) == ("a", ["a", "b", "phone"])
    assert data["against_first"]["b"]["ratio"]["ratio"] == pytest.approx(1.06)
    assert data["against_first"]["b"]["largest"][0]["kind"] == "classifier"
    assert [each["blocks"] for each in data["rank_correlations"]] == [147] * 3
    assert [failure.split(": ")[0] for failure in data["failures"]] == ["b", "phone", "phone"]
    frame = pd.read_csv(csv)
    assert frame["b_ratio"].median() == pytest.approx(1.06)
    assert {"a_ms", "b_low_ms", "phone_cold_ms", "phone_ratio"} <= {*frame.columns}
    assert "Rank correlations" in page.read_text()


def test_the_wide_csv_of_two_tables(tables: tuple[str, str], tmp_path: Path) -> None:
    csv = tmp_path / "w.csv"

    assert cli.main(["compare", *tables, "--csv", str(csv)]) == 0

    frame = pd.read_csv(csv)
    assert (len(frame), frame.columns[-1]) == (147, "b_ratio")


@pytest.mark.parametrize(
    ("files", "more", "says"),
    [
        (["a"], [], "got 1 latency tables to compare, expected two or more"),
        (["a", "b", "absent"], [], "cannot read absent.parquet: No such file or directory"),
        (["a", "b", "other"], [], "have no block in common; sweep the same space"),
        (["a", "b", "c"], ["--fail-slower", "5%"], "the limit of tables is --fail-above"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_line_and_nothing_is_written(  # noqa: PLR0913, PLR0917
    files: list[str],
    more: list[str],
    says: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in "abc":
        table().save(f"{name}.parquet")
    rows = table().rows
    rows = rows.assign(in_size=rows["in_size"] + 1000)
    LatencyTable(target=FAKE, provenance={}, rows=rows).save("other.parquet")
    argv = ["compare", *(f"{name}.parquet" for name in files), *more]

    assert cli.main([*argv, "--csv", "w.csv", "--out", "c.html"]) == 2

    (line,) = capsys.readouterr().err.splitlines()
    assert says in line
    assert not Path("w.csv").exists()
    assert not Path("c.html").exists()


def test_factors_are_percentages_or_times() -> None:
    assert factor(1.031) == "+3.1%"
    assert factor(0.7) == "-30.0%"
    assert factor(2.5) == "2.5 times"
    assert factor(0.25) == "0.25 times"


@pytest.mark.parametrize("text", ["", "%", "five", "-1%", "nan", "inf%"])
def test_a_share_that_is_none_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["compare", "a", "b", f"--fail-above={text}"])
    assert stopped.value.code == 2
    assert "expected a share like 5% or 0.05" in capsys.readouterr().err


@given(st.floats(0, 1e6))
def test_shares_are_read_in_both_ways(value: float) -> None:
    def share(text: str) -> float | None:
        return CompareOptions(inputs=("a", "b"), fail_above=text).fail_above  # type: ignore[arg-type]

    assert share(repr(value)) == value
    assert share(f"{value!r}%") == value / 100
