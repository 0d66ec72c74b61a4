"""`time_rounds` on a simulated machine whose durations the test decides."""

import gc
from collections.abc import Callable

import numpy as np
import pytest

from bench.errors import InputError
from bench.protocol.device import ReplicatePlan, RoundResult
from bench.timing.host_bursts import clock_cost_ns, time_rounds
from bench.timing.interleaving import RETAKE_ROUNDS, collector_off

US = 1_000  # ns


class FakeMachine:
    """Calls, clock and disturbance monitor of a machine: a call moves the clock by its cost."""

    def __init__(self, tick_ns: int = 0) -> None:
        self.now_ns = 0
        self.log: list[str] = []
        self.switch_out: Callable[[str], bool] = lambda _: False
        self.steal_at_ns: list[int] = []
        self.steal_tick_ns = 0  # how often `stolen` has an answer
        self._tick_ns = tick_ns  # what reading the clock costs
        self._switched = False
        self._checked_ns = 0

    def call(self, name: str, warm_us: float, cold_us: float | None = None) -> Callable[[], None]:
        def run() -> None:
            warm = cold_us is None or (self.log and self.log[-1] == name)
            self.now_ns += round(US * (warm_us if warm or cold_us is None else cold_us))
            self.log.append(name)
            self._switched |= self.switch_out(name)

        return run

    def clock_ns(self) -> int:
        self.now_ns += self._tick_ns
        return self.now_ns

    def reset(self) -> None:
        self._checked_ns = self.now_ns
        self._switched = False

    def begin(self) -> None:
        self._switched = False

    def preempted(self) -> bool:
        return self._switched

    def stolen(self, *, last: bool = False) -> bool | None:
        if self.now_ns - self._checked_ns < self.steal_tick_ns and not last:
            return None
        since, self._checked_ns = self._checked_ns, self.now_ns
        return any(since < at <= self.now_ns for at in self.steal_at_ns)

    def rounds(self, calls: list[Callable[[], None]], plan: ReplicatePlan) -> list[RoundResult]:
        return list(time_rounds(calls, plan, clock_ns=self.clock_ns, watch=self))


def test_the_first_sample_of_a_burst_is_cold_and_the_last_warm() -> None:
    machine = FakeMachine()
    calls = [machine.call("a", 20, cold_us=30), machine.call("b", 50, cold_us=80)]

    rounds = machine.rounds(calls, ReplicatePlan(rounds=9, samples=3))

    samples_ns = np.stack([measured_round.samples_ns for measured_round in rounds])
    assert samples_ns.shape == (9, 2, 3)
    # Two bursts of the same call may meet where a round ends and the next begins.
    assert np.median(samples_ns, axis=0).tolist() == [[30e3, 20e3, 20e3], [80e3, 50e3, 50e3]]


@pytest.mark.slow
def test_every_round_runs_all_in_a_new_order_that_the_seed_decides() -> None:
    def orders(seed: int) -> list[list[int]]:
        machine = FakeMachine()
        calls = [machine.call(str(i), 1) for i in range(8)]
        plan = ReplicatePlan(rounds=3, samples=2, seed=seed)
        return [measured_round.order.tolist() for measured_round in machine.rounds(calls, plan)]

    first = orders(1)
    assert first == orders(1)
    assert first != orders(2)
    assert first[0] != first[1]
    assert all(sorted(order) == list(range(8)) for order in first)


def test_a_preempted_burst_is_repeated_after_all_others() -> None:
    machine = FakeMachine()
    calls = [machine.call(str(i), 10, cold_us=15) for i in range(5)]
    seen: list[str] = []

    def once(name: str) -> bool:
        seen.append(name)
        return (
            name == "3" and seen.count("3") == 4
        )  # two untimed calls, then the second sample of a burst

    machine.switch_out = once
    (result,) = machine.rounds(calls, ReplicatePlan(rounds=1, samples=3))

    assert result.repeated_bursts == 1
    assert result.order[-1] == 3
    assert len(result.order) == 6
    assert result.facts["disturbed_visits_kept"] == 0
    assert result.samples_ns[3].tolist() == [15e3, 10e3, 10e3]
    assert result.disturbed_ns is not None
    assert result.disturbed_ns.tolist() == [[15e3, 10e3, 10e3]]


def test_samples_of_repeated_bursts_are_kept_in_order() -> None:
    machine = FakeMachine()
    calls_made: dict[str, int] = {}

    def call(name: str) -> Callable[[], None]:
        def run() -> None:
            calls_made[name] = calls_made.get(name, 0) + 1
            machine.now_ns += 1000 * int(name) + calls_made[name]  # unique durations
            machine.log.append(name)
            machine._switched |= name in {"1", "3"} and calls_made[name] < 5

        return run

    (result,) = machine.rounds(
        [call("1"), call("20"), call("3")], ReplicatePlan(rounds=1, samples=1)
    )

    # Two untimed calls each; the third and fourth of 1 and 3 are disturbed, the fifth counts.
    assert result.samples_ns.tolist() == [[1005.0], [20003.0], [3005.0]]
    assert result.repeated_bursts == 4
    assert result.disturbed_ns is not None
    seen: dict[int, int] = {}
    expected = []
    for place in result.order.tolist():
        seen[place] = seen.get(place, 2) + 1
        if place != 1 and seen[place] < 5:
            expected.append([1000.0 * (place + 1) + seen[place]])
    assert result.disturbed_ns.tolist() == expected
    assert len(expected) == 4


