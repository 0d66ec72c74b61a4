"""The bundle: the runner and its libraries, a folder to copy to a device.

It is built from package registries once and cached: the sources, LiteRT's version and the compiler
determine its name, and a manifest of checksums shows whether it is complete.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.devices.remote.runner import host_libraries
from bench.devices.remote.runner.compilers import Compiler, compile_runner, find_compiler, sources
from bench.devices.remote.runner.debian_libraries import libraries
from bench.devices.remote.runner.litert_library import (
    LIBRARY,
    installed_library,
    litert_version,
    phone_library,
)
from bench.digests import content_digest, file_digest
from bench.errors import FileError, InputError
from bench.files import (
    VALUE_DAMAGE,
    cache_folder,
    make_folder,
    read_bytes,
    read_json,
    write_bytes,
    write_text,
)

ABIS = ("arm64-v8a", "x86_64")
RUNNER, MANIFEST = "runner", "MANIFEST.json"
LOADERS = {"arm64-v8a": "ld-linux-aarch64.so.1", "x86_64": host_libraries.LOADER}
# Android has no glibc, and other machines may have an older one: the bundle has its own, with the
# loader that starts the program.
STARTS = {
    abi: (f"./{loader}", "--library-path", ".", f"./{RUNNER}") for abi, loader in LOADERS.items()
}
_FORMAT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A complete bundle. `files` are SHA-256 digests by name; `start` is argv inside the folder."""

    folder: Path
    abi: str
    litert_version: str
    compiler: str
    files: Mapping[str, str]
    start: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "abi": self.abi,
            "litert_version": self.litert_version,
            "compiler": self.compiler,
            "files": dict(self.files),
        }


def ensure_bundle(
    abi: str = "arm64-v8a",
    *,
    cache: Path | None = None,
    debs: Path | None = None,
    compiler: str | None = None,
    notify: Callable[[str], None] = lambda text: None,
) -> Bundle:
    """Return the bundle for `abi`, built if it is not cached or is damaged.

    `debs` and `compiler` are for hosts without apt or a compiler; `notify` receives messages.
    Raises `InputError` for another processor, `MissingRuntimeError` without compiler or LiteRT, and
    `DeviceError` or `FileError` if a part cannot be fetched.
    """
    if abi not in ABIS:
        raise InputError(f"no runner for processors of kind {abi!r}, expected {' or '.join(ABIS)}")
    version, chosen = litert_version(), find_compiler(abi, compiler)
    home = (cache or cache_folder()) / "bundles"
    folder = home / f"{abi}-{version}-{_key(abi, version, chosen)}"
    if folder.exists():
        try:
            return read_bundle(folder)
        except FileError as error:
            notify(f"{error}; building it again")
            shutil.rmtree(folder)
    _make_home(home)
    try:
        with make_folder(folder) as new_folder:
            _fill(new_folder, abi, version, chosen, debs, notify)
    except FileError:
        if not folder.is_dir():  # otherwise another process was first
            raise
    return read_bundle(folder)


def read_bundle(folder: Path) -> Bundle:
    """Read a bundle; `FileError` if a file is missing or differs from its manifest."""
    manifest = read_json(folder / MANIFEST)
    try:
        abi, sums = manifest["abi"], dict(manifest["files"])
        bundle = Bundle(
            folder=folder,
            abi=abi,
            litert_version=str(manifest["litert_version"]),
            compiler=str(manifest["compiler"]),
            files={str(name): str(digest) for name, digest in sums.items()},
            start=STARTS[abi],
        )
    except VALUE_DAMAGE as error:
        raise FileError(f"{folder / MANIFEST} is no bundle's manifest; remove {folder}") from error
    for name, expected in bundle.files.items():
        if file_digest(folder / name) != expected:
            raise FileError(f"{folder / name} is damaged; remove {folder}")
    return bundle


def _fill(  # noqa: PLR0913, PLR0917
    folder: Path,
    abi: str,
    version: str,
    compiler: Compiler,
    debs: Path | None,
    notify: Callable[[str], None],
) -> None:
    parts: dict[str, bytes] = {}
    if abi == "x86_64":
        parts[LIBRARY] = installed_library()
    else:
        notify(f"fetching LiteRT {version} for arm64 through pip")
        parts[LIBRARY] = phone_library(version)
        notify("fetching Debian's arm64 libraries" + (f" from {debs}" if debs else " through apt"))
        parts |= libraries(debs)
    for name, content in parts.items():
        write_bytes(folder / name, content)
    notify(f"compiling the runner with {compiler.name}")
    with tempfile.TemporaryDirectory(prefix="ofabench-cc-") as place:
        program = Path(place) / RUNNER
        compile_runner(compiler, folder / LIBRARY, version, program)
        parts[RUNNER] = read_bytes(program)
    write_bytes(folder / RUNNER, parts[RUNNER])
    if abi == "x86_64":
        needed = host_libraries.host_libraries(folder / RUNNER)
        for name, content in needed.items():
            write_bytes(folder / name, content)
        parts |= needed
    for name in {RUNNER, LOADERS[abi]} & set(parts):
        (folder / name).chmod(0o755)
    bundle = Bundle(
        folder=folder,
        abi=abi,
        litert_version=version,
        compiler=compiler.name,
        files={name: content_digest(content) for name, content in sorted(parts.items())},
        start=STARTS[abi],
    )
    write_text(folder / MANIFEST, json.dumps(bundle.to_json(), indent=2) + "\n")


def _key(abi: str, version: str, compiler: Compiler) -> str:
    """Return the digest of what the bundle is built from."""
    digest = hashlib.sha256(f"{_FORMAT} {abi} {version} {compiler.name}".encode())
    for name, content in sources().items():
        digest.update(name.encode() + b"\0" + content + b"\0")
    return digest.hexdigest()[:16]


def _make_home(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot make the cache {home}: {error.strerror or error}") from error
