"""LiteRT's C library: from this machine's installation, or from the wheel for a phone's CPU.

The wheel comes from pip's configured package index, in the version installed here, so that phone
and host run the same code.
"""

import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from bench.devices.remote.runner.programs import run_program
from bench.errors import DeviceError, FileError, MissingRuntimeError
from bench.files import ZIP_DAMAGE, read_bytes

LIBRARY = "libLiteRt.so"
PACKAGE = "ai-edge-litert"
# glibc versions of its wheels' tags, newest first; the bundle includes a newer one.
PLATFORMS = tuple(f"manylinux_2_{minor}_aarch64" for minor in (35, 34, 31, 28, 27, 17))
_TIMEOUT_S = 600.0


def litert_version() -> str:
    """Return the version that is installed here; `MissingRuntimeError` if none is."""
    try:
        return distribution(PACKAGE).version
    except PackageNotFoundError as error:
        raise MissingRuntimeError(
            f"the runner is built with LiteRT, which is not installed: pip install {PACKAGE}"
        ) from error


def installed_library() -> bytes:
    """Return this machine's library; `MissingRuntimeError` if its package has none."""
    litert_version()
    path = Path(str(distribution(PACKAGE).locate_file(f"ai_edge_litert/{LIBRARY}")))
    if not path.is_file():
        raise MissingRuntimeError(f"{PACKAGE} here has no {LIBRARY}; pip install --upgrade it")
    return read_bytes(path)


def phone_library(version: str) -> bytes:
    """Return the library for arm64; `DeviceError` if the wheel cannot be fetched."""
    with tempfile.TemporaryDirectory(prefix="ofabench-wheel-") as folder:
        return library_in(_fetch(version, Path(folder)))


def library_in(wheel: Path) -> bytes:
    """Return the library in a wheel; `FileError` if it is damaged or has none."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(f"ai_edge_litert/{LIBRARY}")
    except (*ZIP_DAMAGE, KeyError) as error:
        raise FileError(
            f"{wheel.name} has no complete {LIBRARY} ({error}); fetch it again"
        ) from error


def _fetch(version: str, folder: Path) -> Path:
    """Let pip fetch the wheel. Its library is the same for every Python; 3.11's is used."""
    options = ["--no-deps", "--only-binary=:all:", "--implementation=cp", "--python-version=3.11"]
    platforms = [f"--platform={platform}" for platform in PLATFORMS]
    command = [sys.executable, "-m", "pip", "download", "--quiet", *options, *platforms]
    try:
        completed = run_program(
            [*command, "--dest", str(folder), f"{PACKAGE}=={version}"], timeout_s=_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeviceError(f"pip cannot fetch {PACKAGE} for arm64: {error}; try again") from error
    wheels = sorted(folder.glob("*.whl"))
    if completed.returncode != 0 or not wheels:
        messages = [line for line in completed.stderr.splitlines() if line.startswith("ERROR")]
        reason = (messages or completed.stderr.splitlines() or ["no message"])[-1]
        raise DeviceError(
            f"pip cannot fetch {PACKAGE}=={version} for arm64 ({reason}); "
            "try `pip download` manually"
        )
    return wheels[0]
