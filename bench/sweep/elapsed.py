"""How much of its time budget a sweep has used."""

from dataclasses import dataclass

from bench.drift.session_gap import Span
from bench.protocol.clock import unix_s
from bench.sweep.store import SweepStore
from bench.timing.aggregation import Load

APART_S = 60.0  # by which a pass may seem to lie outside of its load


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Wall seconds of the finished loads.

    `making_s` went by before the loads' first passes, models being made; `passes_s` in the passes,
    `timed_s` of them in timed samples. `wall_s` is all of it with what was planned between, without
    waits for another session.
    """

    wall_s: float
    making_s: float
    passes_s: float
    timed_s: float

    @property
    def share(self) -> float:
        """Wall time of loads over the time of their timed samples."""
        return max(1.0, (self.making_s + self.passes_s) / self.timed_s)


def spent(store: SweepStore) -> Spent | None:
    """What the finished loads took; None where nothing is measured, or wall time says nothing.

    It does not on a device that computes its time.
    """
    making_s = passes_s = timed_s = 0.0
    loads, times = store.loads(), store.load_times()
    for load, span in zip(loads, times, strict=True):
        first_s = _first_pass_s(load, span)
        if first_s is None:
            return None
        begun_s, ended_s = span
        # The first pass is dated at its end; it takes as long as the others.
        others_s = (ended_s - first_s) / max(1, len(load.passes) - 1)
        making_s += max(0.0, first_s - begun_s - others_s)
        passes_s += min(ended_s - begun_s, ended_s - first_s + others_s)
        timed_s += sum(float(one.samples_ns.sum()) for one in load.passes) / 1e9
    if not loads:
        return None
    wall_s = sum(session.wall_s for session in store.sessions())
    return Spent(wall_s=wall_s, making_s=making_s, passes_s=passes_s, timed_s=timed_s)


def _first_pass_s(load: Load, span: Span) -> float | None:
    """When the first pass ended; None where that is not within the load by the wall clock."""
    taken_at = load.passes[0].facts.get("taken_at")
    if not isinstance(taken_at, str) or not taken_at:
        return None
    first_s = unix_s(taken_at)
    inside = span[0] - APART_S <= first_s <= span[1] + APART_S
    return min(max(first_s, span[0]), span[1]) if inside else None
