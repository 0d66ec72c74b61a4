"""Faults of a phone at random points of a sweep, and checks after each of them."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

from bench.backends.registry import get_backend
from bench.blocks.spec import BlockSpec
from bench.devices.android.adb.address import Address
from bench.devices.android.adb.connection import AdbConnection, Timeouts
from bench.devices.android.device import AdbDevice
from bench.devices.android.phone.options import PhoneOptions
from bench.devices.remote.connection import Connection
from bench.devices.remote.replicates.runner_session import MODEL_S
from bench.errors import DeviceError
from bench.protocol.device import Workload
from bench.protocol.progress import NoProgress
from bench.protocol.target import Target
from bench.sweep.planner import ListPlanner
from bench.sweep.run import run_sweep
from bench.sweep.store import SweepStore
from bench.timing.plan import SweepPlan
from tests.support.phone_control import PhoneControl

TIMEOUTS = Timeouts(connect_s=5.0, answer_s=10.0, confirm_s=2.0, reconnect_s=30.0)
SPECS = [
    BlockSpec.parse("mbconv-14x16-m48-o16-k3-s1-hswish-se8-r1"),
    BlockSpec.parse("stem-16x3-m0-o8-k3-s2-relu-se0-r0"),
    BlockSpec.parse("classifier-1x64-m0-o10-k1-s1-none-se0-r0"),
]
WORK = [Workload(role="block", blocks=(spec,)) for spec in SPECS]
ROUNDS, SAMPLES = 3, 2
SIGNALS = (signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM)
# From one round or error to the next: the longest timeout is that of a runner loading a model.
MOST_S = MODEL_S + 30.0


class Clock(datetime):
    """This machine's time of day, which is changed while a sweep runs."""

    ahead_s = 0.0

    @classmethod
    def jump(cls, seconds: float) -> None:
        cls.ahead_s += seconds

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return super().now(tz) + timedelta(seconds=cls.ahead_s)


class QuickDevice(AdbDevice):
    """A phone with short timeouts and short intervals between attempts to reconnect."""

    keys: Path

    def _connect(self) -> Connection:
        return AdbConnection.connect(
            Address.parse(self.address),
            timeouts=TIMEOUTS,
            keys=self.keys,
            sleep=lambda seconds: time.sleep(min(seconds, 0.05)),
        )


@dataclass
class Faults:
    """Causes faults and repairs lasting ones; `made` counts them by name."""

    phone: PhoneControl
    chance: random.Random
    made: dict[str, int] = field(default_factory=dict)
    refused: bool = False
    last: str = ""  # name of the last fault
    last_s: float = field(default_factory=time.monotonic)  # time of the last round or error
    longest_s: float = 0.0  # longest time between them

    def kinds(self) -> dict[str, Callable[[], None]]:
        return {
            "cut in what comes to the phone": lambda: self._cut(bytes_in=True),
            "cut in what the phone says": lambda: self._cut(bytes_in=False),
            "cut now": self.phone.cut,
            "output garbled": lambda: self.phone.garble_after(self.chance.randrange(30_000)),
            "daemon killed": self._restart,
            "runner killed": self._kill,
            "device full": self._fill,
            "reboot": self.phone.reboot,
            "authorisation refused": self._refuse,
            "clock jumps": lambda: Clock.jump(self.chance.choice((-86_400.0, 3_600.0))),
        }

    def make(self) -> None:
        """Cause a fault of a kind drawn so that all kinds are about equally frequent."""
        kinds = self.kinds()
        least = min(self.made.get(name, 0) for name in kinds)
        name = self.chance.choice([kind for kind in kinds if self.made.get(kind, 0) == least])
        self.made[name] = self.made.get(name, 0) + 1
        self.last = name
        kinds[name]()

    def progressed(self) -> None:
        """Check that no hang outlasts its timeouts."""
        now_s = time.monotonic()
        self.longest_s = max(self.longest_s, now_s - self.last_s)
        assert self.longest_s < MOST_S, f"after {self.last}"
        self.last_s = now_s

    def mend(self) -> None:
        """Repair as a user would: free space, allow debugging."""
        self.phone.free_disk()
        if self.refused:
            self.refused = False
            answer(self.phone, allow=True)

    def _cut(self, *, bytes_in: bool) -> None:
        count = int(10 ** self.chance.uniform(0, 5))
        if bytes_in:
            self.phone.cut_after(bytes_in=count)
        else:
            self.phone.cut_after(bytes_out=count)

    def _restart(self) -> None:
        self.phone.stop()
        self.phone.start()

    def _kill(self) -> None:
        for pid in self.phone.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, self.chance.choice(SIGNALS))

    def _fill(self) -> None:
        """Fill the disk, and remove our reusable files."""
        self.phone.cut()
        for file in (self.phone.root / "data/local/tmp").rglob("*.tflite"):
            file.unlink(missing_ok=True)
        self.phone.fill_disk()

    def _refuse(self) -> None:
        self.refused = True
        self.phone.forget_keys()
        answer(self.phone, allow=False)
        self.phone.cut()


