"""Debian's arm64 libraries for the runner's bundle: from apt, or from a folder of .deb files.

LiteRT's wheel is built for glibc, which Android does not have; the bundle includes one.
"""

import lzma
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path, PurePosixPath
from shutil import which

from bench.devices.remote.runner.programs import run_program
from bench.errors import DeviceError, FileError
from bench.files import read_bytes
from bench.integers import parse_integer

PACKAGES = ("libc6", "libstdc++6", "libgcc-s1")
LIBRARIES = (
    "ld-linux-aarch64.so.1",
    "libc.so.6",
    "libm.so.6",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
    "libstdc++.so.6",
    "libgcc_s.so.1",
)
_AR_MAGIC, _AR_HEADER_BYTES = b"!<arch>\n", 60
_APT_TIMEOUT_S = 300.0
_UNPACKING_LIMIT_BYTES = 256 * 2**20  # libc6 of Debian 12 unpacks to 13 MiB
_ASK = "give --debs FOLDER with Debian's arm64 packages " + ", ".join(PACKAGES)


def libraries(debs: Path | None) -> dict[str, bytes]:
    """Return the content of each of `LIBRARIES`, from the packages in `debs`, or fetched by apt.

    Raises `DeviceError` if apt fails, `FileError` if a package is missing or damaged; both say
    which.
    """
    if debs is not None:
        return _from_packages(_packages_in(debs))
    with tempfile.TemporaryDirectory(prefix="ofabench-apt-") as folder:
        return _from_packages(_fetch(Path(folder)))


def package_files(content: bytes, name: str) -> Iterator[tuple[PurePosixPath, bytes | str]]:
    """Yield every file of a .deb: its path with its content, or with the target of a link."""
    try:
        with tarfile.open(fileobj=BytesIO(_data_archive(content, name)), mode="r:") as archive:
            for member in archive:
                path = PurePosixPath("/", member.name)
                if member.issym():
                    yield path, member.linkname
                elif member.isfile() and (file := archive.extractfile(member)) is not None:
                    yield path, file.read()
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise FileError(f"{name} is damaged ({error}); fetch it again") from error


def _data_archive(content: bytes, name: str) -> bytes:
    """Return the unpacked data archive of a .deb, which is an `ar` archive (deb(5))."""
    if not content.startswith(_AR_MAGIC):
        raise FileError(f"{name} is not a Debian package; give a folder of .deb files")
    place = len(_AR_MAGIC)
    while place + _AR_HEADER_BYTES <= len(content):
        header = content[place : place + _AR_HEADER_BYTES]
        member, size_text = (
            header[:16].decode("ascii", "replace"),
            header[48:58].decode("ascii", "replace"),
        )
        size = parse_integer(size_text, minimum=0)
        if size is None:
            break
        place += _AR_HEADER_BYTES
        member = member.strip().rstrip("/")
        if member == "data.tar.zst":
            raise FileError(f"{name} is compressed by zstd, as Ubuntu's packages; use Debian's")
        if member.startswith("data.tar"):
            return _unpacked(content[place : place + size], PurePosixPath(member).suffix, name)
        place += size + size % 2
    raise FileError(f"{name} has no data, it is truncated; fetch it again")


def _unpacked(packed: bytes, suffix: str, name: str) -> bytes:
    """Return the content of `packed`, within limits that no damaged header can exceed."""
    if suffix == ".tar":
        return packed
    try:
        if suffix == ".xz":
            limit = _UNPACKING_LIMIT_BYTES
            unpacking = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=limit)
            unpacked = unpacking.decompress(packed, limit)
            complete = unpacking.eof
        elif suffix == ".gz":
            inflating = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
            unpacked = inflating.decompress(packed, _UNPACKING_LIMIT_BYTES)
            complete = inflating.eof
        else:
            raise FileError(f"{name} is compressed as {suffix}, expected .xz or .gz; use Debian's")
    except (lzma.LZMAError, zlib.error) as error:
        raise FileError(f"{name} is damaged ({error}); fetch it again") from error
    if not complete:
        raise FileError(
            f"{name} is truncated, or larger than {_UNPACKING_LIMIT_BYTES // 2**20} MiB "
            "when unpacked; fetch it again"
        )
    return unpacked


def _from_packages(packages: Sequence[Path]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    links: dict[str, str] = {}
    for package in packages:
        for path, content in package_files(read_bytes(package), package.name):
            if isinstance(content, str):
                links[path.name] = PurePosixPath(content).name
            elif "aarch64-linux-gnu" in path.parts:
                files[path.name] = content
    found_files = {name: files.get(name) or files.get(links.get(name, "")) for name in LIBRARIES}
    missing = [name for name, content in found_files.items() if content is None]
    if missing:
        names = ", ".join(package.name for package in packages) or "none"
        raise FileError(f"no arm64 {', '.join(missing)} in the packages {names}; {_ASK}")
    return {name: content for name, content in found_files.items() if content is not None}


def _packages_in(folder: Path) -> list[Path]:
    packages = [
        path
        for package in PACKAGES
        for path in sorted(Path(folder).glob(f"{package}_*.deb"))
        if path.stem.endswith(("_arm64", "%3aarm64"))
    ]
    if not packages:
        raise FileError(f"no *_arm64.deb of {', '.join(PACKAGES)} in {folder}; {_ASK}")
    return packages


def _fetch(folder: Path) -> list[Path]:
    """Let apt fetch the packages, with separate lists: the system stays unchanged."""
    if which("apt-get") is None:
        raise DeviceError(
            f"the runner's libraries come from Debian, and apt-get is not installed here; {_ASK}"
        )
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    options = {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "Dir::State::Lists": folder / "lists",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": "",  # the folder belongs to the present user
    }
    apt = ["apt-get", "--quiet", *(f"-o{name}={value}" for name, value in options.items())]
    _run([*apt, "update"], folder)
    _run([*apt, "download", *PACKAGES], folder)
    return sorted(folder.glob("*.deb"))


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        completed = run_program(command, timeout_s=_APT_TIMEOUT_S, folder=folder)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeviceError(f"apt-get failed ({error}); {_ASK}") from error
    if completed.returncode != 0:
        messages = [line for line in completed.stderr.splitlines() if line.startswith("E:")]
        reason = (messages or completed.stderr.splitlines() or ["no message"])[0]
        raise DeviceError(f"apt-get cannot fetch arm64 packages ({reason}); {_ASK}")
