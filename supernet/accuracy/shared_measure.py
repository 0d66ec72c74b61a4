"""Share the measuring of sub-networks among the ranks of torchrun.

In each round every rank measures one network, and all get all scores of the round. So nothing needs
a common file system, the first rank can store every score at once, and a rank that dies costs no
more than the networks of the round.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from supernet.constraints.static_costs import macs
from supernet.data.dataset import Score
from supernet.space.codes import Codes
from supernet.space.space import SearchSpace
from supernet.train.distributed import Ranks

Measure = Callable[[Codes], Iterable[tuple[int, Score]]]
"""Measures networks; yields rows of the codes with their scores."""

_FIELDS = 5  # of a score, with its row


def measure_shared(
    measure: Measure,
    space: SearchSpace,
    codes: Codes,
    ranks: Ranks,
    stop: Callable[[], bool],
) -> Iterator[list[tuple[int, Score]]]:
    """Yield the scores of each round, with the rows of their networks in `codes`, on every rank.

    It ends early after the round in which `stop` was true on any rank. Raises `DeviceLostError`
    where a rank is lost.
    """
    own = _by_effort(space, codes)[ranks.rank :: ranks.world]
    scores = iter(measure(codes[own]))
    for _ in range(-(-len(codes) // ranks.world)):
        sent = np.zeros((ranks.world, _FIELDS))
        measured = next(scores, None)
        if measured is not None:
            index, score = measured
            # The row is counted from 1: 0 stands for no network.
            sent[ranks.rank] = (own[index] + 1, *_to_row(score))
        *values, stops = ranks.sums([*sent.ravel().tolist(), float(stop())])
        received = np.reshape(values, sent.shape)
        yield [(int(row) - 1, _from_row(fields)) for row, *fields in received.tolist() if row]
        if stops:
            return


def known_to_all(
    codes: Codes, known: dict[tuple[int, ...], Score], ranks: Ranks
) -> list[Score | None]:
    """Return for each of `codes` the score that the first rank knows, or None, on every rank."""
    sent = np.zeros((len(codes), _FIELDS))
    for row, code in enumerate(codes.tolist()):
        score = known.get(tuple(code)) if ranks.first else None
        if score is not None:
            sent[row] = (1, *_to_row(score))
    received = np.reshape(ranks.sums(sent.ravel().tolist()), sent.shape)
    return [_from_row(fields) if is_known else None for is_known, *fields in received.tolist()]


def _by_effort(space: SearchSpace, codes: Codes) -> NDArray[np.int64]:
    """Return an order of the rows by resolution, then MACs: a round waits for its slowest rank."""
    return np.lexsort((macs(space.choices)(codes), codes[:, 0]))


def _to_row(score: Score) -> tuple[float, float, float, float]:
    return score.accuracy, score.error, float(score.images), float(score.groups)


def _from_row(fields: Sequence[float]) -> Score:
    accuracy, error, images, groups = fields
    return Score(accuracy=accuracy, error=error, images=int(images), groups=int(groups))
