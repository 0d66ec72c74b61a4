"""Sweeps on a device that disconnects or throttles lose nothing and keep nothing twice."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from bench.backends.fake import FakeBackend
from bench.blocks.spec import BlockSpec
from bench.devices.fake import FakeDevice, SimulatedDisturbances
from bench.errors import DeviceError, DeviceLostError
from bench.protocol.backend import Backend
from bench.protocol.device import THROTTLED, ReplicatePlan, RoundResult, Workload
from bench.protocol.progress import NoProgress
from bench.protocol.target import Target
from bench.sweep.planner import ListPlanner
from bench.sweep.replicates import REPLICATE_TRIES
from bench.sweep.run import run_sweep
from bench.sweep.store import SweepStore
from bench.sweep.summary import summarise
from bench.timing.plan import SweepPlan

TARGET = Target(device="fake", backend="fake", backend_version="1")
PLAN = SweepPlan(replicates=2, rounds=3, samples=2)
WORK = [
    Workload(
        role="block",
        blocks=(BlockSpec(kind="stem", in_size=8, in_channels=width, out_channels=8),),
    )
    for width in (8, 16, 24)
]


@dataclass(frozen=True, kw_only=True)
class BreakingDevice(FakeDevice):
    """Device that is lost, or throttled, in rounds at given positions over its lifetime."""

    flaws: SimulatedDisturbances = SimulatedDisturbances(level=0.1)  # noqa: RUF009
    breaks: frozenset[int] = frozenset()
    throttled: frozenset[int] = frozenset()
    tries: list[int] = field(default_factory=list)

    def run_replicate(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: ReplicatePlan
    ) -> Generator[RoundResult]:
        for result in super().run_replicate(work, backend, target, plan):
            place = len(self.tries)
            self.tries.append(place)
            if place in self.breaks:
                raise DeviceLostError("the cable was pulled")
            hot = place in self.throttled
            samples_ns = result.samples_ns * (2 if hot else 1)
            yield replace(result, samples_ns=samples_ns, facts={**result.facts, THROTTLED: hot})


class Counter(NoProgress):
    def __init__(self) -> None:
        self.done = 0
        self.notes: list[str] = []

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.done += steps
        self.notes.append(note)


def sweep(path: Path, device: FakeDevice, progress: Counter) -> None:
    with SweepStore.create(path, TARGET, PLAN) as store:
        run_sweep(device, FakeBackend(), TARGET, ListPlanner(WORK), PLAN, store, progress)


def samples(path: Path) -> list[list[bytes]]:
    with SweepStore.open(path) as store:
        return [
            [measured_round.samples_ns.tobytes() for measured_round in replicate.rounds]
            for replicate in store.replicates()
        ]


@pytest.mark.slow
def test_a_replicate_that_failed_is_repeated_with_the_same_samples(tmp_path: Path) -> None:
    steady, broken = Counter(), Counter()
    sweep(tmp_path / "steady", BreakingDevice(), steady)

    # The first replicate fails before its second round, the second before its first and last.
    sweep(tmp_path / "broken", BreakingDevice(breaks=frozenset({1, 5, 8})), broken)

    assert samples(tmp_path / "broken") == samples(tmp_path / "steady")
    assert steady.done == broken.done == 6
    assert [note for note in broken.notes if "repeated: the cable was pulled" in note]


@pytest.mark.slow
def test_a_device_that_stays_lost_ends_the_sweep_and_keeps_finished_replicates(
    tmp_path: Path,
) -> None:
    device = BreakingDevice(breaks=frozenset(range(4, 100)))

    with pytest.raises(
        DeviceError, match=rf"replicate 2 failed {REPLICATE_TRIES} times.*cable"
    ) as caught:
        sweep(tmp_path / "a", device, Counter())

    assert not isinstance(caught.value, DeviceLostError)
    with SweepStore.open(tmp_path / "a") as store:
        finished = [(replicate.number, len(replicate.rounds)) for replicate in store.replicates()]
    assert finished == [(0, 3)]
    assert len(device.tries) == 3 + 1 + REPLICATE_TRIES  # one round of replicate 2 ended before


def test_throttled_rounds_are_disturbed_repeated_and_left_out(tmp_path: Path) -> None:
    sweep(tmp_path / "a", BreakingDevice(throttled=frozenset({1})), Counter())

    with SweepStore.open(tmp_path / "a") as store:
        assert [len(replicate.rounds) for replicate in store.replicates()] == [4, 3]
        assert summarise(store).disturbed_rounds == 1
        result = store.measurements()[0]
    # The throttled round took twice as long as the others, which are equal.
    assert result.samples_ns.shape == (2, 3, 2)
    assert np.ptp(result.samples_ns[0, :, 1]) <= 1  # 1 ns by rounding
