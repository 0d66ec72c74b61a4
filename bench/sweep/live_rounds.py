"""Live progress of a sweep's rounds."""

from collections.abc import Sequence

import numpy as np

from bench.protocol.device import RoundResult, Workload
from bench.protocol.progress import RoundProgress
from bench.timing.aggregation import disturbed_rounds
from bench.timing.measurement import warm_ns
from bench.timing.references import reference_places


class RoundCounts:
    """Counts of one process, reported after each round."""

    def __init__(self) -> None:
        self._replicate, self._replicates = 0, 0
        self._disturbed, self._repeated = 0, 0  # in earlier replicates
        self._now_disturbed, self._now_repeated = 0, 0  # in this replicate
        self._first_ns: float | None = None

    def begin(self, replicates: int) -> None:
        """Begin one batch of replicates; `replicates` is their number."""
        self._replicate, self._replicates = 0, replicates

    def begin_replicate(self) -> None:
        """Begin the next replicate."""
        self._replicate += 1
        self._disturbed += self._now_disturbed
        self._repeated += self._now_repeated
        self._now_disturbed = self._now_repeated = 0

    def after_round(
        self, results: Sequence[RoundResult], work: Sequence[Workload]
    ) -> RoundProgress:
        """Return the state after the last of the replicate's rounds so far."""
        self._now_disturbed = int(np.count_nonzero(disturbed_rounds(results, work)))
        self._now_repeated = sum(result.repeated_bursts for result in results)
        places = [place for copies in reference_places(list(work)) for place in copies]
        times_ns = warm_ns(results[-1].samples_ns[None])[0, places]
        now_ns = float(np.exp(np.mean(np.log(times_ns))))
        if self._first_ns is None:
            self._first_ns = now_ns
        return RoundProgress(
            replicate=self._replicate,
            replicates=self._replicates,
            drift=now_ns / self._first_ns,
            disturbed_rounds=self._disturbed + self._now_disturbed,
            repeated_bursts=self._repeated + self._now_repeated,
        )