def test_a_burst_repeated_right_after_itself_begins_cold() -> None:
    machine = FakeMachine()
    calls = [machine.call(str(i), 10, cold_us=15) for i in range(3)]
    order = machine.rounds(calls, ReplicatePlan(rounds=1, samples=2, seed=4))[0].order.tolist()
    last = str(order[-1])
    again = FakeMachine()
    calls = [again.call(str(i), 10, cold_us=15) for i in range(3)]
    again.switch_out = lambda name: name == last and again.log.count(last) == 4

    (result,) = again.rounds(calls, ReplicatePlan(rounds=1, samples=2, seed=4))

    assert result.order.tolist() == [*order, int(last)]
    assert result.samples_ns[int(last)].tolist() == [15e3, 10e3]


def test_a_repeated_burst_of_a_single_sample_begins_cold() -> None:
    machine = FakeMachine()
    calls = [machine.call("0", 10, cold_us=15), machine.call("1", 10, cold_us=15)]
    order = machine.rounds(calls, ReplicatePlan(rounds=1, samples=1, seed=4))[0].order.tolist()
    last = str(order[-1])
    again = FakeMachine()
    calls = [again.call(str(i), 10, cold_us=15) for i in range(2)]
    again.switch_out = lambda name: name == last and again.log.count(last) == 3

    (result,) = again.rounds(calls, ReplicatePlan(rounds=1, samples=1, seed=4))

    assert result.order.tolist() == [*order, int(last)]
    assert result.samples_ns[int(last)].tolist() == [15e3]


def test_a_single_workload_is_repeated_without_a_call_between() -> None:
    machine = FakeMachine()
    calls = [machine.call("0", 10)]
    machine.switch_out = lambda _: len(machine.log) == 3  # two untimed calls, then the first burst

    (result,) = machine.rounds(calls, ReplicatePlan(rounds=1, samples=1))

    assert result.order.tolist() == [0, 0]
    assert len(machine.log) == 2 + 2


def test_a_burst_that_stays_disturbed_is_kept_after_a_few_attempts_and_counted() -> None:
    machine = FakeMachine()
    machine.switch_out = lambda name: name == "1"
    calls = [machine.call(str(i), 10) for i in range(20)]

    (result,) = machine.rounds(calls, ReplicatePlan(rounds=1, samples=1))

    assert result.repeated_bursts == RETAKE_ROUNDS
    assert result.facts["disturbed_visits_kept"] == 1
    assert result.disturbed_ns is not None
    assert result.disturbed_ns.shape == (RETAKE_ROUNDS, 1)  # the last burst counts


def test_repeated_bursts_at_most_double_the_time_of_a_round() -> None:
    machine = FakeMachine()
    machine.switch_out = lambda _: True
    calls = [machine.call(str(i), 10) for i in range(20)]

    (result,) = machine.rounds(calls, ReplicatePlan(rounds=1, samples=1))

    assert result.repeated_bursts == 20
    assert result.facts["disturbed_visits_kept"] == 20


def test_stolen_time_disturbs_all_bursts_since_the_last_check() -> None:
    plain = FakeMachine()
    plain.steal_tick_ns = 30 * US
    calls = [plain.call(str(i), 10) for i in range(6)]
    order = plain.rounds(calls, ReplicatePlan(rounds=1, samples=1))[0].order.tolist()
    robbed = FakeMachine()
    robbed.steal_tick_ns = 30 * US
    calls = [robbed.call(str(i), 10) for i in range(6)]
    begin_ns = 12 * 10 * US  # each call runs twice before the first round
    robbed.steal_at_ns = [begin_ns + 45 * US]  # in the fifth burst, reported after the sixth

    (result,) = robbed.rounds(calls, ReplicatePlan(rounds=1, samples=1))

    assert result.repeated_bursts == 3
    assert sorted(result.order[6:].tolist()) == sorted(order[3:])


def test_short_calls_are_looped_and_long_calls_are_not() -> None:
    machine = FakeMachine(tick_ns=50)
    calls = [machine.call("short", 1), machine.call("long", 100)]

    (result,) = machine.rounds(calls, ReplicatePlan(rounds=1, samples=1))

    assert clock_cost_ns(machine.clock_ns) == 50
    # 50 ns are 1 % of 5 us: five calls of 1.05 us at the least, as the clock sees them.
    assert machine.log.count("short") == 2 + 5
    assert machine.log.count("long") == 2 + 1
    assert result.samples_ns[0, 0] == pytest.approx(1000, rel=0.011)
    assert result.samples_ns[1, 0] == pytest.approx(100_000, rel=0.011)


def test_a_call_below_the_clocks_resolution_is_timed_once() -> None:
    machine = FakeMachine()

    (result,) = machine.rounds([machine.call("nothing", 0)], ReplicatePlan(rounds=1, samples=2))

    assert result.samples_ns.tolist() == [[0.0, 0.0]]
    assert len(machine.log) == 2 + 2


def test_garbage_collection_is_off_while_a_round_is_timed() -> None:
    states: list[bool] = []
    calls = [lambda: states.append(gc.isenabled())]
    rounds = time_rounds(calls, ReplicatePlan(rounds=2, samples=1))

    next(rounds)
    assert gc.isenabled()
    next(rounds)

    assert gc.isenabled()
    assert states[-2:] == [False, False]


def test_a_garbage_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with collector_off():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.parametrize("plan", [{"rounds": 0}, {"samples": 0}, {"samples": -1}])
def test_a_plan_that_times_nothing_is_refused(plan: dict[str, int]) -> None:
    with pytest.raises(InputError, match="must be at least 1"):
        next(time_rounds([lambda: None], ReplicatePlan(**plan)))
