"""Networks are shared out among ranks in rounds of similar effort; all ranks get all scores."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier

import numpy as np

from supernet.accuracy.shared_measure import known_to_all, measure_shared
from supernet.constraints.static_costs import macs
from supernet.data.dataset import Score
from supernet.space.codes import Codes
from supernet.train.distributed import Ranks
from tests.support.micro_supernets import MICRO

CODES = np.unique(MICRO.sample_codes(np.random.default_rng(0), 40), axis=0)[[7, 0, 4, 2, 6]]


@dataclass
class Meeting:
    """Adds up what two threads bring."""

    barrier: Barrier = field(default_factory=lambda: Barrier(2, timeout=20))
    brought: dict[int, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ThreadRanks(Ranks):
    """One of two ranks, which are threads."""

    meeting: Meeting

    def sums(self, values: Sequence[float]) -> list[float]:
        self.meeting.brought[self.rank] = values
        self.meeting.barrier.wait()
        total = [sum(pair) for pair in zip(*self.meeting.brought.values(), strict=True)]
        self.meeting.barrier.wait()
        return total


def score_of(code: Sequence[int]) -> Score:
    return Score(accuracy=sum(code) / 1000, error=0.01, images=30, groups=10)


def measure(codes: Codes) -> Iterator[tuple[int, Score]]:
    for row, code in enumerate(codes.tolist()):
        yield row, score_of(code)


def in_two_ranks(stopped: int | None = None) -> list[list[list[tuple[int, Score]]]]:
    """The rounds that each rank yields; rank `stopped` asks for a stop at once."""
    meeting = Meeting()

    def rounds(rank: int) -> list[list[tuple[int, Score]]]:
        ranks = ThreadRanks(rank=rank, world=2, meeting=meeting)
        return list(measure_shared(measure, MICRO, CODES, ranks, lambda: rank == stopped))

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(rounds, range(2)))


def test_both_ranks_get_every_score_once() -> None:
    first, second = in_two_ranks()

    assert first == second
    assert [len(scores) for scores in first] == [2, 2, 1]
    measured = dict(scored for scores in first for scored in scores)
    assert measured == {row: score_of(code) for row, code in enumerate(CODES.tolist())}


def test_a_round_holds_networks_of_similar_effort() -> None:
    (rounds, _) = in_two_ranks()

    order = [row for scores in rounds for row, _ in scores]
    effort = [(CODES[row, 0], macs(MICRO.choices)(CODES)[row]) for row in order]
    assert effort == sorted(effort)


def test_a_stop_on_one_rank_ends_all_after_the_round() -> None:
    first, second = in_two_ranks(stopped=1)

    assert first == second
    assert [len(scores) for scores in first] == [2]


def test_accuracies_stored_by_the_first_rank_are_known_to_all() -> None:
    code = tuple(CODES[3].tolist())
    meeting = Meeting()

    def known(rank: int) -> list[Score | None]:
        ranks = ThreadRanks(rank=rank, world=2, meeting=meeting)
        return known_to_all(CODES, {code: score_of(code)} if rank == 0 else {}, ranks)

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(known, range(2)))

    assert results == [[None, None, None, score_of(code), None]] * 2
