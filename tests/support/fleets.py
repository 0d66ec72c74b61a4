"""Fleets of simulated devices, and a watcher that remembers what it was shown."""

import threading
from pathlib import Path

import pytest

from bench.protocol.progress import NoProgress
from ofabench.options.device import DeviceOptions
from ofabench.options.fleet import Fleet, FleetMember
from ofabench.workflows.fleet.watcher import MemberWatcher
from tests.support.plugin_package import install_plugin

LOSING_DEVICE = '''
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from bench.devices.fake import FakeDevice
from bench.errors import DeviceError, DeviceLostError

replicates = []

@dataclass(frozen=True, slots=True, kw_only=True)
class Losing(FakeDevice):
    """The fake device; its connection breaks, or its process dies, while a file says so."""

    address: str

    def slug(self):
        if Path(self.address.partition(":")[2] + ".away").exists():
            raise DeviceError(f"{self.address} is away")
        return "losing"

    def run_replicate(self, work, backend, target, plan):
        state = Path(self.address.partition(":")[2])
        replicates.append(plan.seed)
        for result in FakeDevice.run_replicate(self, work, backend, target, plan):
            if len(replicates) > 1 and state.exists():
                if state.suffix == ".kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                raise DeviceLostError(f"{self.address} went away")
            yield result

def make(address):
    return Losing(address=address)
'''


def install_losing_device(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make devices `mine:FILE` known here and in worker processes.

    Such a device goes away after its first replicate while FILE exists; if the name ends in .kill,
    its process dies. It cannot be reached while FILE.away exists.
    """
    monkeypatch.syspath_prepend(install_plugin(folder, device=LOSING_DEVICE))


def fake_fleet(*addresses: str, at_once: int | None = None) -> Fleet:
    """Return a fleet of the fake backend, its members named `a`, `b`, ... in this order."""
    return Fleet(
        members=tuple(
            FleetMember(
                name=chr(ord("a") + place),
                device=DeviceOptions(device=address),
                backend="fake",
                threads=place + 1,
            )
            for place, address in enumerate(addresses)
        ),
        at_once=at_once,
    )


class WatchedMember(NoProgress):
    """Remembers what a member shows."""

    def __init__(self, fleet: "WatchedFleet") -> None:
        self._fleet = fleet
        self.ended = ""
        self.steps = 0
        self.waited_for: list[str] = []

    def start(self, total: int, what: str) -> None:
        self._fleet.started.release()

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.steps += steps

    def show_waiting(self, text: str) -> None:
        self.waited_for.append(text)

    def say(self, line: str) -> None:
        self._fleet.notes.append(line)

    def end(self, how: str) -> None:
        self.ended = how


class WatchedFleet:
    """A fleet's watcher that remembers; `started` counts the stages that members began."""

    def __init__(self) -> None:
        self.members: dict[str, WatchedMember] = {}
        self.started = threading.Semaphore(0)
        self.notes: list[str] = []

    def member(self, name: str, address: str) -> MemberWatcher:
        del address
        self.members[name] = WatchedMember(self)
        return self.members[name]

    def ends(self) -> dict[str, str]:
        """Return how each member ended, by name."""
        return {name: member.ended for name, member in self.members.items()}
