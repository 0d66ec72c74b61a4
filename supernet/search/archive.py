"""Archive of all networks that a search has evaluated, each once."""

from dataclasses import replace
from typing import cast

import numpy as np

from supernet.search.problem import Problem, Rows, Scored
from supernet.space.codes import Codes

_LEAST_ROOM = 1024


class Archive:
    """Scores networks and caches the scores."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._row_of: dict[bytes, int] = {}
        # Allocated rows, of which the first len(self) are in use.
        self._rows = problem.nothing()

    def __len__(self) -> int:
        return len(self._row_of)

    def score(self, codes: Codes, most: int | None = None) -> Scored | None:
        """Return the figures of codes (n, columns), in their order; `fresh` marks new networks.

        At most `most` new networks are evaluated; returns None where more would be needed.
        """
        codes = np.ascontiguousarray(codes, dtype=np.int16)
        row_type = np.dtype((np.void, 2 * codes.shape[1]))
        keys = cast(list[bytes], codes.view(row_type).ravel().tolist())
        first: dict[bytes, int] = {}
        for row, key in enumerate(keys):
            if key not in self._row_of:
                first.setdefault(key, row)
        evaluated = list(first.values())[:most]
        if evaluated:
            self._add(self._problem.score(codes[evaluated]), [keys[row] for row in evaluated])
        if len(evaluated) < len(first):
            return None
        rows = np.array([self._row_of[key] for key in keys], dtype=np.intp)
        fresh = np.zeros(len(codes), dtype=np.bool_)
        fresh[evaluated] = True
        return replace(self._rows.take(rows), fresh=fresh)

    def since(self, count: int) -> Scored:
        """Return the networks added since the archive held `count`, in order."""
        return self._rows.take(np.arange(count, len(self)))

    def all(self) -> Scored:
        """Return all networks in the order in which they were added."""
        return self.since(0)

    def _add(self, scored: Scored, keys: list[bytes]) -> None:
        start, end = len(self), len(self) + len(scored)
        if end > len(self._rows):
            added = max(_LEAST_ROOM, len(self._rows), len(scored))
            self._rows = self._rows.joined(scored.take(np.zeros(added, dtype=np.intp)))
        for target, values in (
            (self._rows.codes, scored.codes),
            (self._rows.accuracy, scored.accuracy),
            (self._rows.excess, scored.excess),
            (self._rows.objectives, scored.objectives),
        ):
            target[start:end] = values
        self._row_of.update(zip(keys, range(start, end), strict=True))


def first_of_each(scored: Scored) -> Rows:
    """Return the rows of the first occurrence of each network, ascending."""
    return np.sort(np.unique(scored.codes, axis=0, return_index=True)[1])
