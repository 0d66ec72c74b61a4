"""Operators that do not run by themselves."""

from pathlib import Path

from bench.errors import FileError
from bench.models.model_file import ModelFile
from bench.operators.cut import CutModel
from bench.operators.operator import Operator
from bench.operators.runnable import runnable


def operator(kind: str) -> tuple[Operator, ModelFile]:
    timed = Operator.of(
        key=kind, kind=kind, macs=0, read=(), weights=(), written=(), shapes="1 -> 1"
    )
    return timed, ModelFile(path=Path("m.tflite"), name=kind, given_digest=timed.digest)


def test_operators_that_fail_by_themselves_are_counted_as_uncut() -> None:
    good, bad, known = operator("TANH"), operator("GATHER"), operator("ADD")
    digests = [operator.digest for operator, _ in (good, bad, known, bad)]
    cut = CutModel(
        operators=(good, bad, known),
        sequence=tuple(digests),
        names=("a", "b", "c", "d"),
        uncut={"IF": 1, "GATHER": 1},
    )
    tried = []

    def load(file: ModelFile) -> None:
        tried.append(file.name)
        if file.name == "GATHER":
            raise FileError("an index is out of range")

    result = runnable(cut, load, known={known[0].digest})
    assert tried == ["TANH", "GATHER"]
    assert result.operators == (good, known)
    assert result.sequence == (digests[0], digests[2])
    assert result.names == ("a", "c")
    assert result.uncut == {"IF": 1, "GATHER": 3}
    assert cut.uncut == {"IF": 1, "GATHER": 1}
