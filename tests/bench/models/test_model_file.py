"""`ModelFile`: its digest, backend and content, and errors."""

from pathlib import Path

import numpy as np
import pytest

from bench.backends.fake import FakeBackend
from bench.blocks.model import Model
from bench.errors import FileError, InputError
from bench.models.files_backend import ModelFilesBackend
from bench.models.model_file import ModelFile, read_values
from bench.models.tensors import ShapeChoice


def model_at(path: Path, content: bytes = b"abc", shapes: ShapeChoice | None = None) -> ModelFile:
    path.write_bytes(content)
    return ModelFile(path=path, name=path.name, shapes=shapes or ShapeChoice())


def test_the_digest_depends_on_content_shapes_and_values_only(tmp_path: Path) -> None:
    first = model_at(tmp_path / "a.onnx")
    assert model_at(tmp_path / "b.onnx").digest == first.digest
    others = [
        model_at(tmp_path / "c.onnx", b"abd"),
        model_at(tmp_path / "d.onnx", shapes=ShapeChoice(shapes=(("x", (1,)),))),
        model_at(tmp_path / "e.onnx", shapes=ShapeChoice(batch=2)),
        ModelFile(path=first.path, name="f", values={"x": np.zeros(1)}),
        ModelFile(path=first.path, name="g", values={"x": np.ones(1)}),
        ModelFile(path=first.path, name="h", external=(tmp_path / "c.onnx",)),
    ]
    assert len({first.digest, *(other.digest for other in others)}) == 7


def test_the_backend_follows_from_the_suffix(tmp_path: Path) -> None:
    assert model_at(tmp_path / "a.ONNX").backend == "onnx"
    with pytest.raises(InputError, match=r"expected \.onnx or \.tflite"):
        _ = model_at(tmp_path / "a.pb").backend


def test_a_file_with_external_weights_has_no_single_content(tmp_path: Path) -> None:
    whole = model_at(tmp_path / "a.onnx")
    split = ModelFile(path=whole.path, name="a.onnx", external=(tmp_path / "w.bin",))
    assert whole.content() == b"abc"
    with pytest.raises(InputError, match=r"keeps weights in w\.bin"):
        split.content()


def test_values_are_read_from_npz_without_pickles(tmp_path: Path) -> None:
    path = tmp_path / "v.npz"
    np.savez(path, x=np.arange(3))
    assert read_values(path)["x"].tolist() == [0, 1, 2]
    np.savez(path, x=np.array([object()], dtype=object))
    with pytest.raises(FileError, match=r"no whole \.npz file of plain arrays"):
        read_values(path)
    path.write_bytes(b"text")
    with pytest.raises(FileError, match=r"is no \.npz file"):
        read_values(path)


def test_an_unknown_digest_is_refused(tmp_path: Path) -> None:
    model = model_at(tmp_path / "a.json")
    backend = ModelFilesBackend(FakeBackend(), {model.digest: model})
    assert backend.serialise(Model((), (), file=model.digest)) == b"abc"
    with pytest.raises(InputError, match="not among those given"):
        backend.serialise(Model((), (), file="other"))
