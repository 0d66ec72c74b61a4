"""What a replicate needs, as it travels: what the worker makes, and what is sent to it."""

from pathlib import Path

import numpy as np
import pytest

from bench.backends.fake import FakeBackend
from bench.backends.registry import get_backend
from bench.blocks.graph_form import GraphForm
from bench.blocks.spec import BlockSpec
from bench.devices.worker.shipping import (
    Contents,
    NamedBackend,
    ShippedArray,
    ShippedFile,
    named_backend,
    ship_file,
    ship_work,
)
from bench.digests import content_digest
from bench.errors import FileError, InputError
from bench.models.files_backend import ModelFilesBackend
from bench.models.model_file import ModelFile
from bench.models.tensors import ShapeChoice
from bench.protocol.device import Workload
from bench.protocol.target import Target
from bench.sweep.form_choice import Variant, VariantBackend
from supernet.verification.verify import FileBackend

POOL = BlockSpec(kind="avg_pool", in_size=8, in_channels=8, out_channels=8)
STEM = BlockSpec(kind="stem", in_size=8, in_channels=3, out_channels=8, kernel=3)
BLOCKS = [Workload(role="block", blocks=(POOL,)), Workload(role="network", blocks=(STEM, POOL))]
TARGET = Target(device="d", backend="fake", backend_version="1")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("torch", {}),
        ("torch", {"compile": True}),
        ("onnx", {}),
        ("onnx", {"stem": "float"}),
        ("tflite", {"depthwise7": "split", "weights": "float16"}),
        ("tensorrt", {}),
        ("fake", {}),
    ],
)
def test_a_backend_is_created_again_with_its_options(name: str, options: dict[str, object]) -> None:
    backend = get_backend(name, **options)
    named = named_backend(backend)

    assert named is not None
    assert (named.name, named.options) == (name, backend.options())
    assert type(named.create()) is type(backend)
    assert named.create().options() == backend.options()


def test_a_backend_of_other_options_is_refused() -> None:
    with pytest.raises(InputError, match=r"backend fake cannot be created with \{'a': 'b'\}"):
        NamedBackend("fake", (("a", "b"),)).create()


def test_blocks_travel_without_their_weights() -> None:
    contents = Contents()

    shipped = ship_work(BLOCKS, FakeBackend(), TARGET, contents)

    assert shipped.work == tuple(BLOCKS)
    assert shipped.backend == NamedBackend("fake")
    assert shipped.contents == (None, None)
    assert contents.digests() == ()


def test_of_a_verified_network_only_its_file_travels() -> None:
    contents = Contents()
    backend = FileBackend(FakeBackend(), (STEM, POOL), b"the file")

    shipped = ship_work(BLOCKS, backend, TARGET, contents)

    assert shipped.contents == (None, content_digest(b"the file"))
    assert list(contents.parts(shipped.contents[1] or "", 0, 100)) == [(0, b"the file", True)]


def test_of_compared_forms_both_files_travel() -> None:
    forms = (GraphForm(), GraphForm(stem="float"))
    models = {str(number): (Variant(form, "int8"), (STEM,)) for number, form in enumerate(forms)}
    backend = VariantBackend("onnx", models)
    work = [BLOCKS[0], *(Workload(role="model", file=key) for key in models)]
    contents = Contents()

    shipped = ship_work(work, backend, TARGET, contents)

    assert shipped.backend == NamedBackend("onnx", get_backend("onnx").options())
    assert shipped.contents[0] is None
    assert len(set(shipped.contents[1:])) == len(contents.digests()) == 2


def test_of_a_backend_that_the_other_side_lacks_every_file_travels() -> None:
    class Mine(FakeBackend):
        """Its class is unknown there."""

    contents = Contents()

    shipped = ship_work([*BLOCKS, BLOCKS[0]], Mine(), TARGET, contents)

    assert shipped.contents[0] == shipped.contents[2]
    assert contents.digests() == shipped.contents[:2]


def test_a_model_file_travels_with_its_weights_and_values(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"graph")
    (tmp_path / "net.data").write_bytes(b"weights")
    file = ModelFile(
        path=tmp_path / "net.onnx",
        name="mine",
        shapes=ShapeChoice(batch=2),
        values={"x": np.arange(4, dtype=np.int16).reshape(2, 2).T},
        external=(tmp_path / "net.data",),
        optimise=False,
    )
    contents = Contents()

    shipped = ship_file(file, contents)

    x = content_digest(b"\0\0\2\0\1\0\3\0")
    assert shipped == ShippedFile(
        digest=file.digest,
        name="mine",
        file_name="net.onnx",
        content=content_digest(b"graph"),
        external=(("net.data", content_digest(b"weights")),),
        shapes=ShapeChoice(batch=2),
        values=(ShippedArray(name="x", dtype="int16", shape=(2, 2), content=x),),
        optimise=False,
    )
    assert set(contents.digests()) == {x, shipped.content, shipped.external[0][1]}


def test_files_of_a_measurement_are_named_beside_its_reference_workloads(tmp_path: Path) -> None:
    file = ModelFile(path=tmp_path / "a.json", name="a", data=b"{}", given_digest="f")
    work = [BLOCKS[0], *[Workload(role="model", file=file.digest)] * 2]
    contents = Contents()
    backend = ModelFilesBackend(FakeBackend(), {file.digest: file})

    shipped = ship_work(work, backend, TARGET, contents)

    assert shipped.backend == NamedBackend("fake")
    assert shipped.files == (ship_file(file, Contents()),)
    assert shipped.contents == (None, None, None)
    assert contents.digests() == (content_digest(b"{}"),)


@pytest.mark.parametrize(
    ("start", "parts"),
    [
        (0, [(0, b"abc", False), (3, b"def", False), (6, b"g", True)]),
        (3, [(3, b"def", False), (6, b"g", True)]),
        (7, [(7, b"", True)]),
    ],
)
def test_contents_are_read_in_parts(
    tmp_path: Path, start: int, parts: list[tuple[int, bytes, bool]]
) -> None:
    (tmp_path / "file").write_bytes(b"abcdefg")
    contents = Contents()
    in_memory, on_disk = contents.add(b"abcdefg"), contents.add_file(tmp_path / "file")

    assert in_memory == on_disk
    assert list(contents.parts(on_disk, start, 3)) == parts
    contents.add(b"abcdefg")
    assert list(contents.parts(in_memory, start, 3)) == parts


def test_an_empty_content_has_one_part() -> None:
    contents = Contents()
    assert list(contents.parts(contents.add(b""), 0, 3)) == [(0, b"", True)]


def test_a_file_that_is_gone_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a")
    contents = Contents()
    digest = contents.add_file(tmp_path / "file")
    (tmp_path / "file").unlink()

    with pytest.raises(FileError, match=r"cannot read .*file: No such file"):
        list(contents.parts(digest, 0, 3))
