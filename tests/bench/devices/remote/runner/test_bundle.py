"""The runner's bundle: built, cached, rebuilt where damaged, and errors for missing parts."""

import io
import lzma
import subprocess
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.devices.remote.runner import bundle as bundles
from bench.devices.remote.runner import compilers, debian_libraries, litert_library
from bench.devices.remote.runner.bundle import ensure_bundle, read_bundle
from bench.devices.remote.runner.compilers import Compiler
from bench.errors import DeviceError, FileError, InputError, MissingRuntimeError


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace the slow parts of a build by fakes; the list holds what was compiled."""
    compilations: list[str] = []

    def compiled(compiler: Compiler, library: Path, version: str, out: Path) -> None:
        compilations.append(f"{compiler.name} {library.name} {version}")
        out.write_bytes(b"program")

    monkeypatch.setattr(bundles, "litert_version", lambda: "9.8.7")
    monkeypatch.setattr(bundles, "find_compiler", lambda abi, requested: Compiler(("x",), "testcc"))
    monkeypatch.setattr(bundles, "phone_library", lambda version: b"library")
    monkeypatch.setattr(bundles, "libraries", lambda folder: {"libc.so.6": b"c", "libm.so.6": b"m"})
    monkeypatch.setattr(bundles, "compile_runner", compiled)
    return compilations


def deb(files: Mapping[str, bytes | str], *, member: str = "data.tar.xz") -> bytes:
    """Return a Debian package; `files` are contents, or targets of symbolic links, by name."""
    inside = io.BytesIO()
    with tarfile.open(fileobj=inside, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    package = b"!<arch>\n"
    for name, content in (("debian-binary", b"2.0\n0"), (member, lzma.compress(inside.getvalue()))):
        package += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        package += content + b"\n" * (len(content) % 2)
    return package


def debs_in(folder: Path) -> None:
    """Write packages with every library, as Debian lays them out."""
    place = "./lib/aarch64-linux-gnu"
    names = [
        name for name in debian_libraries.LIBRARIES if "libstdc++" not in name and "gcc" not in name
    ]
    other_libraries = {f"{place}/{name}": name.encode() for name in names}
    libstdcxx: dict[str, bytes | str] = {
        "./usr/lib/aarch64-linux-gnu/libstdc++.so.6": "libstdc++.so.6.0.30",
        "./usr/lib/aarch64-linux-gnu/libstdc++.so.6.0.30": b"stdc++",
        "./usr/share/gdb/auto-load/usr/lib/libc.so.6": b"no library of its",
    }
    (folder / "libc6_2.36_arm64.deb").write_bytes(deb(other_libraries))
    (folder / "libstdc++6_12_arm64.deb").write_bytes(deb(libstdcxx))
    (folder / "libgcc-s1_12_arm64.deb").write_bytes(deb({f"{place}/libgcc_s.so.1": b"gcc"}))


def test_a_bundle_is_built_once_and_then_read_from_the_cache(
    parts: list[str], tmp_path: Path
) -> None:
    first = ensure_bundle(cache=tmp_path)
    again = ensure_bundle(cache=tmp_path)

    assert parts == ["testcc libLiteRt.so 9.8.7"]
    assert first == again
    assert set(first.files) == {"libLiteRt.so", "libc.so.6", "libm.so.6", "runner"}
    # sha256 of b"c"
    assert first.files["libc.so.6"].startswith("2e7d2c03a9507ae265ecf5b5356885a5")
    assert first.folder.name.startswith("arm64-v8a-9.8.7-")
    assert (first.folder / "runner").stat().st_mode & 0o111
    assert first.start[0] == "./ld-linux-aarch64.so.1"


def test_two_processes_building_at_once_leave_one_bundle(
    parts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build_in_another_process(version: str) -> bytes:
        del version
        monkeypatch.setattr(bundles, "phone_library", lambda version: b"library")
        ensure_bundle(cache=tmp_path)  # the other process finishes first
        return b"library"

    monkeypatch.setattr(bundles, "phone_library", build_in_another_process)

    late = ensure_bundle(cache=tmp_path)

    assert len(parts) == 2
    assert late == read_bundle(late.folder)
    assert [path.name for path in (tmp_path / "bundles").iterdir()] == [late.folder.name]


def test_a_damaged_bundle_is_built_again(parts: list[str], tmp_path: Path) -> None:
    messages: list[str] = []
    folder = ensure_bundle(cache=tmp_path).folder
    (folder / "libc.so.6").write_bytes(b"cut")
    with pytest.raises(FileError, match=r"libc\.so\.6 is damaged"):
        read_bundle(folder)

    ensure_bundle(cache=tmp_path, notify=messages.append)

    assert len(parts) == 2
    assert "is damaged" in messages[0]
    assert (folder / "libc.so.6").read_bytes() == b"c"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"abi": "z80", "files": {}}'])
def test_an_invalid_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "MANIFEST.json").write_text(text)

    with pytest.raises(FileError, match=r"MANIFEST\.json"):
        read_bundle(tmp_path)


def test_a_failed_compilation_leaves_no_folder(
    parts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise DeviceError("compiler testcc failed")

    monkeypatch.setattr(bundles, "compile_runner", refuse)

    with pytest.raises(DeviceError, match="testcc failed"):
        ensure_bundle(cache=tmp_path)

    assert list((tmp_path / "bundles").iterdir()) == []


def test_an_unsupported_processor_is_refused(parts: list[str], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'armeabi-v7a', expected arm64-v8a or x86_64"):
        ensure_bundle("armeabi-v7a", cache=tmp_path)


def test_libraries_are_read_from_packages_in_a_folder(tmp_path: Path) -> None:
    debs_in(tmp_path)

    result = debian_libraries.libraries(tmp_path)

    assert set(result) == set(debian_libraries.LIBRARIES)
    assert result["libstdc++.so.6"] == b"stdc++"
    assert result["libc.so.6"] == b"libc.so.6"


def test_a_missing_or_unreadable_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"no \*_arm64\.deb of libc6"):
        debian_libraries.libraries(tmp_path)
    debs_in(tmp_path)
    (tmp_path / "libgcc-s1_12_arm64.deb").unlink()
    with pytest.raises(FileError, match=r"no arm64 libgcc_s\.so\.1 in the packages libc6_2"):
        debian_libraries.libraries(tmp_path)
    (tmp_path / "libgcc-s1_12_arm64.deb").write_bytes(deb({}, member="data.tar.zst"))
    with pytest.raises(FileError, match="compressed by zstd"):
        debian_libraries.libraries(tmp_path)


@pytest.mark.parametrize("cut", [0, 4, 30, 100, 200])
def test_a_damaged_package_is_named(tmp_path: Path, cut: int) -> None:
    debs_in(tmp_path)
    file = tmp_path / "libgcc-s1_12_arm64.deb"
    file.write_bytes(file.read_bytes()[:cut])

    with pytest.raises(FileError, match=r"libgcc-s1_12_arm64\.deb"):
        debian_libraries.libraries(tmp_path)


def test_a_package_larger_than_the_limit_when_unpacked_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    debs_in(tmp_path)
    monkeypatch.setattr(debian_libraries, "_UNPACKING_LIMIT_BYTES", 2**24)
    (tmp_path / "libgcc-s1_12_arm64.deb").write_bytes(deb({"large": bytes(2**25)}))

    with pytest.raises(FileError, match=r"libgcc-s1_12_arm64\.deb is truncated, or larger than 16"):
        debian_libraries.libraries(tmp_path)


@pytest.mark.parametrize("member", ["data.tar.bz2", "data.tar.lzma", "data.tar.gz"])
def test_data_in_another_format_than_its_name_says_is_refused(tmp_path: Path, member: str) -> None:
    debs_in(tmp_path)
    (tmp_path / "libgcc-s1_12_arm64.deb").write_bytes(deb({}, member=member))

    with pytest.raises(FileError, match=r"libgcc-s1_12_arm64\.deb is (compressed as|damaged)"):
        debian_libraries.libraries(tmp_path)


def test_without_apt_the_error_asks_for_a_folder_of_packages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(debian_libraries, "which", lambda name: None)

    with pytest.raises(DeviceError, match="apt-get is not installed here; give --debs FOLDER"):
        debian_libraries.libraries(None)


def test_a_failed_download_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        stderr = "W: something\nE: Failed to fetch\nE: more\n"
        return subprocess.CompletedProcess([], 100, "", stderr)

    monkeypatch.setattr(subprocess, "run", refuse)
    monkeypatch.setattr(debian_libraries, "which", lambda name: name)

    with pytest.raises(DeviceError, match=r"packages \(E: Failed to fetch\); give --debs"):
        debian_libraries.libraries(None)
    with pytest.raises(DeviceError, match=r"pip cannot fetch ai-edge-litert==1\.2\.3 for arm64"):
        litert_library.phone_library("1.2.3")


def test_a_wheel_without_the_library_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as archive:
        archive.writestr("other", "text")
    (tmp_path / "b.whl").write_bytes(b"PK")

    for name in ("a.whl", "b.whl"):
        with pytest.raises(FileError, match=rf"{name} has no complete libLiteRt\.so"):
            litert_library.library_in(tmp_path / name)


def test_without_a_compiler_the_error_names_one_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilers, "which", lambda name: None)
    monkeypatch.setattr(compilers, "find_spec", lambda name: None)

    with pytest.raises(MissingRuntimeError, match="pip install ziglang"):
        compilers.find_compiler("arm64-v8a")
    with pytest.raises(MissingRuntimeError, match="compiler /no/cc does not exist"):
        compilers.find_compiler("arm64-v8a", "/no/cc")


def test_zig_is_used_without_gcc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilers, "which", lambda name: None)
    monkeypatch.setattr(compilers, "find_spec", lambda name: object())

    result = compilers.find_compiler("arm64-v8a")

    assert result.name == "zig"
    assert result.command[-1] == "aarch64-linux-gnu.2.34"


def test_the_package_contains_the_runners_sources() -> None:
    assert {"main.c", "litert.c", "passes.c", "events.h"} <= set(compilers.sources())
