"""The pocket phone: daemon, programs, disk and screen on a tree of files, behind a proxy."""

import platform
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.pocket_phone import shell, wire
from tests.pocket_phone.disk import Disk
from tests.pocket_phone.keys import Screen
from tests.pocket_phone.places import Places
from tests.pocket_phone.programs import SHELL, Programs
from tests.pocket_phone.session import Persona, Service, Session
from tests.pocket_phone.stream import Stream
from tests.pocket_phone.sync import SyncService
from tests.support import phone_roots
from tests.support.phone_models import MODELS
from tests.support.phone_proxy import Proxy
from tests.support.phone_roots import ModelName, make_root

ABIS = {"x86_64": "x86_64", "aarch64": "arm64-v8a", "arm64": "arm64-v8a"}
# What Android 9's adbd says, and that of platform-tools 29.0.6 (transport.cpp), which is about
# Android 11's; of those, what asks for services that are not here is left out.
FEATURES = {
    "note8": ("cmd", "stat_v2", "shell_v2"),
    "pixel2": ("shell_v2", "cmd", "stat_v2", "ls_v2", "fixed_push_mkdir", "apex"),
}
HEARD_S = 1.0  # a phone runs about as long after it announced a reboot


@dataclass(frozen=True)
class DaemonOptions:
    """What kind of daemon it is.

    `features` None is the model's own; without shell_v2 it is as old as Android 6. `version` and
    `max_payload` are of ADB's messages. `environment` goes to programs. It is away for `reboot_s`.
    """

    secure: bool = True
    features: tuple[str, ...] | None = None
    version: int = wire.VERSION_NO_CHECKSUM
    max_payload: int = 1 << 20
    environment: Mapping[str, str] = field(default_factory=dict)
    reboot_s: float = 0.0


class PocketPhone:
    """A `PhoneControl` without privileges; `with PocketPhone(folder) as phone` starts it.

    `violations` says how hosts broke the protocol: tests hold it to be empty.
    """

    def __init__(
        self, root: Path, model: ModelName = "note8", options: DaemonOptions = DaemonOptions()
    ) -> None:
        abi = ABIS.get(platform.machine(), platform.machine())
        make_root(root, model, abi=abi, emulated="pocket-phone")
        if not (root / "system/bin/sh").exists():
            (root / "system/bin/sh").symlink_to(SHELL)
        features = FEATURES[model] if options.features is None else options.features
        self._options, self._shell_2 = options, "shell_v2" in features
        self._places = Places(root)
        self._programs = Programs(self._places, options.environment)
        self.disk = Disk(self._places.root / "data")
        self.screen = Screen(self._places.root / "data/misc/adb/adb_keys")
        self.proxy = Proxy()
        self._persona = Persona(
            banner=banner(MODELS[model].properties, features),
            version=options.version,
            max_payload=options.max_payload,
            secure=options.secure,
            services=self._service,
        )
        self._listener: socket.socket | None = None
        self._sessions: list[tuple[Session, threading.Thread]] = []
        self._lock = threading.RLock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.proxy.close()

    @property
    def port(self) -> int:
        return self.proxy.port

    @property
    def root(self) -> Path:
        return self._places.root

    @property
    def address(self) -> str:
        return f"adb:127.0.0.1:{self.port}"

    @property
    def violations(self) -> list[str]:
        """How hosts broke the protocol, one a session at most."""
        return [session.violation for session, _ in self._sessions if session.violation]

    def start(self) -> None:
        with self._lock:
            if self._listener is not None:
                return
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.proxy.target_port = self._listener.getsockname()[1]
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
            self.proxy.start()

    def stop(self) -> None:
        with self._lock:
            listener, self._listener = self._listener, None
            self.proxy.stop()
            if listener is None:
                return
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            for session, _ in self._sessions:
                session.kick()
            self._programs.kill_all()
            for session, thread in self._sessions:
                thread.join(timeout=5)
                session.join(timeout_s=5)

    def reboot(self) -> None:
        with self._lock:
            self.stop()
            phone_roots.new_boot(self.root)
            time.sleep(self._options.reboot_s)
            self.start()

    def answer_dialog(self, allow: bool, always: bool = True) -> None:
        self.screen.answer(allow, always)

    def forget_keys(self) -> None:
        self.screen.forget()

    def cut(self) -> None:
        self.proxy.cut()

    def cut_after(self, bytes_out: int | None = None, bytes_in: int | None = None) -> None:
        self.proxy.cut_after(bytes_out, bytes_in)

    def garble_after(self, bytes_out: int) -> None:
        self.proxy.garble_after(bytes_out)

    def fill_disk(self) -> None:
        self.disk.fill()

    def free_disk(self) -> None:
        self.disk.limit_bytes = None

    def set_temperature(self, celsius: float) -> None:
        phone_roots.set_temperature(self.root, celsius)

    def set_frequency(self, cpu: int, khz: int) -> None:
        phone_roots.set_frequency(self.root, cpu, khz)

    def processes(self) -> list[int]:
        return self._programs.processes()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:  # stopped
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            session = Session(sock, self._persona, self.screen)
            thread = threading.Thread(target=session.run, daemon=True)
            self._sessions.append((session, thread))
            thread.start()

    def _service(self, name: str) -> Service | None:
        kind, colon, rest = name.partition(":")
        words = kind.split(",")
        if not colon or (len(words) > 1 and not self._shell_2):
            return None
        if words[0] in ("shell", "exec"):
            run = shell.run_protocol if "v2" in words else shell.run_terminal
            run = shell.run_raw if words == ["exec"] else run
            return lambda stream: run(stream, rest, self._programs, self._places)
        if kind == "sync":
            return lambda stream: SyncService(stream, self._places, self.disk).run()
        if kind == "reboot":
            return self._reboot_service
        return None

    def _reboot_service(self, stream: Stream) -> None:
        """Announce a reboot to the host; then end everything."""
        stream.close()
        stream.host_closed.wait(HEARD_S)
        threading.Thread(target=self.reboot, daemon=True).start()


def banner(properties: Mapping[str, str], features: Iterable[str]) -> str:
    """The phone's CNXN as adbd writes it (adb.cpp get_connection_string)."""
    names = ("ro.product.name", "ro.product.model", "ro.product.device")
    fields = [f"{name}={properties[name]}" for name in names]
    return "device::" + ";".join([*fields, f"features={','.join(features)}"])
