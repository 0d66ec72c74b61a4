"""This machine's C library for the runner's bundle: other machines may have an older one."""

import re
import subprocess
from pathlib import Path

from bench.devices.remote.runner.programs import run_program
from bench.errors import DeviceError, MissingRuntimeError
from bench.files import read_bytes

LOADER = "ld-linux-x86-64.so.2"
_TIMEOUT_S = 60.0
# Lines of `ldd`: `libm.so.6 => /lib/libm.so.6 (0x...)`, and `/lib64/ld-linux... (0x...)`.
_FOUND = re.compile(r"^\s*(?:\S+ => )?(/\S+) \(0x[0-9a-f]+\)$", re.MULTILINE)
_NOT_FOUND = re.compile(r"^\s*(\S+) => not found$", re.MULTILINE)


def host_libraries(program: Path) -> dict[str, bytes]:
    """Return the libraries that a program of this machine needs, with its loader, by name.

    Those in the program's own folder are left out. Raises `MissingRuntimeError` where the system
    is none with GNU's C library, `DeviceError` if a library is missing.
    """
    try:
        completed = run_program(["ldd", str(program)], timeout_s=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingRuntimeError(
            f"ldd does not say which libraries the runner needs ({error}); build the bundle on a "
            "Linux with GNU's C library"
        ) from error
    missing = _NOT_FOUND.findall(completed.stdout)
    if missing:
        raise DeviceError(f"the runner needs {', '.join(missing)}, which is not installed here")
    paths = [Path(path) for path in _FOUND.findall(completed.stdout)]
    paths = [path for path in paths if path.parent != program.parent]
    if LOADER not in {path.name for path in paths}:
        raise MissingRuntimeError(
            f"the runner for x86_64 needs {LOADER}, which this system does not have: build the "
            "bundle on an x86-64 Linux with GNU's C library"
        )
    return {path.name: read_bytes(path) for path in paths}
