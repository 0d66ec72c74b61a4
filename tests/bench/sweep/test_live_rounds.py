"""Live counts of a sweep's rounds, and drift by its reference workloads."""

import numpy as np
import pytest

from bench.blocks.spec import BlockSpec
from bench.protocol.device import RoundResult, Workload
from bench.sweep.live_rounds import RoundCounts
from bench.timing.references import with_references

BLOCK = Workload(
    role="block", blocks=(BlockSpec(kind="stem", in_size=8, in_channels=3, out_channels=4),)
)
WORK = with_references([BLOCK])  # the block, then compute and memory in turn, three each


def round_result(
    block_ns: float, compute_ns: float, memory_ns: float, repeated_bursts: int = 0
) -> RoundResult:
    """Return a round with one sample per burst."""
    times = [block_ns, *[compute_ns, memory_ns] * 3]
    return RoundResult(
        samples_ns=np.array(times)[:, None],
        order=np.arange(len(times)),
        repeated_bursts=repeated_bursts,
    )


def test_drift_is_that_of_the_references_since_the_first_round() -> None:
    counts = RoundCounts()
    counts.begin(2)
    counts.begin_replicate()
    rounds = [round_result(50.0, 100.0, 400.0)]
    first = counts.after_round(rounds, WORK)
    rounds.append(round_result(999.0, 110.0, 440.0))
    second = counts.after_round(rounds, WORK)
    counts.begin_replicate()
    third = counts.after_round([round_result(50.0, 100.0, 441.0)], WORK)

    # Blocks do not count; compute is unchanged, memory 441 / 400: the root of their product.
    assert [first.drift, second.drift, third.drift] == pytest.approx([1.0, 1.1, 1.05])
    assert [(live.replicate, live.replicates) for live in (first, second, third)] == [
        (1, 2),
        (1, 2),
        (2, 2),
    ]


def test_counts_continue_over_replicates_and_replicates_restart_with_begin() -> None:
    counts = RoundCounts()
    counts.begin(2)
    counts.begin_replicate()
    rounds = [round_result(1, 100, 400, repeated_bursts=2) for _ in range(4)]
    rounds.append(
        round_result(1, 130, 400, repeated_bursts=3)
    )  # compute alone is 30 % slower: disturbed
    assert counts.after_round(rounds[:4], WORK).disturbed_rounds == 0
    last = counts.after_round(rounds, WORK)
    assert (last.disturbed_rounds, last.repeated_bursts) == (1, 11)

    counts.begin(1)
    counts.begin_replicate()
    after = counts.after_round(rounds[:1], WORK)
    assert (after.replicate, after.replicates, after.disturbed_rounds, after.repeated_bursts) == (
        1,
        1,
        1,
        13,
    )