def answer(phone: PhoneControl, *, allow: bool) -> None:
    """Answer the dialog when it appears; wait for that of a real daemon."""

    def later() -> None:
        # It did not appear, or another fault disconnected the phone before.
        with suppress(OSError, RuntimeError):
            phone.answer_dialog(allow)

    threading.Thread(target=later, daemon=True).start()


class FaultyProgress(NoProgress):
    """Causes a fault at a random time of about every other replicate, until there were enough."""

    def __init__(self, faults: Faults, wanted: int) -> None:
        self._faults = faults
        self._wanted = wanted
        self._next_in = 1

    def advance(self, steps: int = 1, note: str = "") -> None:
        del note
        self._faults.progressed()
        self._next_in -= max(0, steps)
        if self._next_in > 0 or sum(self._faults.made.values()) >= self._wanted:
            return
        self._next_in = self._faults.chance.randint(1, ROUNDS)
        if self._faults.chance.random() < 0.5:
            self._faults.make()
        else:  # during a round, not between two
            wait_s = 10 ** self._faults.chance.uniform(-3, -0.7)
            threading.Event().wait(wait_s)
            self._faults.make()


@dataclass(frozen=True)
class Survived:
    """Faults of a sweep, and how it survived them."""

    made: dict[str, int]
    resumed: int
    loads: int
    longest_s: float  # without a round or an error


def survive(phone: PhoneControl, keys: Path, path: Path, *, count: int, seed: int) -> Survived:
    """Sweep with `count` faults, resuming after each stop; raise where measurements are lost."""
    faults = Faults(phone, random.Random(seed))
    backend = get_backend("tflite")
    plan = SweepPlan(replicates=count, rounds=ROUNDS, samples=SAMPLES, seed=seed)
    QuickDevice.keys = keys
    with closing(_device(phone)) as device:
        target = Target(
            device=device.slug(),
            backend="tflite",
            backend_version=device.runtime_version(backend),
            cores="",
        )
    SweepStore.create(path, target, plan).close()
    kept: list[tuple[int, int, list[bytes]]] = []
    resumed = 0
    while True:
        progress = FaultyProgress(faults, count)
        try:
            with closing(_device(phone)) as device, SweepStore.resume(path, target, plan) as store:
                run_sweep(device, backend, target, ListPlanner(WORK), plan, store, progress)
            break
        except DeviceError:
            faults.progressed()
            faults.mend()
            resumed += 1
            assert resumed <= 3 * count, "the sweep makes no progress"
        kept = _check_kept(path, kept)
    _check_kept(path, kept)
    _check_complete(path, count)
    return Survived(faults.made, resumed, count, round(faults.longest_s, 1))


def _device(phone: PhoneControl) -> QuickDevice:
    return QuickDevice(phone.address, PhoneOptions(), notify=lambda words: None)


def _check_kept(
    path: Path, before: list[tuple[int, int, list[bytes]]]
) -> list[tuple[int, int, list[bytes]]]:
    """Check that finished replicates are unchanged, and new ones follow them."""
    with SweepStore.open(path) as store:
        now = [
            (
                replicate.group,
                replicate.number,
                [item.samples_ns.tobytes() for item in replicate.rounds],
            )
            for replicate in store.replicates()
        ]
    assert now[: len(before)] == before
    return now


def _check_complete(path: Path, count: int) -> None:
    """Check that every replicate exists once, with all rounds and every block."""
    with SweepStore.open(path) as store:
        replicates = store.replicates()
        measured = {m.workload.key: m for m in store.measurements() if m.workload.role == "block"}
    assert sorted(replicate.number for replicate in replicates) == list(range(count))
    assert all(len(replicate.rounds) >= ROUNDS for replicate in replicates)
    assert set(measured) == {item.key for item in WORK}
    assert all(item.replicates == count for item in measured.values())
