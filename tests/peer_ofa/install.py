"""The PyPI package `ofa`, in a folder of its own: the peer that our networks are held against.

It asks for torchvision and more that its networks do not need, so it is installed without what
it depends on, and `tests.peer_ofa.networks` puts stand-ins in their place.
"""

import os
import subprocess
import sys
from pathlib import Path

from bench.errors import FileError
from bench.files import cache_folder, make_folder

PEER = "ofa==0.1.0.post202307202001"
ROOT = Path(__file__).resolve().parents[2]
INSTALL_TIMEOUT_S = 120


class NoPeerError(Exception):
    """The package cannot be had here, and why."""


def ensure_peer() -> Path:
    """Folder that holds the package; installed on first use and kept in the user's cache."""
    if os.environ.get("OFABENCH_NO_PEER"):
        raise NoPeerError("OFABENCH_NO_PEER is set")
    folder = cache_folder() / "peer_ofa" / PEER.partition("==")[2]
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with make_folder(folder) as unfinished:
            _install(unfinished)
    except FileError as error:
        if not folder.is_dir():  # else another process was first
            raise NoPeerError(str(error)) from error
    return folder


def _install(folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile",
               "--target", str(folder), PEER]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NoPeerError(f"pip did not install {PEER} in {INSTALL_TIMEOUT_S} s") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["nothing said"]
        raise NoPeerError(f"pip cannot install {PEER}: {lines[-1]}")
