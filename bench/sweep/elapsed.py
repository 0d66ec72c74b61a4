"""How much of its time budget a sweep has used."""

from dataclasses import dataclass

from bench.drift.session_gap import Span
from bench.protocol.clock import unix_s
from bench.sweep.store import SweepStore
from bench.timing.aggregation import Replicate

APART_S = 60.0  # tolerance for a round that seems to lie outside of its replicate


@dataclass(frozen=True, slots=True, kw_only=True)
class ElapsedTime:
    """Wall seconds of the finished replicates.

    `making_s` was spent before the first rounds, creating models; `rounds_s` in the rounds,
    `timed_s` of them in timed samples. `wall_s` is all of it plus planning in between, without
    waiting for another session.
    """

    wall_s: float
    making_s: float
    rounds_s: float
    timed_s: float

    @property
    def share(self) -> float:
        """Wall time of replicates over the time of their timed samples."""
        return max(1.0, (self.making_s + self.rounds_s) / self.timed_s)


def spent(store: SweepStore) -> ElapsedTime | None:
    """Return the time of the finished replicates; None without any, or for simulated times."""
    making_s = passes_s = timed_s = 0.0
    replicates, times = store.replicates(), store.replicate_times()
    for replicate, replicate_span in zip(replicates, times, strict=True):
        first_s = _first_round_s(replicate, replicate_span)
        if first_s is None:
            return None
        begun_s, ended_s = replicate_span
        # The first round is dated at its end; it is taken to last as long as the others.
        others_s = (ended_s - first_s) / max(1, len(replicate.rounds) - 1)
        making_s += max(0.0, first_s - begun_s - others_s)
        passes_s += min(ended_s - begun_s, ended_s - first_s + others_s)
        timed_s += sum(float(measured.samples_ns.sum()) for measured in replicate.rounds) / 1e9
    if not replicates:
        return None
    wall_s = sum(session.wall_s for session in store.sessions())
    return ElapsedTime(wall_s=wall_s, making_s=making_s, rounds_s=passes_s, timed_s=timed_s)


def _first_round_s(replicate: Replicate, span: Span) -> float | None:
    """Return when the first round ended; None if outside the replicate by the wall clock."""
    taken_at = replicate.rounds[0].facts.get("taken_at")
    if not isinstance(taken_at, str) or not taken_at:
        return None
    first_s = unix_s(taken_at)
    inside = span[0] - APART_S <= first_s <= span[1] + APART_S
    return min(max(first_s, span[0]), span[1]) if inside else None
