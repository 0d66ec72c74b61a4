"""Candidates that are worth measuring: accurate, about the limit, and none twice."""

import numpy as np

from supernet.constraints.constraints import Constraint, macs
from supernet.search.engine import Budget, SearchPlan
from supernet.search.promising import CandidateCount, SearchSetup, promising
from supernet.space.codes import Codes
from supernet.space.space import SearchSpace

TINY = SearchSpace.load("tiny").with_resolutions((32,))
MOST = 3e6


def accuracy(codes: Codes) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.asarray(0.5 + codes[:, 1:].sum(axis=1) / 1000)


def searched() -> SearchSetup:
    return SearchSetup(
        space=TINY,
        accuracy=accuracy,
        limit=Constraint(name="macs", costs=macs(TINY.choices), limit=MOST, unit="MACs"),
        other_constraints=(),
        seed=0,
        plan=SearchPlan(budget=Budget(evaluations=2000, patience=16)),
    )


def wanted(count: int, shares: tuple[float, ...], seen: Codes | None = None) -> CandidateCount:
    return CandidateCount(
        count=count, shares=shares, seen=TINY.encode([]) if seen is None else seen
    )


def test_half_of_the_candidates_are_within_the_limit_and_the_rest_within_the_others() -> None:
    task = searched()
    run = task.run()

    candidates = promising(task, run, wanted(8, (1.0, 0.8, 1.2)))

    costs = macs(TINY.choices)(candidates)
    assert len({code.tobytes() for code in candidates}) == 8
    assert (costs[:4] <= MOST).all()
    assert (costs[4:6] <= 0.8 * MOST).all()
    assert (costs[6:] <= 1.2 * MOST).all()
    # The best of the whole limit comes first, and the higher limit has better ones.
    best = accuracy(candidates[:1])[0]
    assert best >= run.archive.all().top(1).accuracy[0]
    assert best == accuracy(candidates[:6]).max()
    assert accuracy(candidates[6:]).max() > best


def test_networks_differ_in_two_choices_or_more() -> None:
    task = searched()

    candidates = promising(task, task.run(), wanted(6, (1.0,)))

    apart = [
        (code != earlier).sum() for i, code in enumerate(candidates) for earlier in candidates[:i]
    ]
    assert min(apart) >= 2


def test_seen_networks_are_not_proposed_again() -> None:
    task = searched()
    run = task.run()
    first = promising(task, run, wanted(6, (1.0, 0.9)))

    second = promising(task, run, wanted(6, (1.0, 0.9), seen=first))

    assert len(second) == 6
    assert not {code.tobytes() for code in first} & {code.tobytes() for code in second}


def test_all_networks_are_proposed_where_there_are_too_few() -> None:
    task = searched()
    run = task.run()
    everything = run.archive.all().codes
    within = everything[macs(TINY.choices)(everything) <= MOST]

    candidates = promising(task, run, wanted(20_000, (1.0, 1e-6)))

    assert {code.tobytes() for code in within} <= {code.tobytes() for code in candidates}
    assert (macs(TINY.choices)(candidates) <= MOST).all()
