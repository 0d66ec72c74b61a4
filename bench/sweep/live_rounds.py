"""Live progress of a sweep's rounds."""

from collections.abc import Sequence

import numpy as np

from bench.protocol.device import PassResult, Workload
from bench.protocol.progress import RoundProgress
from bench.timing.aggregation import load_marks
from bench.timing.measurement import warm_ns
from bench.timing.references import reference_places


class PassLooks:
    """Counts over a session, from which each look is made; cheap, and made between passes."""

    def __init__(self) -> None:
        self._load, self._loads = 0, 0
        self._marked, self._retaken = 0, 0  # in loads before this one
        self._now_marked, self._now_retaken = 0, 0  # in this one
        self._first_ns: float | None = None

    def begin(self, loads: int) -> None:
        """Begin a round of as many loads."""
        self._load, self._loads = 0, loads

    def begin_load(self) -> None:
        """Begin the next load."""
        self._load += 1
        self._marked += self._now_marked
        self._retaken += self._now_retaken
        self._now_marked = self._now_retaken = 0

    def look(self, results: Sequence[PassResult], work: Sequence[Workload]) -> RoundProgress:
        """How it stands after the last of the load's passes so far."""
        self._now_marked = int(np.count_nonzero(load_marks(results, work)))
        self._now_retaken = sum(result.retaken for result in results)
        places = [place for of_one in reference_places(list(work)) for place in of_one]
        times_ns = warm_ns(results[-1].samples_ns[None])[0, places]
        now_ns = float(np.exp(np.mean(np.log(times_ns))))
        if self._first_ns is None:
            self._first_ns = now_ns
        return RoundProgress(
            load=self._load,
            loads=self._loads,
            level=now_ns / self._first_ns,
            marked=self._marked + self._now_marked,
            retaken=self._retaken + self._now_retaken,
        )
