"""Faults of a device at random points of a sweep, and checks after each of them."""

import random
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

from bench.backends.registry import get_backend
from bench.blocks.spec import BlockSpec
from bench.devices.remote.replicates.runner_session import MODEL_S
from bench.errors import DeviceError
from bench.protocol.device import Device, Workload
from bench.protocol.progress import NoProgress
from bench.protocol.target import Target
from bench.sweep.planner import ListPlanner
from bench.sweep.run import run_sweep
from bench.sweep.store import SweepStore
from bench.timing.plan import SweepPlan

SPECS = [
    BlockSpec.parse("mbconv-14x16-m48-o16-k3-s1-hswish-se8-r1"),
    BlockSpec.parse("stem-16x3-m0-o8-k3-s2-relu-se0-r0"),
    BlockSpec.parse("classifier-1x64-m0-o10-k1-s1-none-se0-r0"),
]
WORK = [Workload(role="block", blocks=(spec,)) for spec in SPECS]
ROUNDS, SAMPLES = 3, 2
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


class Faults(ABC):
    """Causes faults and repairs lasting ones; `made` counts them by name."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.made: dict[str, int] = {}
        self.last = ""  # name of the last fault
        self.last_s = time.monotonic()  # time of the last round or error
        self.longest_s = 0.0  # longest time between them

    @abstractmethod
    def kinds(self) -> dict[str, Callable[[], None]]:
        """Return what causes each kind of fault, by its name."""

    @abstractmethod
    def mend(self) -> None:
        """Repair as a user would: free space, let this machine in."""

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

    def jump_clock(self) -> None:
        """Change this machine's time of day."""
        Clock.jump(self.chance.choice((-86_400.0, 3_600.0)))


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


def survive(
    connect: Callable[[], Device], faults: Faults, path: Path, *, count: int, seed: int
) -> Survived:
    """Sweep with `count` faults, resuming after each stop; raise where measurements are lost."""
    backend = get_backend("tflite")
    plan = SweepPlan(replicates=count, rounds=ROUNDS, samples=SAMPLES, seed=seed)
    with closing(connect()) as device:
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
            with closing(connect()) as device, SweepStore.resume(path, target, plan) as store:
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
