"""Contents on the worker's machine: kept by digest, continued, checked, and cleared."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.devices.worker.shipping import Contents, ShippedArray, ShippedFile, ship_file
from bench.digests import content_digest
from bench.errors import DeviceError, DeviceLostError, InputError
from bench.models.model_file import ModelFile
from bench.models.tensors import ShapeChoice
from bench.worker import stored_contents
from bench.worker.stored_contents import StoredContents, contents_folder

ABC, DEF = content_digest(b"abcabc"), content_digest(b"def")


def test_a_content_is_kept_and_found_again(tmp_path: Path) -> None:
    stored = StoredContents(tmp_path / "worker")
    assert stored.missing([ABC, DEF]) == {ABC: 0, DEF: 0}

    stored.put(ABC, 0, b"abc", last=False)
    stored.put(ABC, 3, b"abc", last=True)

    assert StoredContents(tmp_path / "worker").missing([ABC, DEF]) == {DEF: 0}
    assert stored.path(ABC).read_bytes() == b"abcabc"


def test_a_content_that_was_cut_off_continues_where_it_ended(tmp_path: Path) -> None:
    StoredContents(tmp_path).put(ABC, 0, b"abca", last=False)

    stored = StoredContents(tmp_path)
    assert stored.missing([ABC]) == {ABC: 4}
    stored.put(ABC, 4, b"bc", last=True)

    assert stored.missing([ABC]) == {}


def test_a_content_with_another_digest_is_sent_again(tmp_path: Path) -> None:
    stored = StoredContents(tmp_path)
    stored.put(ABC, 0, b"xyz", last=False)
    with pytest.raises(DeviceLostError, match="another content than was sent"):
        stored.put(ABC, 3, b"abc", last=True)

    assert stored.missing([ABC]) == {ABC: 0}
    assert os.listdir(tmp_path) == []


def test_a_part_may_arrive_again_and_other_contents_stay(tmp_path: Path) -> None:
    stored = StoredContents(tmp_path)
    stored.put(DEF, 0, b"def", last=True)
    for start in (0, 3, 1):
        stored.put(ABC, start, b"abcabc"[start:], last=False)
    stored.put(ABC, 6, b"", last=True)

    assert stored.missing([ABC]) == {}
    assert stored.missing([DEF]) == {}


def test_contents_are_in_the_users_cache_and_nobody_else_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = contents_folder()
    assert folder == tmp_path / "cache/ofabench/worker"

    StoredContents(folder).put(DEF, 0, b"def", last=True)

    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / DEF).stat().st_mode & 0o777 == 0o600


def test_parts_may_not_leave_a_gap(tmp_path: Path) -> None:
    with pytest.raises(DeviceLostError, match="a part of a model at 3 came before"):
        StoredContents(tmp_path).put(ABC, 3, b"abc", last=True)


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "0" * 63, "G" * 64, "0" * 64 + "\n"])
def test_only_digests_name_files(tmp_path: Path, digest: str) -> None:
    stored = StoredContents(tmp_path)
    for use in (stored.path, lambda digest: stored.put(digest, 0, b"", last=True)):
        with pytest.raises(InputError, match="expected 64 hexadecimal digits"):
            use(digest)
    with pytest.raises(InputError, match="expected 64 hexadecimal digits"):
        stored.missing([digest])


def test_a_content_that_is_not_there_is_lost(tmp_path: Path) -> None:
    with pytest.raises(DeviceLostError, match=f"the content {ABC[:12]} is not on the machine"):
        StoredContents(tmp_path).path(ABC)


def test_a_folder_without_room_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DeviceError, match=r"cannot be written to .*: Not a directory; make room"):
        StoredContents(tmp_path / "file" / "worker").put(ABC, 0, b"abcabc", last=True)


def test_contents_that_are_not_needed_are_removed_above_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_contents, "CACHE_BYTES", 6)
    stored = StoredContents(tmp_path)
    contents = [b"one", b"two", b"six", b"ten"]
    digests = [content_digest(content) for content in contents]
    for age_s, content, digest in zip((40, 30, 20, 10), contents, digests, strict=True):
        stored.put(digest, 0, content, last=True)
        os.utime(tmp_path / digest, (1e9 - age_s, 1e9 - age_s))

    assert stored.missing([digests[0]]) == {}

    assert set(os.listdir(tmp_path)) == {digests[0], digests[2], digests[3]}


GRAPH = ModelFile(path=Path("a.onnx"), name="a", data=b"graph", given_digest="a1")


def sent(folder: Path, file: ModelFile) -> tuple[StoredContents, ShippedFile]:
    stored, contents = StoredContents(folder), Contents()
    shipped = ship_file(file, contents)
    for digest in stored.missing(contents.digests()):
        for start, part, last in contents.parts(digest, 0, 3):
            stored.put(digest, start, part, last=last)
    return stored, shipped


def test_a_model_file_is_beside_its_weights_again(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"graph")
    (tmp_path / "net.data").write_bytes(b"weights")
    file = ModelFile(
        path=tmp_path / "net.onnx",
        name="mine",
        shapes=ShapeChoice(batch=2),
        values={"x": np.array([[1.5], [2.5]], np.float32)},
        external=(tmp_path / "net.data",),
        optimise=False,
    )
    stored, shipped = sent(tmp_path / "worker", file)

    model = stored.model_file(shipped)

    assert (model.path.name, model.path.read_bytes()) == ("net.onnx", b"graph")
    assert [path.read_bytes() for path in model.external] == [b"weights"]
    assert model.external[0] == model.path.parent / "net.data"
    assert (model.digest, model.name, model.backend) == (file.digest, "mine", "onnx")
    assert (model.shapes, model.optimise) == (file.shapes, False)
    assert model.values is not None
    assert model.values["x"].tolist() == [[1.5], [2.5]]


def test_model_files_are_removed_at_the_end_and_contents_stay(tmp_path: Path) -> None:
    killed, alive = tmp_path / f"files-{1 << 30}", tmp_path / "files-1"
    for folder in (killed, alive):
        folder.mkdir()
    stored, shipped = sent(tmp_path, GRAPH)
    stored.model_file(shipped)
    assert not killed.exists()

    stored.close()

    assert set(os.listdir(tmp_path)) == {"files-1", shipped.content}


@pytest.mark.parametrize("name", ["../net.onnx", "/net.onnx", "z/b", "..", "."])
def test_a_model_file_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    stored, shipped = sent(tmp_path, GRAPH)
    for odd in (
        replace(shipped, file_name=name),
        replace(shipped, external=((name, shipped.content),)),
    ):
        with pytest.raises(InputError, match="expected one without folders"):
            stored.model_file(odd)


def test_values_that_do_not_fit_their_shape_are_refused(tmp_path: Path) -> None:
    stored, shipped = sent(tmp_path, GRAPH)
    for dtype, shape in (("float32", (7,)), ("float64", (1,)), ("nonsense", (1,))):
        values = (ShippedArray(name="x", dtype=dtype, shape=shape, content=shipped.content),)
        with pytest.raises(InputError, match="the values of x cannot be read"):
            stored.model_file(replace(shipped, values=values))


def test_the_digest_of_a_model_file_names_no_folder_elsewhere(tmp_path: Path) -> None:
    stored, shipped = sent(tmp_path, GRAPH)
    with pytest.raises(InputError, match="the digest of a model file is"):
        stored.model_file(replace(shipped, digest="../a"))
