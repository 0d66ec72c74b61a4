from pathlib import Path

import pytest

from bench.errors import FileError
from bench.files import read_json, write_atomically, write_text


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    write_text(path, "new")
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_failure_half_way_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def half(temporary: Path) -> None:
        temporary.write_text("ne")
        raise OSError(28, "No space left on device")

    with pytest.raises(FileError, match=r"cannot write .*a\.txt: No space left on device"):
        write_atomically(path, half)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"cannot write .*: No such file or directory"):
        write_text(tmp_path / "none" / "a.txt", "x")


def test_json_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(FileError, match="cannot read"):
        read_json(path)
    path.write_text("{")
    with pytest.raises(FileError, match="is not JSON"):
        read_json(path)
    path.write_text('{"a": [1]}')
    assert read_json(path) == {"a": [1]}
