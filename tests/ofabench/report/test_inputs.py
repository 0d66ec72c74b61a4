"""Inputs of a report: recognised by content, or refused in one line."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.errors import FileError, InputError
from ofabench.cli import main as cli
from ofabench.report.accuracy_latency import front_sections
from ofabench.report.assemble import page_of
from ofabench.report.inputs import read_inputs
from ofabench.report.names import names_of
from ofabench.report.searches import read_search
from ofabench.report.verified import verdict_sections
from tests.support import report_runs as runs


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file of every kind."""
    path = tmp_path_factory.mktemp("run")
    runs.write_everything(path)
    return path


def test_files_of_a_folder_are_sorted_by_their_kind(folder: Path) -> None:
    inputs = read_inputs([folder])

    assert list(inputs.sweeps) == ["sweep.sqlite"]
    assert list(inputs.tables) == ["fake-blocks.parquet", "phone-blocks.parquet"]
    assert list(inputs.networks) == ["fake-judged.parquet", "phone-judged.parquet"]
    assert list(inputs.predictors) == ["fake.parquet", "phone.parquet"]
    assert list(inputs.accuracies) == ["accuracy.parquet"]
    assert {name: search.front for name, search in inputs.searches.items()} == {
        "front.json": True,
        "limit.json": False,
    }
    assert list(inputs.outcomes) == ["limit.verified.json"]
    assert list(inputs.logs) == ["supernet.jsonl"]
    assert [Path(name).name for name in inputs.skipped] == ["notes.md"]
    assert inputs.count == 12


def test_kinds_of_files_do_not_depend_on_names(folder: Path, tmp_path: Path) -> None:
    kinds = ("sweep.sqlite", "fake-blocks.parquet", "limit.json", "supernet.jsonl", "fake.parquet")
    for number, name in enumerate(kinds):
        shutil.copy(folder / name, tmp_path / f"{number}.txt")

    inputs = read_inputs(sorted(tmp_path.iterdir()))

    assert [list(group) for group in (inputs.sweeps, inputs.tables, inputs.searches)] == [
        ["0.txt"],
        ["1.txt"],
        ["2.txt"],
    ]
    assert [list(group) for group in (inputs.logs, inputs.predictors)] == [["3.txt"], ["4.txt"]]


