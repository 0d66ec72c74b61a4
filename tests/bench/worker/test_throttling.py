"""Throttling of the worker's own machine: marked in a round's facts, waited for, not guessed."""

from collections.abc import Iterator
from subprocess import TimeoutExpired

import numpy as np
import pytest

from bench.devices.ssh.board.state import BoardState
from bench.protocol.device import THROTTLED, RoundResult, Workload
from bench.timing.references import COMPUTE
from bench.worker.throttling import ThrottlingWatch, read_state
from tests.support.clocks import FakeClock

WORK = [COMPUTE, Workload(role="model", file="a")]


def measured(ns: float = 100.0, **facts: float | int | None) -> RoundResult:
    """A round whose compute reference takes `ns`; its first sample is cold."""
    return RoundResult(
        samples_ns=np.array([[1e6, ns], [5.0, 5.0]]), order=np.array([0, 1]), facts=facts
    )


class Machine:
    """A machine whose clock advances by `round_s` with each round."""

    def __init__(self, *states: BoardState, round_s: float = 1.0) -> None:
        self.clock = FakeClock()
        self._states, self._round_s = list(states), round_s
        self._watch = ThrottlingWatch(self.read, self.clock)

    def read(self) -> BoardState:
        return self._states.pop(0) if len(self._states) > 1 else self._states[0]

    def rounds(self, *results: RoundResult, cores: str = "0") -> list[RoundResult]:
        return list(self._watch.watched(self._timed(results), WORK, cores))

    def _timed(self, results: tuple[RoundResult, ...]) -> Iterator[RoundResult]:
        for result in results:
            self.clock.sleep_quietly(self._round_s)
            yield result


def verdicts(results: list[RoundResult]) -> list[object]:
    return [result.facts["throttled_by"] for result in results]


def test_a_cool_machine_is_not_throttled() -> None:
    machine = Machine(BoardState(temperatures_c={"cpu": 40.0}))

    results = machine.rounds(measured(load_average=0.5), measured(105.0), measured(109.0))

    assert verdicts(results) == [None] * 3
    assert [result.facts[THROTTLED] for result in results] == [False] * 3
    assert results[0].facts["load_average"] == 0.5
    assert machine.clock.slept_s == 0.0


def test_a_clock_that_fell_is_throttling_and_the_next_round_waits() -> None:
    cool, hot = (BoardState(temperatures_c={"cpu": celsius}) for celsius in (40.0, 80.0))
    machine = Machine(cool, hot, hot, cool)

    results = machine.rounds(
        measured(frequency_now_khz=1_800_000),
        measured(frequency_now_khz=1_500_000),
        measured(frequency_now_khz=1_800_000),
    )

    assert verdicts(results) == [None, "the clock is 1.50 GHz, it was 1.80 GHz", None]
    assert [result.facts["cooled_s"] for result in results] == [0.0, 0.0, 10.0]
    assert machine.clock.slept_s == 10.0


def test_the_clock_of_another_core_does_not_count() -> None:
    machine = Machine(BoardState(temperatures_c={"cpu": 40.0}))
    clocks = (1_800_000, 600_000)

    results = machine.rounds(*(measured(frequency_now_khz=khz) for khz in clocks), cores="2,3")

    assert verdicts(results) == [None, None]


def test_what_the_firmware_reports_counts_and_is_read_every_20_s() -> None:
    fine = BoardState(temperatures_c={"cpu": 40.0})
    slow = BoardState(temperatures_c={"cpu": 40.0}, slowed_by=("the firmware throttles",))
    machine = Machine(fine, slow, round_s=3.0)

    results = machine.rounds(*[measured()] * 8)

    assert verdicts(results) == [*[None] * 6, *["the firmware throttles"] * 2]


@pytest.mark.parametrize(
    ("celsius", "reason"), [(80.0, "the compute reference takes 20% longer"), (42.0, None)]
)
def test_a_slow_reference_counts_on_a_hot_machine_only(celsius: float, reason: str | None) -> None:
    machine = Machine(BoardState(temperatures_c={"cpu": 40.0}))

    results = machine.rounds(measured(), measured(120.0, temperature_c=celsius))

    assert verdicts(results) == [None, reason]


def test_of_bursts_of_one_sample_that_one_counts() -> None:
    machine = Machine(BoardState(temperatures_c={"cpu": 80.0}), BoardState())
    rounds = [
        RoundResult(
            samples_ns=np.array([[ns], [5.0]]),
            order=np.array([0, 1]),
            facts={"temperature_c": 90.0},
        )
        for ns in (100.0, 120.0)
    ]

    assert verdicts(machine.rounds(*rounds)) == [None, "the compute reference takes 20% longer"]


def test_clocks_are_compared_with_earlier_replicates_on_the_same_cores() -> None:
    fast, slow = measured(frequency_now_khz=1_800_000), measured(frequency_now_khz=1_500_000)
    machine = Machine(BoardState(temperatures_c={"cpu": 40.0}))
    machine.rounds(fast)
    assert verdicts(machine.rounds(slow)) == ["the clock is 1.50 GHz, it was 1.80 GHz"]

    assert verdicts(machine.rounds(slow, cores="0,1")) == [None]


@pytest.mark.parametrize("error", [TimeoutExpired("sh", 30.0), FileNotFoundError("sh")])
def test_a_state_that_cannot_be_read_is_unknown(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(*args: object, **more: object) -> None:
        raise error

    monkeypatch.setattr("bench.worker.throttling.run", fails)

    assert read_state() == BoardState()


def test_where_nothing_is_known_nothing_is_guessed() -> None:
    """On a virtual machine a slow reference is the neighbours' work."""
    machine = Machine(BoardState())

    assert verdicts(machine.rounds(measured(), measured(300.0))) == [None, None]


def test_the_state_of_this_machine_can_be_read() -> None:
    assert read_state().memory_total_bytes is not None
