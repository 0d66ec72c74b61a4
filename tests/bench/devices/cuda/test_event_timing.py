"""Visits timed by a card's marks, on a card that is computed."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest

from bench.devices.cuda.event_timing import (
    FIRST_HOLD_NS,
    EventTimer,
    TimedModel,
    make_item,
    trial_ns,
)
from bench.devices.cuda.warmup import LAST, MOST_S, ROUND_S, settle
from bench.protocol.device import ReplicatePlan
from bench.timing.interleaving import NoMonitor, run_rounds
from tests.support.fake_gpu import COLD_FACTOR, GRAPH_NS, KERNEL_NS, LAUNCH_NS, QUEUE_NS, FakeGpu

LONG_NS, SHORT_NS = 200_000.0, 3_000.0


def item(card: FakeGpu, cost_ns: float, *, recorded: bool = True, held: bool = True) -> TimedModel:
    made = make_item(card, lambda: card.launch(cost_ns), recorded=recorded)
    return replace(made, held=held)


def visits(card: FakeGpu, *items: TimedModel, calls: int = 3) -> EventTimer:
    return EventTimer(card, items, calls, NoMonitor(), look=lambda: None, clock_ns=card.clock_ns)


def one_visit(made: EventTimer, place: int = 0) -> tuple[np.ndarray, bool]:
    into_ns = np.zeros(made.shape[1])
    sound = made.time_burst(place, into_ns)
    return into_ns, sound


def test_a_long_call_is_timed_by_itself_cold_and_then_warm() -> None:
    card = FakeGpu()
    long = item(card, LONG_NS)

    into_ns, sound = one_visit(visits(card, long))

    call_ns = KERNEL_NS + LONG_NS + GRAPH_NS
    assert sound
    assert long.loops == 1
    assert into_ns == pytest.approx([call_ns + (COLD_FACTOR - 1) * LONG_NS, call_ns, call_ns])


def test_a_short_call_is_repeated_within_one_graph() -> None:
    card = FakeGpu()
    short = item(card, SHORT_NS)

    into_ns, sound = one_visit(visits(card, short))

    assert sound
    assert short.loops == 9  # 50 us over a graph's 1 us and a kernel's 2 and 3
    assert "record 9" in card.log
    # One graph launch is shared by nine calls.
    assert into_ns[1:] == pytest.approx([KERNEL_NS + SHORT_NS + GRAPH_NS / 9] * 2)


@pytest.mark.parametrize("cost_ns", [LONG_NS, SHORT_NS])
def test_what_a_graph_reads_is_kept_for_as_long_as_the_graph(cost_ns: float) -> None:
    """A graph keeps no tensor; on a real card its model's memory was given to others."""
    card = FakeGpu()

    class Model:
        def run(self) -> None:
            card.launch(cost_ns)

    model = Model()
    gone = weakref.ref(model)
    made = make_item(card, model.run, recorded=True)
    del model
    gc.collect()

    assert gone() is not None
    del made
    gc.collect()
    assert gone() is None


def test_no_gap_of_the_hosts_is_timed_while_the_card_is_held() -> None:
    card = FakeGpu()

    into_ns, _ = one_visit(visits(card, item(card, SHORT_NS, recorded=False)))

    assert into_ns[1:] == pytest.approx([KERNEL_NS + SHORT_NS] * 2)


def test_launched_one_by_one_the_hosts_time_is_the_latency() -> None:
    card = FakeGpu()
    eager = item(card, 100.0, recorded=False, held=False)

    into_ns, _ = one_visit(visits(card, eager))

    # The host takes longer for a launch than the card for the kernel.
    assert into_ns[1] > LAUNCH_NS + QUEUE_NS
    assert into_ns[1] == pytest.approx(LAUNCH_NS + QUEUE_NS, rel=0.05)


def test_only_what_is_recorded_is_held() -> None:
    card = FakeGpu()

    made = [make_item(card, lambda: card.launch(SHORT_NS), recorded=r) for r in (True, False)]

    assert [one.held for one in made] == [True, False]


def test_a_visit_that_was_not_queued_in_time_is_disturbed_and_held_longer_next() -> None:
    card = FakeGpu()
    made = visits(card, item(card, SHORT_NS, recorded=False), calls=9)

    _, first = one_visit(made)
    assert made.mistimed(0)  # the gaps in it are no latency: no tail holds them
    for _ in range(4):
        _, later = one_visit(made)

    # 8 times 9 launches of 4.3 us take five times the first hold.
    assert LAUNCH_NS * 8 * 9 > FIRST_HOLD_NS
    assert (first, later) == (False, True)
    assert not made.mistimed(0)


def test_the_cache_is_flushed_before_each_visit_and_not_within() -> None:
    card = FakeGpu()
    made = visits(card, item(card, LONG_NS))
    card.log.clear()

    one_visit(made)

    assert card.log == ["flush", "hold", "wait"]


def test_passes_run_on_it_as_on_a_processor() -> None:
    card = FakeGpu()
    made = visits(card, *(item(card, cost_ns) for cost_ns in (LONG_NS, SHORT_NS)), calls=2)

    results = list(run_rounds(made, ReplicatePlan(rounds=3, samples=2, seed=1)))

    warm_ns = [KERNEL_NS + LONG_NS + GRAPH_NS, KERNEL_NS + SHORT_NS + GRAPH_NS / 9]
    assert [result.samples_ns[:, 1].tolist() for result in results] == [
        pytest.approx(warm_ns, rel=1e-6)
    ] * 3
    assert all(result.repeated_bursts == 0 for result in results)


def test_a_trial_tells_what_a_call_takes() -> None:
    card = FakeGpu()

    assert trial_ns(card, lambda: card.launch(LONG_NS)) == pytest.approx(KERNEL_NS + LONG_NS)


def test_a_steady_card_is_left_after_the_least_time() -> None:
    card = FakeGpu()

    spent_s = settle(card, lambda: card.launch(LONG_NS), lambda: 1_500, card.clock_s)

    assert LAST * ROUND_S <= spent_s < LAST * ROUND_S + 0.02


def test_a_card_whose_clock_still_rises_is_waited_for() -> None:
    card = FakeGpu()

    def sm_mhz() -> int:
        return 1_000 + round(min(card.clock_s(), 2.0) * 1_000)

    spent_s = settle(card, lambda: card.launch(LONG_NS), sm_mhz, card.clock_s)

    assert 2.2 < spent_s < 2.4  # and as long as the last rounds take


def test_a_card_that_still_gets_faster_is_waited_for() -> None:
    card = FakeGpu()

    def launch() -> None:
        card.slow = 2.0 - 0.5 * min(card.clock_s(), 1.0)
        card.launch(LONG_NS)

    # By 1 % in less than the last rounds take, for as long as it does.
    assert 1.0 < settle(card, launch, lambda: None, card.clock_s) < 1.4


def test_a_card_that_never_settles_is_left_in_the_end() -> None:
    card = FakeGpu()
    clocks = iter(range(10**6))

    spent_s = settle(card, lambda: card.launch(LONG_NS), lambda: next(clocks), card.clock_s)

    assert MOST_S <= spent_s < MOST_S + 2 * ROUND_S
