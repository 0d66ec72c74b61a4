"""What a sweep shows of its passes: counts over loads, and the level by the references."""

import numpy as np
import pytest

from bench.blocks.spec import BlockSpec
from bench.protocol.device import RoundResult, Workload
from bench.sweep.live_rounds import RoundCounts
from bench.timing.references import with_references

BLOCK = Workload(
    role="block", blocks=(BlockSpec(kind="stem", in_size=8, in_channels=3, out_channels=4),)
)
WORK = with_references([BLOCK])  # the block, then compute and memory by turns, three of each


def taken(
    block_ns: float, compute_ns: float, memory_ns: float, repeated_bursts: int = 0
) -> RoundResult:
    """A pass of one call a visit."""
    times = [block_ns, *[compute_ns, memory_ns] * 3]
    return RoundResult(
        samples_ns=np.array(times)[:, None],
        order=np.arange(len(times)),
        repeated_bursts=repeated_bursts,
    )


def test_the_level_is_that_of_the_references_since_the_first_pass() -> None:
    looks = RoundCounts()
    looks.begin(2)
    looks.begin_replicate()
    passes = [taken(50.0, 100.0, 400.0)]
    first = looks.after_round(passes, WORK)
    passes.append(taken(999.0, 110.0, 440.0))
    second = looks.after_round(passes, WORK)
    looks.begin_replicate()
    third = looks.after_round([taken(50.0, 100.0, 441.0)], WORK)

    # The block's own time is no level; compute as at first and memory 441 / 400: the root of both.
    assert [first.drift, second.drift, third.drift] == pytest.approx([1.0, 1.1, 1.05])
    assert [(one.replicate, one.replicates) for one in (first, second, third)] == [
        (1, 2),
        (1, 2),
        (2, 2),
    ]


def test_counts_go_on_over_loads_and_loads_begin_anew_each_round() -> None:
    looks = RoundCounts()
    looks.begin(2)
    looks.begin_replicate()
    passes = [taken(1, 100, 400, repeated_bursts=2) for _ in range(4)]
    passes.append(taken(1, 130, 400, repeated_bursts=3))  # compute alone is 30 % slower: marked
    assert looks.after_round(passes[:4], WORK).disturbed_rounds == 0
    last = looks.after_round(passes, WORK)
    assert (last.disturbed_rounds, last.repeated_bursts) == (1, 11)

    looks.begin(1)
    looks.begin_replicate()
    after = looks.after_round(passes[:1], WORK)
    assert (after.replicate, after.replicates, after.disturbed_rounds, after.repeated_bursts) == (
        1,
        1,
        1,
        13,
    )
