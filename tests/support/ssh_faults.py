"""Faults of a machine over SSH at random points of a sweep."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bench.devices.remote.connection import Connection
from bench.devices.ssh.address import SshAddress
from bench.devices.ssh.device import SshDevice
from bench.devices.ssh.options import SshOptions
from bench.devices.ssh.transport import SshTimeouts, SshTransport
from bench.devices.ssh.worker_host import SshWorkerHost
from bench.devices.worker.device import WorkerDevice, WorkerOptions
from bench.protocol.device import Device
from tests.support.ssh_server import SshServer
from tests.support.sweep_faults import Faults, Survived, survive

TIMEOUTS = SshTimeouts(connect_s=5.0, login_s=20.0, answer_s=10.0, silent_s=3.0, reconnect_s=30.0)
SIGNALS = (signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM)
SLOW_S = 0.5
SILENT_S = 4.0  # longer than until the client gives the connection up
AWAY_S = 0.3


def quick_transport(address: SshAddress, config: Path | None) -> SshTransport:
    """Connect with short timeouts and short intervals between attempts to reconnect."""
    return SshTransport.connect(
        address,
        config=config,
        timeouts=TIMEOUTS,
        sleep=lambda seconds: time.sleep(min(seconds, 0.05)),
    )


class QuickSshDevice(SshDevice):
    """A machine whose timeouts are short."""

    def _connect(self) -> Connection:
        return quick_transport(self._address, self._options.ssh_config)


class SshFaults(Faults):
    """Faults of a machine with a separate disk, of its server and of its connection."""

    def __init__(self, server: SshServer, chance: random.Random) -> None:
        super().__init__(chance)
        assert server.proxy is not None
        assert server.machine is not None
        self._server, self._proxy, self._machine = server, server.proxy, server.machine

    def kinds(self) -> dict[str, Callable[[], None]]:
        return {
            "cut in what comes to the machine": lambda: self._proxy.cut_after(
                bytes_in=self._count()
            ),
            "cut in what the machine sends": lambda: self._proxy.cut_after(bytes_out=self._count()),
            "cut now": self._proxy.cut,
            "output garbled": lambda: self._proxy.garble_after(self.chance.randrange(30_000)),
            "slow": lambda: self._hold(SLOW_S),
            "silent": lambda: self._hold(SILENT_S),
            "server killed": self._restart,
            "away for a while": self._leave,
            "programs killed": self._kill,
            "device full": self._fill,
            "key refused": self._refuse,
            "host key changed": self._change_key,
            "clock jumps": self.jump_clock,
        }

    def mend(self) -> None:
        self._machine.free_disk()
        self._server.let_in(True)
        self._server.trust()

    def _count(self) -> int:
        return int(10 ** self.chance.uniform(0, 5))

    def _hold(self, seconds: float) -> None:
        """Hold all bytes for some time."""
        self._proxy.freeze()
        _later(seconds, self._proxy.thaw)

    def _restart(self) -> None:
        self._server.stop()
        self._server.start()

    def _leave(self) -> None:
        self._server.stop()
        _later(AWAY_S, self._server.start)

    def _kill(self) -> None:
        for pid in self._server.programs():
            with suppress(ProcessLookupError):
                os.kill(pid, self.chance.choice(SIGNALS))

    def _fill(self) -> None:
        """Fill the disk, and remove our reusable files."""
        self._proxy.cut()
        for file in self._machine.home.rglob("*.tflite"):
            file.unlink(missing_ok=True)
        self._machine.fill_disk()

    def _refuse(self) -> None:
        self._server.let_in(False)
        self._proxy.cut()

    def _change_key(self) -> None:
        self._server.stop()
        self._server.new_host_key()
        self._server.start()


def survive_over_ssh(
    server: SshServer, path: Path, *, count: int, seed: int, python: str | None = None
) -> Survived:
    """Sweep with `count` faults of a machine; raise where measurements are lost.

    A `python` there measures in place of our runner.
    """
    address, config = server.address, server.config

    def connect() -> Device:
        if python is None:
            options = SshOptions(ssh_config=config)
            return QuickSshDevice(str(address), options, notify=lambda words: None)
        host = SshWorkerHost(lambda: quick_transport(address, config))
        return WorkerDevice(str(address), host, WorkerOptions(python=python))

    return survive(
        connect,
        SshFaults(server, random.Random(seed)),
        path,
        count=count,
        seed=seed,
    )


def _later(seconds: float, act: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()