def test_files_of_one_name_keep_their_folders(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(folder / "fake.parquet", other / "fake.parquet")

    inputs = read_inputs([folder, other])

    assert list(inputs.predictors) == ["fake.parquet", "phone.parquet", "other/fake.parquet"]
    with pytest.raises(InputError, match="is given twice"):
        read_inputs([folder / "limit.json"] * 40)


def test_the_largest_table_of_a_target_counts(tmp_path: Path) -> None:
    whole = runs.table()
    few = type(whole)(target=whole.target, provenance={}, rows=whole.rows[:5])
    few.save(tmp_path / "a.parquet")
    whole.save(tmp_path / "b.parquet")

    (tables,) = read_inputs([tmp_path]).tables_by_target().values()

    assert len(tables) == 147


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", b"hello"),
        ("empty.json", b""),
        ("other.json", b'{"a": 1}'),
        ("list.json", b"[1, 2]"),
        ("archs.jsonl", b'{"space": "tiny", "resolution": 32}\n{"space": "tiny"}\n'),
        ("deep.json", b'{"a":' * 100_000),
        ("image.png", b"\x89PNG\r\n"),
    ],
)
def test_an_unknown_file_is_refused_with_the_known_kinds(
    name: str, content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / name, tmp_path / "r.html"
    path.write_bytes(content)

    assert cli.main(["report", str(path), "--out", str(out)]) == 2

    message = capsys.readouterr().err
    assert f"{path} is not recognised; accepted is a sweep (.sqlite)" in message
    assert message.count("\n") == 1
    assert not out.exists()


def test_parquet_of_other_programs_is_not_recognised(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(path)

    with pytest.raises(FileError, match="is not recognised"):
        read_inputs([path])


def test_a_page_is_not_written_over_its_inputs(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = folder / "supernet.jsonl"
    before = log.read_bytes()

    assert cli.main(["report", str(log), "--out", str(log)]) == 2
    assert "is one of the files to report" in capsys.readouterr().err
    assert log.read_bytes() == before

    nowhere = tmp_path / "nowhere" / "r.html"
    assert cli.main(["report", str(log), "--out", str(nowhere)]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_a_predictor_without_networks_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "r.html"

    assert cli.main(["report", str(folder / "fake.parquet"), "--out", str(out)]) == 2
    assert "a predictor needs a table of networks" in capsys.readouterr().err


def test_a_search_is_read_with_its_accuracy_bounds_and_history() -> None:
    arch = runs.SPACE.smallest()
    data = runs.result(arch, 0.7, bounds={"a": 1})

    (network,) = read_search(Path("r.json"), data).networks

    assert (network.arch, network.accuracy, network.bounds) == (arch, 0.7, {"a": 1.0})
    assert [evaluated for evaluated, _ in network.history] == [
        50,
        90,
    ]  # at 10 there was no network yet
    assert list(network.latencies()) == [runs.FAKE.key, runs.PHONE.key]


def test_damaged_searches_are_refused() -> None:
    good = runs.result(runs.SPACE.smallest(), 0.7)
    wrong: list[dict[str, Any]] = [
        {**good, "accuracy": None},
        {**good, "arch": 3},
        {**good, "arch": {}},
        {**good, "predictions": [1]},
        {**good, "history": [{"a": 1}]},
        {**good, "accuracy": float("nan")},
        {**good, "evaluated": float("inf")},
        {**good, "predictions": {"a": float("inf")}},
        {"format": good["format"], "front": []},
        {"format": good["format"], "front": 3},
        {"format": good["format"]},
    ]
    for data in wrong:
        with pytest.raises(FileError, match=r"r.json is a damaged search result .*; search again"):
            read_search(Path("r.json"), data)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(["arch", "accuracy", "predictions", "limits", "std_ms", "history", "front"])


@pytest.mark.slow
@settings(
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.dictionaries(NAMES, JSON, max_size=4))
def test_any_damage_is_a_file_error(changed: dict[str, Any]) -> None:
    data = {**runs.result(runs.SPACE.smallest(), 0.7), **changed}
    try:
        search = read_search(Path("r.json"), json.loads(json.dumps(data)))
    except FileError:
        return
    assert all(isinstance(network.accuracy, float) for network in search.networks)


@pytest.mark.parametrize("name", ["sweep.sqlite", "fake-blocks.parquet", "fake.parquet"])
def test_a_truncated_file_is_refused(
    name: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = (folder / name).read_bytes()
    path, out = tmp_path / name, tmp_path / "r.html"
    path.write_bytes(content[: len(content) * 3 // 4])

    assert cli.main(["report", str(path), "--out", str(out)]) == 2

    message = capsys.readouterr().err
    assert str(path) in message
    assert message.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize(
    "changed", [{"predicted_ms": 0}, {"limit_ms": "x"}, {"accuracy": float("nan")}, {"arch": 3}]
)
def test_a_damaged_verification_is_refused_or_still_shown(
    changed: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "x.verified.json", tmp_path / "r.html"
    data = runs.verified(runs.SPACE.smallest(), 0.7) | changed
    path.write_text(json.dumps(data))

    code = cli.main(["report", str(path), "--out", str(out)])

    if "arch" in changed:  # no chart needs it: it is shown unchanged
        assert code == 0
        return
    assert code == 2
    assert "is not what `ofabench verify --out` writes" in capsys.readouterr().err


def _verdict(**changed: Any) -> dict[str, Any]:
    verification = runs.verified(runs.SPACE.smallest(), 0.7, **changed)
    return {
        name: verification[name]
        for name in verification
        if "accuracy" not in name and name != "arch"
    }


def test_a_deployment_is_read_as_its_verification(tmp_path: Path) -> None:
    measured = _verdict(target=runs.PHONE.key)
    card = {
        "format": "ofabench-deploy-2",
        "model": {"file": "model.onnx", "space": "tiny", "arch": runs.SPACE.smallest().to_json()},
        "accuracy": {
            "predicted_accuracy": 0.7,
            "accuracy": 0.6,
            "accuracy_low": 0.5,
            "accuracy_high": 0.7,
        },
        "latency": [
            {"target": runs.FAKE.key, "verification": None},
            {"target": runs.PHONE.key, "verification": measured},
        ],
    }
    (tmp_path / "card.json").write_text(json.dumps(card))

    (outcome,) = read_inputs([tmp_path]).outcomes.values()

    assert (outcome.name, outcome.target, outcome.accuracy) == ("model.onnx", runs.PHONE.key, 0.6)
    assert outcome.arch.startswith("24 px<br>stage 1: 1 block")
    (tmp_path / "card.json").write_text(json.dumps(card | {"model": None}))
    with pytest.raises(FileError, match="is a damaged card"):
        read_inputs([tmp_path])


def test_a_verification_without_a_prediction_is_shown(tmp_path: Path) -> None:
    verification = runs.verified(runs.SPACE.smallest(), 0.7) | runs.verification(None, 0.05)
    (tmp_path / "int8.verified.json").write_text(json.dumps(verification))
    inputs = read_inputs([tmp_path])
    (outcome,) = inputs.outcomes.values()
    (section,) = front_sections(inputs, names_of(inputs))
    (verdicts,) = verdict_sections(inputs, names_of(inputs))

    assert (outcome.predicted_ms, outcome.failed, outcome.measured_ms) == (None, False, 0.05)
    assert verdicts.text.startswith("Nothing was predicted or limited")
    (table,) = verdicts.tables
    assert table["predicted, ms"] == [None]
    assert table["as measured, over prediction"] == [None]
    by_name = {trace.name: len(trace.x) for trace in section.charts[0].figure.data}
    assert by_name["latency measured, with 95 % interval of the accuracy"] == 1
    assert by_name["latency predicted"] == 0


def _card(tmp_path: Path, **changed: Any) -> dict[str, Any]:
    card = {
        "format": "ofabench-deploy-2",
        "made": {"date": "2026-11-28T15:01:43+00:00"},
        "model": {
            "file": "model.onnx", "space": "tiny", "arch": runs.SPACE.smallest().to_json(),
            "backend": "onnx", "precision": "fp32", "macs": 7280, "params": 1227,
        },
        "accuracy": {"predicted_accuracy": None, "accuracy": None, "accuracy_low": None,
                     "accuracy_high": None},
        "latency": [],
        **changed,
    }  # fmt: skip
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "card.json").write_text(json.dumps(card))
    return card


@pytest.mark.parametrize("inside", [True, False])
def test_a_deployment_is_picked_up_from_its_folder_and_the_one_around_it(
    inside: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _card(tmp_path / "deployed")
    (tmp_path / "deployed" / "model.onnx").write_bytes(b"x")
    (tmp_path / "other").mkdir()  # a folder that is no deployment is left alone
    (tmp_path / "other" / "card.json").write_text("{}")
    monkeypatch.chdir(tmp_path / "deployed" if inside else tmp_path)

    assert cli.main(["report", ".", "--out", "report.html"]) == 0

    inputs = read_inputs([Path()])
    assert inputs.count == 1
    (section,) = page_of(inputs, "", []).sections
    (table,) = section.tables
    facts = dict(zip(table["fact"], table["value"], strict=True))
    assert (facts["file"], facts["MACs"], facts["runtime"]) == ("model.onnx", "7,280", "onnx")
    assert str(facts["architecture"]).startswith("24 px; stage 1: 1 block")


def test_a_deployment_counts_as_one_file_with_its_measurements(tmp_path: Path) -> None:
    verdicts = [{"target": runs.PHONE.key, "verification": _verdict(target=runs.PHONE.key)}]
    _card(tmp_path, latency=verdicts)

    inputs = read_inputs([tmp_path])

    assert inputs.count == 1
    assert len(inputs.outcomes) == 1
