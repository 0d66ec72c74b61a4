"""Archive of all networks that a search has evaluated, each once."""

from dataclasses import replace
from typing import cast

import numpy as np

from supernet.search.problem import Problem, Rows, Scored
from supernet.space.codes import Codes

_LEAST_ROOM = 1024


class Archive:
    """Scores networks, and remembers: one that is asked for again costs a look-up."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._row_of: dict[bytes, int] = {}
        # Rows beyond those in use are room to grow into.
        self._room = problem.nothing()

    def __len__(self) -> int:
        return len(self._row_of)

    def score(self, codes: Codes, most: int | None = None) -> Scored | None:
        """Figures of codes (n, columns), in their order; `fresh` where they are first seen.

        At most `most` networks are looked at anew: where more would be needed, that many are, and
        None is returned.
        """
        codes = np.ascontiguousarray(codes, dtype=np.int16)
        whole = np.dtype((np.void, 2 * codes.shape[1]))
        keys = cast(list[bytes], codes.view(whole).ravel().tolist())
        first: dict[bytes, int] = {}
        for row, key in enumerate(keys):
            if key not in self._row_of:
                first.setdefault(key, row)
        looked_at = list(first.values())[:most]
        if looked_at:
            self._add(self._problem.score(codes[looked_at]), [keys[row] for row in looked_at])
        if len(looked_at) < len(first):
            return None
        rows = np.array([self._row_of[key] for key in keys], dtype=np.intp)
        fresh = np.zeros(len(codes), dtype=np.bool_)
        fresh[looked_at] = True
        return replace(self._room.take(rows), fresh=fresh)

    def since(self, count: int) -> Scored:
        """Networks looked at since the archive held `count`, in the order of their coming."""
        return self._room.take(np.arange(count, len(self)))

    def all(self) -> Scored:
        """Every network, in the order of their coming."""
        return self.since(0)

    def _add(self, scored: Scored, keys: list[bytes]) -> None:
        begin, end = len(self), len(self) + len(scored)
        if end > len(self._room):
            more = max(_LEAST_ROOM, len(self._room), len(scored))
            self._room = self._room.joined(scored.take(np.zeros(more, dtype=np.intp)))
        for into, values in (
            (self._room.codes, scored.codes),
            (self._room.accuracy, scored.accuracy),
            (self._room.excess, scored.excess),
            (self._room.objectives, scored.objectives),
        ):
            into[begin:end] = values
        self._row_of.update(zip(keys, range(begin, end), strict=True))


def first_of_each(scored: Scored) -> Rows:
    """Rows of networks that occur for the first time, ascending."""
    return np.sort(np.unique(scored.codes, axis=0, return_index=True)[1])
