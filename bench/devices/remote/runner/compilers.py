"""Compilation of the runner: for a phone with a cross compiler, for this machine natively."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path
from shutil import which

from bench.devices.remote.runner.programs import run_program
from bench.errors import DeviceError, MissingRuntimeError

GCC = {"arm64-v8a": "aarch64-linux-gnu-gcc", "x86_64": "cc"}
ZIG_TARGETS = {"arm64-v8a": "aarch64-linux-gnu.2.34", "x86_64": "x86_64-linux-gnu.2.34"}
FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra")
_TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class Compiler:
    """A C compiler's command, and its name."""

    command: tuple[str, ...]
    name: str


def find_compiler(abi: str, requested: str | None = None) -> Compiler:
    """Return the compiler `requested` ("gcc", "zig" or a path), else an installed one.

    Raises `MissingRuntimeError`, which says how to install one.
    """
    if requested not in (None, "gcc", "zig"):
        path = which(requested)
        if path is None:
            raise MissingRuntimeError(
                f"compiler {requested} does not exist; give gcc, zig or a path"
            )
        return Compiler((path,), Path(path).name)
    gcc = which(GCC[abi])
    if gcc is not None and requested != "zig":
        return Compiler((gcc,), GCC[abi])
    if requested != "gcc" and find_spec("ziglang") is not None:
        target = ZIG_TARGETS[abi]
        return Compiler((sys.executable, "-m", "ziglang", "cc", "-target", target), "zig")
    raise MissingRuntimeError(
        f"the runner needs a C compiler for {abi}: pip install ziglang, "
        f"or on Debian apt-get install gcc-{'aarch64-linux-gnu' if abi == 'arm64-v8a' else '12'}"
    )


def sources() -> dict[str, bytes]:
    """Return the runner's source files by name."""
    folder = files("bench.devices.remote.runner") / "source"
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith((".c", ".h")))
    return {name: (folder / name).read_bytes() for name in names}


def compile_runner(compiler: Compiler, library: Path, version: str, out: Path) -> None:
    """Compile and link the runner against LiteRT's `library`; `DeviceError` with the reason."""
    with as_file(files("bench.devices.remote.runner") / "source") as folder:
        c_files = sorted(str(path) for path in folder.glob("*.c"))
        link = (
            str(library),
            "-lm",
            "-Wl,-rpath,$ORIGIN",
            "-Wl,--allow-shlib-undefined",
        )
        define = f'-DLITERT_VERSION="{version}"'
        _run([*compiler.command, *FLAGS, define, "-o", str(out), *c_files, *link], compiler.name)


def _run(command: Sequence[str], name: str) -> None:
    try:
        completed = run_program(command, timeout_s=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeviceError(f"compiler {name} failed: {error}; name another by --compiler") from error
    if completed.returncode != 0:
        lines = [line for line in completed.stderr.splitlines() if "error" in line] or [
            completed.stderr
        ]
        raise DeviceError(f"compiler {name} failed: {lines[0][:300]}; name another by --compiler")
