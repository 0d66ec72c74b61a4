"""`supernet.accuracy.store`: stored scores, damaged lines and refused files."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench.errors import FileError
from supernet.accuracy.store import Conditions, EvaluationStore
from supernet.data.dataset import Score
from supernet.weights.tensor_file import digest_tensors

CONDITIONS = Conditions(
    space="tiny",
    weights="ab12",
    data="digits",
    part="validation",
    images=300,
    calibration=200,
    seed=0,
)
FIRST = Score(accuracy=0.5, error=0.01, images=300, groups=30)
SECOND = Score(accuracy=1 / 3, error=0.02, images=300, groups=30)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store of two networks."""
    path = tmp_path / "n.evaluations.jsonl"
    with EvaluationStore.open(path, CONDITIONS) as store:
        store.add((24, 1), FIRST)
        store.add((24, 2), SECOND)
    return path


def test_stored_scores_are_read_back(path: Path) -> None:
    with EvaluationStore.open(path, CONDITIONS) as store:
        assert store.scores == {(24, 1): FIRST, (24, 2): SECOND}
        store.add((32, 1), FIRST)

    with EvaluationStore.open(path, CONDITIONS) as store:
        assert [*store.scores] == [(24, 1), (24, 2), (32, 1)]


@pytest.mark.parametrize("lost", [1, 20, 60])
def test_a_line_that_was_cut_short_is_dropped(lost: int, path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:-lost])

    with EvaluationStore.open(path, CONDITIONS) as store:
        assert store.scores == {(24, 1): FIRST}
        store.add((24, 2), SECOND)

    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"weights": "cd34"}, "measured with weights ab12, not cd34"),
        ({"images": 200}, "measured with images 300, not 200"),
        ({"seed": 1}, "measured with seed 0, not 1"),
        ({"data": "folder"}, "measured with data digits, not folder"),
    ],
)
def test_a_store_of_other_conditions_is_refused(
    other: dict[str, object], message: str, path: Path
) -> None:
    before = path.read_bytes()

    with pytest.raises(FileError, match=message):
        EvaluationStore.open(path, replace(CONDITIONS, **other))  # type: ignore[arg-type]

    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "does not hold evaluations"),
        (b"no JSON\n", "does not hold evaluations"),
        (b"[1]\n", "does not hold evaluations"),
        (b'{"what": "evaluations of sub-networks", "version": 2}\n', "version 2, expected 1"),
    ],
)
def test_another_file_is_refused_and_unchanged(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "n.evaluations.jsonl"
    path.write_bytes(content)

    with pytest.raises(FileError, match=message):
        EvaluationStore.open(path, CONDITIONS)

    assert path.read_bytes() == content


def test_damage_in_the_middle_names_its_line(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    content = b"".join([lines[0], b'{"code": [24, 1]}\n', lines[2]])
    path.write_bytes(content)

    with pytest.raises(FileError, match="line 2 is damaged"):
        EvaluationStore.open(path, CONDITIONS)

    assert path.read_bytes() == content


def test_two_stores_cannot_write_at_once(path: Path) -> None:
    with (
        EvaluationStore.open(path, CONDITIONS),
        pytest.raises(FileError, match="another evaluation is using"),
    ):
        EvaluationStore.open(path, CONDITIONS)


def test_an_unwritable_path_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot write"):
        EvaluationStore.open(tmp_path / "absent" / "n.jsonl", CONDITIONS)
    with pytest.raises(FileError, match="cannot open"):
        EvaluationStore.open(tmp_path, CONDITIONS)


def test_digests_are_of_names_shapes_and_values() -> None:
    state = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([3])}
    digest = digest_tensors(state)

    assert digest == digest_tensors({"b": torch.tensor([3]), "a": torch.tensor([1.0, 2.0])})
    for other in (
        {**state, "a": torch.tensor([1.0, 2.5])},
        {**state, "a": torch.tensor([[1.0, 2.0]])},
        {"a": state["a"], "c": state["b"]},
    ):
        assert digest_tensors(other) != digest
