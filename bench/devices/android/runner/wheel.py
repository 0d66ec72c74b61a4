"""LiteRT's C library: from this machine's installation, or from the wheel for a phone's CPU.

The wheel comes from wherever pip is set up to take packages from, in the version installed here,
so that phone and host run the same code.
"""

import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from bench.errors import DeviceError, FileError, MissingRuntimeError
from bench.files import ZIP_DAMAGE, read_bytes

LIBRARY = "libLiteRt.so"
PACKAGE = "ai-edge-litert"
# glibc versions that its wheels have been tagged with, newest first; the bundle brings a newer one.
PLATFORMS = tuple(f"manylinux_2_{minor}_aarch64" for minor in (35, 34, 31, 28, 27, 17))
_TIMEOUT_S = 600.0


def litert_version() -> str:
    """Version that is installed here; `MissingRuntimeError` where none is."""
    try:
        return distribution(PACKAGE).version
    except PackageNotFoundError as error:
        raise MissingRuntimeError(
            f"the runner is built with LiteRT, which is not installed: pip install {PACKAGE}"
        ) from error


def installed_library() -> bytes:
    """This machine's own; `MissingRuntimeError` where its package has none."""
    litert_version()
    path = Path(str(distribution(PACKAGE).locate_file(f"ai_edge_litert/{LIBRARY}")))
    if not path.is_file():
        raise MissingRuntimeError(f"{PACKAGE} here has no {LIBRARY}; pip install --upgrade it")
    return read_bytes(path)


def phone_library(version: str) -> bytes:
    """The library for arm64; `DeviceError` where the wheel cannot be fetched."""
    with tempfile.TemporaryDirectory(prefix="ofabench-wheel-") as folder:
        return library_in(_fetch(version, Path(folder)))


def library_in(wheel: Path) -> bytes:
    """Read the library out of a wheel; `FileError` where it is damaged or has none."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(f"ai_edge_litert/{LIBRARY}")
    except (*ZIP_DAMAGE, KeyError) as error:
        raise FileError(f"{wheel.name} has no whole {LIBRARY} ({error}); fetch it again") from error


def _fetch(version: str, folder: Path) -> Path:
    """Let pip fetch the wheel. Its library is the same for every Python: 3.11's is taken."""
    options = ["--no-deps", "--only-binary=:all:", "--implementation=cp", "--python-version=3.11"]
    platforms = [f"--platform={platform}" for platform in PLATFORMS]
    command = [sys.executable, "-m", "pip", "download", "--quiet", *options, *platforms]
    try:
        done = subprocess.run(
            [*command, "--dest", str(folder), f"{PACKAGE}=={version}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeviceError(f"pip cannot fetch {PACKAGE} for arm64: {error}; try again") from error
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        told = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        why = (told or done.stderr.splitlines() or ["no word"])[-1]
        raise DeviceError(
            f"pip cannot fetch {PACKAGE}=={version} for arm64 ({why}); try `pip download` by hand"
        )
    return wheels[0]
