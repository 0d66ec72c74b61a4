"""Android's own adbd, built from Debian's source package and kept in the user's cache folder.

`python -m tests.phone_target.build` builds it and says where it is, or why it cannot be had.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.files import cache_folder

HERE = Path(__file__).parent
SCRIPT = HERE / "build_adbd.sh"
GLUE = HERE / "host_glue.cpp"
SOURCE = "android-platform-tools"
RELEASE = "29.0.6"  # the one that script and glue are written for: Debian 11 and 12
LIBRARY = "android-libbase-dev"  # of the same source, so that its version says which to fetch
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
PROGRAMS = {  # what is called, and the Debian package that has it
    "clang++": "clang",
    "ld.lld": "lld",
    "dpkg-source": "dpkg-dev",
    "mksh": "mksh",
    "toybox": "toybox",
    "unshare": "util-linux",
    "qemu-aarch64-static": "qemu-user-static",
}
HEADERS = {
    "/usr/include/android/android-base/properties.h": LIBRARY,
    "/usr/include/android/cutils/sockets.h": "android-libcutils-dev",
    "/usr/include/android/log/log.h": "android-liblog-dev",
    "/usr/include/android/openssl/rsa.h": "android-libboringssl-dev",
    "/usr/include/sys/capability.h": "libcap-dev",
}
FETCH_S = 300.0
BUILD_S = 600.0


class NoTargetError(Exception):
    """The daemon cannot be built, or no phone be started, here: the reason of a skip."""


def ensure_adbd(cache: Path | None = None) -> Path:
    """Path of adbd, built unless the cache has it; `NoTargetError` says what is missing."""
    cache = cache or cache_folder() / "phone_target"
    version = _source_version()
    key = hashlib.sha256(version.encode() + SCRIPT.read_bytes() + GLUE.read_bytes())
    kept = cache / f"adbd-{version}-{os.uname().machine}-{key.hexdigest()[:16]}" / "adbd"
    if kept.is_file():
        return kept
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache), tempfile.TemporaryDirectory(dir=cache, prefix="build-") as folder:
        if not kept.is_file():  # another process may have built it meanwhile
            made = _build(_fetched(cache, version), Path(folder))
            (made / "adbd").chmod(0o755)
            shutil.rmtree(made / "objects")
            made.rename(kept.parent)
    return kept


def _source_version() -> str:
    """Version of the source package whose libraries are installed."""
    missing = {package for name, package in PROGRAMS.items() if shutil.which(name) is None}
    missing |= {package for path, package in HEADERS.items() if not Path(path).is_file()}
    if missing:
        raise NoTargetError(f"adbd needs Debian's packages {' '.join(sorted(missing))}")
    query = ["dpkg-query", "--show", "--showformat", "${source:Version}", LIBRARY]
    version = _run(query, 10)
    if not version.startswith(f"{RELEASE}-"):
        raise NoTargetError(f"adbd is built from {SOURCE} {RELEASE}; this system has {version}")
    return version


def _fetched(cache: Path, version: str) -> Path:
    """Folder with the source package's files, as apt got and checked them."""
    kept = cache / f"{SOURCE}-{version}"
    if kept.is_dir():
        return kept
    with tempfile.TemporaryDirectory(dir=cache, prefix="fetch-") as name:
        folder = Path(name)
        options = _private_apt(folder)
        _run(["apt-get", *options, "--quiet", "update"], FETCH_S)
        got = folder / "got"
        got.mkdir()
        source = ["source", "--download-only", f"{SOURCE}={version}"]
        _run(["apt-get", *options, "--quiet", *source], FETCH_S, cwd=got)
        got.rename(kept)
    return kept


def _private_apt(folder: Path) -> list[str]:
    """Options that have apt read Debian's source lists in `folder`, with no right and no change.

    The system's own lists say from where it installs; the same places have the sources.
    """
    wanted = "$(CREATED_BY)|$(ORIGIN)|$(COMPONENT)|$(REPO_URI) $(RELEASE) $(COMPONENT)"
    rows = _run(["apt-get", "indextargets", "--format", wanted], 30).splitlines()
    places = sorted({row.split("|")[3] for row in rows if row.startswith("Packages|Debian|main|")})
    if not places:
        raise NoTargetError("apt has no lists of Debian's packages: run `apt-get update`")
    signed = f"[signed-by={KEYRING}] " if KEYRING.is_file() else ""
    sources = folder / "sources.list"
    sources.write_text("".join(f"deb-src {signed}{place}\n" for place in places))
    (folder / "lists" / "partial").mkdir(parents=True)
    (folder / "cache" / "archives" / "partial").mkdir(parents=True)
    settings = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": "root",  # its own user may not read a folder of ours
    }
    return [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]


def _build(fetched: Path, folder: Path) -> Path:
    """Unpack the source in `folder`, build it there; the folder that then holds adbd."""
    (description,) = fetched.glob("*.dsc")
    unpack = ["dpkg-source", "--no-check", "--extract", str(description), "source"]
    _run(unpack, BUILD_S, cwd=folder)  # apt has checked the signatures
    _run([str(SCRIPT), str(folder / "source"), str(folder / "out")], BUILD_S)
    return folder / "out"


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Hold the cache: two test runs at once build once."""
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(argv: Sequence[str], limit_s: float, cwd: Path | None = None) -> str:
    """Output of a command; `NoTargetError` with its last line where it fails."""
    try:
        done = subprocess.run(
            argv, cwd=cwd, capture_output=True, text=True, timeout=limit_s, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoTargetError(f"{argv[0]}: {error}") from error
    if done.returncode != 0:
        message = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
        raise NoTargetError(f"{Path(argv[0]).name} exited with {done.returncode}: {message}")
    return done.stdout


if __name__ == "__main__":
    try:
        print(f"adbd: {ensure_adbd()}")
    except NoTargetError as why:
        raise SystemExit(f"no adbd: {why}") from why
