"""A phone: Android's adbd in a separate root and separate namespaces."""

import os
import shutil
import socket
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from tests.phone_target.dialog import Dialog
from tests.phone_target.helper import Helper
from tests.phone_target.namespaces import NEW, inside, resize_disk
from tests.phone_target.root import make_phone_root
from tests.support import phone_roots
from tests.support.phone_proxy import Proxy
from tests.support.phone_roots import ModelName

HERE = Path(__file__).parent
DISK_BYTES = 512 << 20  # of memory, where it is used
LISTENS_S = 10.0


class RealPhone:
    """One phone, off until `start`; a `PhoneControl`. As a context it is on, and gone at the end.

    Hardware (storage, devices, processor) is one helper process that lives as long as the
    object; a boot is another, process 1 of a pid namespace, in which adbd comes and goes.
    """

    def __init__(self, folder: Path, model: ModelName, adbd: Path) -> None:
        self._place = port_place()
        self._adbd_port = port_of(self._place)
        self._proxy = Proxy(self._adbd_port)
        self._tree = folder / "root"
        make_phone_root(self._tree, model, adbd, self._adbd_port)
        self._scratch = folder / "proc"
        self._scratch.mkdir(parents=True)
        self.log = folder / "phone.log"
        self._sockets = tempfile.mkdtemp(prefix="phone-")  # a socket's path is 107 bytes at most
        adb_keys = self._tree / "data/misc/adb/adb_keys"
        self._dialog = Dialog(Path(self._sockets, "adbd"), adb_keys)
        self._hardware: Helper | None = None
        self._system: Helper | None = None
        self._running = False  # adbd

    @property
    def port(self) -> int:
        return self._proxy.port

    @property
    def address(self) -> str:
        return f"adb:127.0.0.1:{self.port}"

    @property
    def root(self) -> Path:
        """The phone's tree with its disk in it, which only its own mount namespace has."""
        if self._hardware is None:
            return self._tree
        return Path(f"/proc/{self._hardware.pid}/root", *self._tree.parts[1:])

    def start(self) -> None:
        """Switch the phone on if it is off, start adbd, and wait until it listens."""
        if self._hardware is None:
            self._hardware = self._plug_in()
        if self._system is None:
            self._system = self._boot(self._hardware.pid)
        if not self._running:
            self._system.tell("start")
            self._dialog.open()
            self._wait_until_it_listens()
            self._proxy.start()
            self._running = True

    def stop(self) -> None:
        """Kill adbd, and what it started, as Android's init does when a service dies."""
        if self._system is not None and self._running:
            killed = self._first().children(recursive=True)
            self._system.tell("stop")
            psutil.wait_procs(killed, timeout=LISTENS_S)
        self._hang_up()

    def reboot(self) -> None:
        self._switch_off()
        phone_roots.new_boot(self._tree)
        self.start()

    def answer_dialog(self, allow: bool, always: bool = True) -> None:
        self._dialog.answer(allow, always)

    def forget_keys(self) -> None:
        self._dialog.forget()

    def cut(self) -> None:
        self._proxy.cut()

    def cut_after(self, bytes_out: int | None = None, bytes_in: int | None = None) -> None:
        self._proxy.cut_after(bytes_out, bytes_in)

    def garble_after(self, bytes_out: int) -> None:
        self._proxy.garble_after(bytes_out)

    def fill_disk(self, free_bytes: int = 0) -> None:
        """Shrink the disk to what is used of it, in whole pages, and `free_bytes`."""
        disk = os.statvfs(self.root / "data/local/tmp")
        self._resize_disk((disk.f_blocks - disk.f_bfree) * disk.f_frsize + free_bytes)

    def free_disk(self) -> None:
        self._resize_disk(DISK_BYTES)

    def set_temperature(self, celsius: float) -> None:
        phone_roots.set_temperature(self._tree, celsius)

    def set_frequency(self, cpu: int, khz: int) -> None:
        phone_roots.set_frequency(self._tree, cpu, khz)

    def processes(self) -> list[int]:
        """All that adbd started, and what was left behind by it."""
        if self._system is None:
            return []
        first = self._first()
        daemons = [child for child in first.children() if child.name() == "adbd"]
        return [child.pid for child in first.children(recursive=True) if child not in daemons]

    def close(self) -> None:
        """End every process of the phone; its log and its tree stay."""
        self._switch_off()
        if self._hardware is not None:
            self._hardware.close()
            self._hardware = None
        self._proxy.close()
        self._place.close()
        self._dialog.close()
        shutil.rmtree(self._sockets)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _first(self) -> psutil.Process:
        """Process 1 of this boot."""
        if self._system is None:
            raise RuntimeError("the phone is off")
        (first,) = psutil.Process(self._system.pid).children()
        return first

    def _plug_in(self) -> Helper:
        script = [str(HERE / "hardware.sh"), str(self._tree), str(DISK_BYTES)]
        hardware = Helper([*NEW, *script], self.log)
        try:
            hardware.expect("ready")
        except BaseException:
            hardware.close()
            raise
        return hardware

    def _boot(self, hardware: int) -> Helper:
        control = self._dialog.listener.fileno()
        own = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        script = [str(HERE / "system.sh"), str(self._tree), str(self._scratch), str(self.log)]
        system = Helper(
            [*inside(hardware), *own, *script],
            self.log,
            environment={"ANDROID_SOCKET_adbd": str(control)},
            pass_fds=(control,),
        )
        try:
            system.expect("done")
        except BaseException:
            system.close()
            raise
        return system

    def _hang_up(self) -> None:
        """Adbd is gone, or will be at once: nobody is connected to it."""
        self._proxy.stop()
        self._dialog.hang_up()
        self._running = False

    def _switch_off(self) -> None:
        self._hang_up()
        if self._system is not None:
            self._system.close()
            self._system = None

    def _resize_disk(self, size_bytes: int) -> None:
        if self._hardware is None:
            raise RuntimeError("the phone was never started: it has no disk yet")
        resize_disk(self._hardware.pid, str(self._tree / "data/local/tmp"), size_bytes)

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + LISTENS_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._adbd_port)) == 0:
                    return
            if time.monotonic() > deadline:
                raise TimeoutError(f"adbd does not listen; its log is {self.log}")
            time.sleep(0.01)


def port_place() -> socket.socket:
    """A free port of 127.0.0.1, kept from all who do not ask for it by number."""
    place = socket.socket()
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    place.bind(("127.0.0.1", 0))
    return place


def port_of(bound: socket.socket) -> int:
    port: int = bound.getsockname()[1]
    return port
