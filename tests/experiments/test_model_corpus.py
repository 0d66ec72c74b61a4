"""The corpus experiment: its models, its arithmetic by hand."""

from collections import Counter
from pathlib import Path

import pytest

from experiments.model_corpus.catalogue import FIT, FRESH_ROLE, catalogue, tflite_entries
from experiments.model_corpus.corpus import files_of, rows_of
from experiments.model_corpus.figures import (
    Errors,
    Subject,
    by_constant,
    by_macs,
    by_work,
    cell,
    errors_of,
    folds_of,
    left_out,
    table,
)
from experiments.model_corpus.sessions import Levels, Session
from experiments.model_corpus.timers import lines, spread


def subject(name: str, ms: float, macs: float = 0.0, family: str = "", **work: float) -> Subject:
    return Subject(
        name=name,
        family=family or name,
        role=FIT,
        fit_ms=ms,
        judge_ms=ms,
        macs=macs,
        work={kind: (1.0, value, 0.0) for kind, value in work.items()},
    )


def test_the_catalogue_is_large_enough_and_fresh_families_are_fresh() -> None:
    entries = catalogue()
    roles = Counter(entry.role for entry in entries)
    fresh = {entry.family for entry in entries if entry.role == FRESH_ROLE}
    others = {entry.family for entry in entries if entry.role != FRESH_ROLE}

    assert roles[FIT] >= 112
    assert roles[FRESH_ROLE] >= 20
    assert len(others) >= 25
    assert not fresh & others
    assert len({entry.name for entry in entries}) == len(entries)
    assert len(tflite_entries()) >= 36


def test_errors_are_relative_to_the_session_that_is_judged_on() -> None:
    # Off by +4 %, -8 % and +30 %: one within 5 %, two within 10 %, mean 14 %, median +4 %.
    subjects = [subject("a", 1.0), subject("b", 2.0), subject("c", 10.0), subject("d", 1.0)]

    errors = errors_of({"a": 1.04, "b": 1.84, "c": 13.0}, subjects)

    assert errors is not None
    assert errors.count == 3
    assert errors.within_5 == pytest.approx(1 / 3)
    assert errors.within_10 == pytest.approx(2 / 3)
    assert errors.mean == pytest.approx(0.14)
    assert errors.bias == pytest.approx(0.04)
    assert errors_of({}, subjects) is None


def test_folds_keep_families_together() -> None:
    assert folds_of(["b", "a", "b", "c"], 2) == [frozenset({"a", "c"}), frozenset({"b"})]
    assert folds_of(["a"], 3) == [frozenset({"a"})]


def test_each_model_is_predicted_from_other_families() -> None:
    # The geometric mean of the others: of 1 and 4 for b's family, 8 for those of a.
    subjects = [
        subject("a1", 1.0, family="a"),
        subject("a2", 4.0, family="a"),
        subject("b1", 8.0, family="b"),
    ]

    predicted = left_out(subjects, folds_of(["a", "b"], 2), by_constant)

    assert predicted == pytest.approx({"a1": 8.0, "a2": 8.0, "b1": 2.0})


def test_macs_are_fitted_with_a_constant() -> None:
    # 1 ms and 2 ms a million.
    train = [subject("a", 3.0, 1e6), subject("b", 5.0, 2e6), subject("c", 21.0, 1e7)]

    assert by_macs(train, [subject("d", 1.0, 4e6)]) == pytest.approx({"d": 9.0})


def test_work_is_fitted_by_kind_and_unknown_kinds_cost_nothing() -> None:
    # A MAC of x takes 2 ms and one of y 3 ms; z is not in training.
    train = [subject("a", 2.0, x=1), subject("b", 12.0, y=4), subject("c", 8.0, x=4)]
    train += [subject("d", 3.0, y=1), subject("e", 5.0, x=1, y=1)]

    predicted = by_work(train, [subject("f", 1.0, x=2, y=2, z=9)])

    assert predicted == pytest.approx({"f": 10.0})
    assert by_work([subject("a", 1.0)], train) == {}


def test_a_table_has_a_row_a_predictor() -> None:
    errors = Errors(count=4, within_5=0.5, within_10=0.75, mean=0.062, bias=-0.01)

    assert cell(errors) == "50% / 75%, 6.2% (-1.0%)"
    assert table({"sums": {"all": errors, "fresh": None}}) == [
        "| predicted by | all | fresh |",
        "| --- | --- | --- |",
        "| sums | 50% / 75%, 6.2% (-1.0%) |  |",
    ]


def test_the_files_of_a_runtime_are_those_of_the_manifests(tmp_path: Path) -> None:
    head = "name,family,role,macs,bytes\n"
    (tmp_path / "manifest-0of2.csv").write_text(f"{head}a,f,fit,10,1\n", encoding="utf-8")
    (tmp_path / "manifest-1of2.csv").write_text(f"{head}b,g,fresh,20,1\n", encoding="utf-8")
    for name in ("a.onnx", "b.onnx", "b.tflite", "c.onnx"):
        (tmp_path / name).touch()

    assert rows_of(tmp_path)["b"].macs == 20.0
    assert files_of(tmp_path, "onnx") == [tmp_path / "a.onnx", tmp_path / "b.onnx"]
    assert files_of(tmp_path, "tflite") == [tmp_path / "b.tflite"]


def test_timers_are_compared_by_their_spread_between_runs() -> None:
    assert spread([2.0, 1.0, 1.5]) == pytest.approx(1.0)
    assert lines({"net": [{"loop": 1.0}, {"loop": 1.1}, {"loop": 1.2}]}) == [
        "| model | loop, ms (spread) |",
        "| --- | --- |",
        "| net | 1.1 (20.0%) |",
        "| mean spread | 20.0% |",
    ]


def session(models: dict[str, float], references: dict[str, float]) -> Session:
    return Session(models=models, references=references, facts={}, started_at="")


def test_the_level_of_a_family_is_that_of_the_models_of_other_families() -> None:
    fitted = session({"a1": 1.0, "a2": 1.0, "b": 2.0, "c": 4.0}, {"memory": 1.0, "compute": 1.0})
    judging = session({"a1": 9.0, "a2": 9.0, "b": 2.2, "c": 4.8}, {"memory": 1.0, "compute": 1.21})
    families = {"a1": "a", "a2": "a", "b": "b", "c": "c"}

    by_models = Levels.of(fitted, judging, families, "models")
    by_references = Levels.of(fitted, judging, families, "references")

    # The median of 1.1 and 1.2; of 9, 9 and 1.2; of 9, 9 and 1.1.
    assert by_models.by_family == pytest.approx({"a": 1.15, "b": 9.0, "c": 9.0})
    # The geometric mean of 1 and 1.21.
    assert by_references.by_family == pytest.approx(dict.fromkeys("abc", 1.1))
    assert by_references.sentence() == (
        "By the reference workloads the second session was +10.0% slower, which is taken off."
    )
