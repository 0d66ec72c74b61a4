"""What makes a phone's file tree run here: a shell, a toybox, adbd, and their libraries."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.phone_dumps import emulated_cpuinfo
from tests.support.phone_roots import ModelName, make_root

SHELL = "shell:x:2000"
# Programs of Debian's toybox that only a rooted phone has, or that would speak of this machine.
LEFT_OUT = {"su", "login", "reboot", "halt", "poweroff", "sh"}


def make_phone_root(root: Path, model: ModelName, adbd: Path, port: int) -> None:
    """Make the tree of a phone whose adbd will listen on 127.0.0.1:`port`, and ask for keys."""
    make_root(root, model)
    (root / "proc/cpuinfo").write_text(emulated_cpuinfo(8))  # of the processor qemu plays
    (root / "etc/passwd").write_text(f"{SHELL}:2000:shell:/:/system/bin/sh\n")
    (root / "etc/group").write_text(f"{SHELL}:\n")
    properties = (root / "system/build.prop").read_text()
    listen = f"service.adb.listen_addrs=tcp:localhost:{port}\n"
    (root / "phone/adbd.prop").write_text(properties + listen)
    _add_programs(root, {"adbd": adbd, "sh": _found("mksh"), "toybox": _found("toybox")})


def _add_programs(root: Path, programs: Mapping[str, Path]) -> None:
    """Copy programs with their libraries, and link toybox's names that are still free.

    mksh and toybox are what Android has, but this machine's own: the aarch64 ones under qemu
    took 18 ms a program against 1. Only what is pushed to the phone is run by qemu.
    """
    places = root / "system/bin"
    for name, program in programs.items():
        shutil.copy(program, places / name)
    for library in {path for program in programs.values() for path in _libraries(program)}:
        place = root / library.relative_to("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, place)
    for name in _told(programs["toybox"]).split():
        if name not in LEFT_OUT and not (places / name).exists():
            (places / name).symlink_to("toybox")


def _found(program: str) -> Path:
    path = shutil.which(program)
    if path is None:
        raise FileNotFoundError(program)
    return Path(path)


def _libraries(program: Path) -> list[Path]:
    """Shared libraries of a program, its loader too, as ldd tells them."""
    words = _told("ldd", program).split()
    return [Path(word) for word in words if word.startswith("/")]


def _told(*argv: str | Path) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=10).stdout
