"""What makes a phone's file tree run here: a shell, a toybox, adbd, and their libraries."""

import shutil
import subprocess
from pathlib import Path

from tests.phone_dumps import emulated_cpuinfo
from tests.phone_roots import ModelName, make_root

SHELL = "shell:x:2000"
# Programs of Debian's toybox that only a rooted phone has, or that would speak of this machine.
LEFT_OUT = {"su", "login", "reboot", "halt", "poweroff", "sh"}


def make_phone_root(root: Path, model: ModelName, adbd: Path, port: int) -> None:
    """Make the tree of a phone whose adbd will listen on 127.0.0.1:`port`, and ask for keys.

    mksh and toybox are what Android has, but this machine's own: the aarch64 ones under qemu
    took 20 ms a program against 2. Only what is pushed to the phone is run by qemu.
    """
    make_root(root, model)
    (root / "proc/cpuinfo").write_text(emulated_cpuinfo(8))  # of the processor qemu plays
    for name, line in {
        "passwd": f"{SHELL}:2000:shell:/:/system/bin/sh",
        "group": f"{SHELL}:",
    }.items():
        (root / "etc" / name).write_text(f"{line}\n")
    properties = (root / "system/build.prop").read_text()
    (root / "phone/adbd.prop").write_text(
        f"{properties}service.adb.listen_addrs=tcp:localhost:{port}\n"
    )
    bin_ = root / "system/bin"
    programs = {"adbd": adbd, "sh": _found("mksh"), "toybox": _found("toybox")}
    for name, program in programs.items():
        shutil.copy(program, bin_ / name)
    for library in sorted({path for program in programs.values() for path in _libraries(program)}):
        place = root / library.relative_to("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, place)
    for name in subprocess.run(
        [programs["toybox"]], capture_output=True, text=True, check=True
    ).stdout.split():
        if name not in LEFT_OUT and not (bin_ / name).exists():
            (bin_ / name).symlink_to("toybox")


def _found(program: str) -> Path:
    path = shutil.which(program)
    if path is None:
        raise FileNotFoundError(program)
    return Path(path)


def _libraries(program: Path) -> list[Path]:
    """Shared libraries of a program, its loader too, as ldd tells them."""
    told = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    words = [word for line in told.splitlines() for word in line.split()]
    return [Path(word) for word in words if word.startswith("/")]
