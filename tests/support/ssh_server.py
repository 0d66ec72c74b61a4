"""A machine for SSH tests: Debian's own server on loopback, with keys and configuration of its own.

The user's files in ~/.ssh are never read or written. The server runs as the present user, without
PAM, and lets in one key only. It is ended by its process id.
"""

import os
import pwd
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from bench.devices.ssh.address import SshAddress
from tests.phone_target.build import NoTargetError
from tests.ssh_target.machine import Machine, MachineOptions
from tests.support.phone_proxy import Proxy

START_S = 20.0
ALIAS = "board"


class NoServerError(Exception):
    """No SSH server can be started here; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """What differs from a usual machine.

    Attributes:
        shell: the command that every session runs in place of the user's login shell; it finds
            the requested command in `SSH_ORIGINAL_COMMAND`. None for the login shell itself.
        machine: namespaces with a disk of their own; None for this machine's.
        proxied: whether clients come through a proxy that can cut, damage and hold their bytes.
    """

    shell: str | None = None
    machine: MachineOptions | None = None
    proxied: bool = False


@dataclass
class SshServer:
    """The server in `folder`; a context that starts and ends it.

    `config` is the client's configuration file, in which `board` is an alias.
    """

    folder: Path
    options: ServerOptions = field(default_factory=ServerOptions)
    _server: "subprocess.Popen[bytes] | None" = None

    def __post_init__(self) -> None:
        program = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if program is None or shutil.which("ssh") is None or shutil.which("ssh-keygen") is None:
            raise NoServerError("openssh-server and openssh-client are not both installed")
        self._program = program
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self.home = self.folder / "home"
        self.home.mkdir(exist_ok=True)
        self._listening_port = _free_port()
        self.proxy = Proxy(self._listening_port) if self.options.proxied else None
        self.port = self.proxy.port if self.proxy else self._listening_port
        self.machine = self._new_machine()
        for name in ("host_key", "user_key"):
            _make_key(self.folder / name)
        self._write_configuration()

    @property
    def address(self) -> SshAddress:
        return SshAddress("127.0.0.1", pwd.getpwuid(os.getuid()).pw_name, self.port)

    @property
    def config(self) -> Path:
        return self.folder / "ssh_config"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    def start(self) -> None:
        """Start the server if it does not run, and wait until it listens."""
        if self._server is not None:
            return
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # privilege separation needs it
        log = self.folder / "sshd.log"
        self._server = subprocess.Popen(
            [self._program, "-D", "-f", str(self.folder / "sshd_config"), "-E", str(log)],
            start_new_session=True,
        )
        deadline_s = time.monotonic() + START_S
        while not _listens(self._listening_port):
            if self._server.poll() is not None or time.monotonic() > deadline_s:
                self.stop()
                raise NoServerError(f"sshd does not start: {log.read_text().strip()[-300:]}")
            time.sleep(0.02)
        if self.proxy is not None:
            self.proxy.start()

    def stop(self) -> None:
        """Kill the server and all its connections."""
        if self._server is None:
            return
        if self.proxy is not None:
            self.proxy.stop()
        for process in self._sessions():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._server.kill()
        self._server.wait()
        self._server = None

    def close(self) -> None:
        """End the server and its machine."""
        self.stop()
        if self.machine is not None:
            self.machine.close()
        if self.proxy is not None:
            self.proxy.close()

    def cut(self) -> None:
        """Break every open connection; the server stays."""
        if self._server is None:
            return
        for process in psutil.Process(self._server.pid).children():
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def programs(self) -> list[int]:
        """Return the process ids of what runs for its connections, without sshd's own."""
        return [process.pid for process in self._sessions() if _name(process) != "sshd"]

    def let_in(self, allow: bool) -> None:
        """Accept the client's key, or no key any more."""
        key = (self.folder / "user_key.pub").read_text()
        (self.folder / "authorized_keys").write_text(key if allow else "")

    def trust(self) -> None:
        """Let clients know its present host key, as a user who has accepted it."""
        key = (self.folder / "host_key.pub").read_text()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {key}")

    def new_host_key(self) -> None:
        """Give the machine another host key, as if it had been set up again."""
        for name in ("host_key", "host_key.pub"):
            (self.folder / name).unlink()
        _make_key(self.folder / "host_key")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _new_machine(self) -> Machine | None:
        if self.options.machine is None:
            return None
        try:
            return Machine(self.folder, self.home, self.options.machine)
        except NoTargetError as why:
            raise NoServerError(str(why)) from why

    def _sessions(self) -> list[psutil.Process]:
        assert self._server is not None
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self._server.pid).children(recursive=True)
        return []

    def _write_configuration(self) -> None:
        folder = self.folder
        shell = self.options.shell
        environment = {"HOME": str(self.home)}
        if self.machine is not None:
            shell = str(self.machine.wrapper)
            environment |= self.machine.environment
        server = [
            "ListenAddress 127.0.0.1",
            f"Port {self._listening_port}",
            f"HostKey {folder}/host_key",
            f"PidFile {folder}/sshd.pid",
            f"AuthorizedKeysFile {folder}/authorized_keys",
            "AuthenticationMethods publickey",
            "StrictModes no",  # its folder may be under /tmp
            "UsePAM no",
            "PrintMotd no",
            f"SetEnv {' '.join(f'{name}={value}' for name, value in environment.items())}",
            "MaxStartups 100",
            "MaxSessions 50",
            *([] if shell is None else [f"ForceCommand {shell}"]),
        ]
        client = [
            f"Host {ALIAS}",
            "  HostName 127.0.0.1",
            f"  Port {self.port}",
            f"  User {self.address.user}",
            "Host *",
            f"  IdentityFile {folder}/user_key",
            "  IdentitiesOnly yes",
            f"  UserKnownHostsFile {self.known_hosts}",
            "  GlobalKnownHostsFile /dev/null",
        ]
        (folder / "sshd_config").write_text("\n".join(server) + "\n")
        self.config.write_text("\n".join(client) + "\n")
        self.trust()
        self.let_in(True)


def _make_key(path: Path) -> None:
    if not path.exists():
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        return True
    return False


def _name(process: psutil.Process) -> str:
    with suppress(psutil.NoSuchProcess):
        return process.name()
    return "sshd"
