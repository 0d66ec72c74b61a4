"""What a sweep shows of its passes: counts over loads, and the level by the references."""

import numpy as np
import pytest

from bench.blocks.spec import BlockSpec
from bench.protocol.device import PassResult, Workload
from bench.sweep.live_rounds import PassLooks
from bench.timing.references import with_references

BLOCK = Workload(
    role="block", blocks=(BlockSpec(kind="stem", in_size=8, in_channels=3, out_channels=4),)
)
WORK = with_references([BLOCK])  # the block, then compute and memory by turns, three of each


def taken(block_ns: float, compute_ns: float, memory_ns: float, retaken: int = 0) -> PassResult:
    """A pass of one call a visit."""
    times = [block_ns, *[compute_ns, memory_ns] * 3]
    return PassResult(
        samples_ns=np.array(times)[:, None], order=np.arange(len(times)), retaken=retaken
    )


def test_the_level_is_that_of_the_references_since_the_first_pass() -> None:
    looks = PassLooks()
    looks.begin(2)
    looks.begin_load()
    passes = [taken(50.0, 100.0, 400.0)]
    first = looks.look(passes, WORK)
    passes.append(taken(999.0, 110.0, 440.0))
    second = looks.look(passes, WORK)
    looks.begin_load()
    third = looks.look([taken(50.0, 100.0, 441.0)], WORK)

    # The block's own time is no level; compute as at first and memory 441 / 400: the root of both.
    assert [first.level, second.level, third.level] == pytest.approx([1.0, 1.1, 1.05])
    assert [(one.load, one.loads) for one in (first, second, third)] == [(1, 2), (1, 2), (2, 2)]


def test_counts_go_on_over_loads_and_loads_begin_anew_each_round() -> None:
    looks = PassLooks()
    looks.begin(2)
    looks.begin_load()
    passes = [taken(1, 100, 400, retaken=2) for _ in range(4)]
    passes.append(taken(1, 130, 400, retaken=3))  # compute alone is 30 % slower: marked
    assert looks.look(passes[:4], WORK).marked == 0
    last = looks.look(passes, WORK)
    assert (last.marked, last.retaken) == (1, 11)

    looks.begin(1)
    looks.begin_load()
    after = looks.look(passes[:1], WORK)
    assert (after.load, after.loads, after.marked, after.retaken) == (1, 1, 1, 13)
