"""Bursts timed by a GPU's events, on a simulated GPU."""

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
    model = make_item(card, lambda: card.launch(cost_ns), recorded=recorded)
    return replace(model, held=held)


def timer(card: FakeGpu, *items: TimedModel, calls: int = 3) -> EventTimer:
    return EventTimer(card, items, calls, NoMonitor(), look=lambda: None, clock_ns=card.clock_ns)


def one_burst(made: EventTimer, place: int = 0) -> tuple[np.ndarray, bool]:
    into_ns = np.zeros(made.shape[1])
    sound = made.time_burst(place, into_ns)
    return into_ns, sound


def test_a_long_sample_is_timed_by_itself_cold_and_then_warm() -> None:
    card = FakeGpu()
    long = item(card, LONG_NS)

    into_ns, sound = one_burst(timer(card, long))

    call_ns = KERNEL_NS + LONG_NS + GRAPH_NS
    assert sound
    assert long.loops == 1
    assert into_ns == pytest.approx([call_ns + (COLD_FACTOR - 1) * LONG_NS, call_ns, call_ns])


def test_a_short_sample_is_repeated_within_one_graph() -> None:
    card = FakeGpu()
    short = item(card, SHORT_NS)

    into_ns, sound = one_burst(timer(card, short))

    assert sound
    assert short.loops == 9  # 50 us over a graph's 1 us and a kernel's 2 and 3
    assert "record 9" in card.log
    # Nine inferences share one launch of the graph.
    assert into_ns[1:] == pytest.approx([KERNEL_NS + SHORT_NS + GRAPH_NS / 9] * 2)


@pytest.mark.parametrize("cost_ns", [LONG_NS, SHORT_NS])
def test_a_model_is_kept_as_long_as_its_graph(cost_ns: float) -> None:
    """A graph holds no tensors; on a real GPU the model's memory would be reused."""
    card = FakeGpu()

    class Model:
        def run(self) -> None:
            card.launch(cost_ns)

    model = Model()
    model_ref = weakref.ref(model)
    made = make_item(card, model.run, recorded=True)
    del model
    gc.collect()

    assert model_ref() is not None
    del made
    gc.collect()
    assert model_ref() is None


def test_gaps_between_launches_are_not_timed_while_the_gpu_is_held() -> None:
    card = FakeGpu()

    into_ns, _ = one_burst(timer(card, item(card, SHORT_NS, recorded=False)))

    assert into_ns[1:] == pytest.approx([KERNEL_NS + SHORT_NS] * 2)


def test_the_latency_of_eager_launches_includes_the_hosts_time() -> None:
    card = FakeGpu()
    eager = item(card, 100.0, recorded=False, held=False)

    into_ns, _ = one_burst(timer(card, eager))

    # A launch takes the host longer than the kernel takes the GPU.
    assert into_ns[1] > LAUNCH_NS + QUEUE_NS
    assert into_ns[1] == pytest.approx(LAUNCH_NS + QUEUE_NS, rel=0.05)


def test_only_recorded_models_are_held() -> None:
    card = FakeGpu()

    models = [make_item(card, lambda: card.launch(SHORT_NS), recorded=r) for r in (True, False)]

    assert [model.held for model in models] == [True, False]


def test_a_burst_queued_too_late_is_disturbed_and_the_next_held_longer() -> None:
    card = FakeGpu()
    made = timer(card, item(card, SHORT_NS, recorded=False), calls=9)

    _, first = one_burst(made)
    assert made.mistimed(0)  # its gaps are not latency, so it does not count for percentiles
    for _ in range(4):
        _, later = one_burst(made)

    # 8 times 9 launches of 4.3 us take five times the first hold.
    assert LAUNCH_NS * 8 * 9 > FIRST_HOLD_NS
    assert (first, later) == (False, True)
    assert not made.mistimed(0)


def test_the_cache_is_flushed_before_each_burst_only() -> None:
    card = FakeGpu()
    made = timer(card, item(card, LONG_NS))
    card.log.clear()

    one_burst(made)

    assert card.log == ["flush", "hold", "wait"]


def test_rounds_are_interleaved_as_on_a_processor() -> None:
    card = FakeGpu()
    made = timer(card, *(item(card, cost_ns) for cost_ns in (LONG_NS, SHORT_NS)), calls=2)

    results = list(run_rounds(made, ReplicatePlan(rounds=3, samples=2, seed=1)))

    warm_ns = [KERNEL_NS + LONG_NS + GRAPH_NS, KERNEL_NS + SHORT_NS + GRAPH_NS / 9]
    assert [result.samples_ns[:, 1].tolist() for result in results] == [
        pytest.approx(warm_ns, rel=1e-6)
    ] * 3
    assert all(result.repeated_bursts == 0 for result in results)


def test_a_trial_returns_the_time_of_a_sample() -> None:
    card = FakeGpu()

    assert trial_ns(card, lambda: card.launch(LONG_NS)) == pytest.approx(KERNEL_NS + LONG_NS)


def test_the_warm_up_of_a_steady_gpu_takes_the_least_time() -> None:
    card = FakeGpu()

    spent_s = settle(card, lambda: card.launch(LONG_NS), lambda: 1_500, card.clock_s)

    assert LAST * ROUND_S <= spent_s < LAST * ROUND_S + 0.02


def test_the_warm_up_lasts_until_the_clock_is_steady() -> None:
    card = FakeGpu()

    def sm_mhz() -> int:
        return 1_000 + round(min(card.clock_s(), 2.0) * 1_000)

    spent_s = settle(card, lambda: card.launch(LONG_NS), sm_mhz, card.clock_s)

    assert 2.2 < spent_s < 2.4  # and as long as the last rounds take


def test_the_warm_up_lasts_until_latencies_are_steady() -> None:
    card = FakeGpu()

    def launch() -> None:
        card.slow = 2.0 - 0.5 * min(card.clock_s(), 1.0)
        card.launch(LONG_NS)

    # While latencies fall by over 1 % within the last rounds.
    assert 1.0 < settle(card, launch, lambda: None, card.clock_s) < 1.4


def test_the_warm_up_of_an_unsteady_gpu_has_a_limit() -> None:
    card = FakeGpu()
    clocks = iter(range(10**6))

    spent_s = settle(card, lambda: card.launch(LONG_NS), lambda: next(clocks), card.clock_s)

    assert MOST_S <= spent_s < MOST_S + 2 * ROUND_S
