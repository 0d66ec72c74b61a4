"""A machine behind the SSH server of the tests: with a separate disk, and aarch64 by qemu."""

import os
from dataclasses import dataclass
from pathlib import Path

from tests.phone_target.build import NoTargetError
from tests.phone_target.helper import Helper
from tests.phone_target.namespaces import NEW, inside, resize_disk
from tests.support.phone_dumps import emulated_cpuinfo

HERE = Path(__file__).parent
DISK_BYTES = 512 << 20  # of memory, where it is used
UNAME = '#!/bin/sh\n[ "$1" = -m ] && echo aarch64 || exec /usr/bin/uname "$@"\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineOptions:
    """What the machine is like.

    Attributes:
        noexec: whether nothing on its disk may be executed.
        emulated: whether it runs aarch64 programs through qemu, and says that it is one.
    """

    noexec: bool = False
    emulated: bool = False


class Machine:
    """Namespaces in which `home` is a disk of memory; `NoTargetError` where they are not allowed.

    The sessions of a server run inside by `wrapper`, a program that takes the command from
    `SSH_ORIGINAL_COMMAND`.
    """

    def __init__(self, folder: Path, home: Path, options: MachineOptions) -> None:
        self._home = home
        script = [str(HERE / "machine.sh"), str(home), str(DISK_BYTES)]
        cpu_info = folder / "cpuinfo"
        cpu_info.write_text(emulated_cpuinfo(os.cpu_count() or 1))
        words = ["noexec" if options.noexec else "exec", *([cpu_info] if options.emulated else [])]
        try:
            self._namespaces = Helper([*NEW, *script, *map(str, words)], folder / "machine.log")
        except FileNotFoundError as error:
            raise NoTargetError(f"{error.filename} is not installed") from error
        try:
            self._namespaces.expect("ready")
        except BaseException:
            self._namespaces.close()
            raise
        self.environment: dict[str, str] = {}
        if options.emulated:
            programs = folder / "bin"
            _write_program(programs / "uname", UNAME)
            self.environment = {
                "PATH": f"{programs}:/usr/bin:/bin",
                "OFABENCH_EMULATED": "qemu-aarch64",
                # The processor that qemu 7.2 plays unasked has SME, which it computes wrongly.
                "QEMU_CPU": "cortex-a76",
            }
        self.wrapper = folder / "session"
        enter = " ".join(inside(self._namespaces.pid))
        _write_program(self.wrapper, f'#!/bin/sh\nexec {enter} sh -c "$SSH_ORIGINAL_COMMAND"\n')

    @property
    def home(self) -> Path:
        """The home folder with its disk, which only the machine's namespace has."""
        return Path(f"/proc/{self._namespaces.pid}/root", *self._home.parts[1:])

    def fill_disk(self) -> None:
        """Shrink the disk to what is used of it, in whole pages."""
        disk = os.statvfs(self.home)
        used_bytes = (disk.f_blocks - disk.f_bfree) * disk.f_frsize
        resize_disk(self._namespaces.pid, str(self._home), used_bytes)

    def free_disk(self) -> None:
        """Give the disk its usual size again."""
        resize_disk(self._namespaces.pid, str(self._home), DISK_BYTES)

    def close(self) -> None:
        """End the namespaces; its files are gone."""
        self._namespaces.close()


def _write_program(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
