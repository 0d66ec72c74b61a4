"""From the rounds of replicates to measurements: which rounds count, corrected for drift."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.protocol.device import THROTTLED, Facts, PassResult, Workload
from bench.protocol.target import Target
from bench.timing.drift import LoadTimes, common_levels, kept_passes, marked_passes
from bench.timing.measurement import Measurement, warm_ns
from bench.timing.plan import SweepPlan
from bench.timing.references import reference_places

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pass:
    """One stored pass; see `PassResult`."""

    samples_ns: Floats  # places x calls
    visits: NDArray[np.int64]
    retaken: int
    facts: Facts
    dropped_ns: Floats | None = None  # retaken x calls

    def again(self) -> NDArray[np.int64]:
        """Places of the visits that were taken again: all visits of a place but its last."""
        if not self.retaken:
            return self.visits[:0]
        _, last = np.unique(self.visits[::-1], return_index=True)
        return np.delete(self.visits, len(self.visits) - 1 - last)

    def dropped_of(
        self, places: Sequence[int], again: NDArray[np.int64] | None = None
    ) -> Floats | None:
        """Samples that were taken again at these places, n x calls; None where not known.

        `again` saves asking `self.again` for each of many places.
        """
        calls = self.samples_ns.shape[1]
        if not self.retaken:
            return np.empty((0, calls))
        if self.dropped_ns is None:
            return None
        again = self.again() if again is None else again
        found: Floats = self.dropped_ns[np.isin(again, places)]
        return found[np.isfinite(found).all(axis=1)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Load:
    """One finished load."""

    group: int
    number: int
    workloads: tuple[int, ...]  # a workload's number, for each place
    passes: tuple[Pass, ...]

    @property
    def samples_ns(self) -> Floats:
        """Passes x places x calls."""
        return np.stack([one.samples_ns for one in self.passes])


def load_marks(
    passes: Sequence[Pass] | Sequence[PassResult], work: Sequence[Workload]
) -> NDArray[np.bool_]:
    """Which passes are not to be relied on; `work` names what is at each place.

    Those about which the references disagree, and those in which the device throttled itself.
    """
    samples_ns = np.stack([one.samples_ns for one in passes])
    throttled = np.array([one.facts.get(THROTTLED) is True for one in passes], dtype=np.bool_)
    return marked_passes(samples_ns, *reference_places(list(work))) | throttled


def derive_measurements(
    loads: Sequence[Load],
    known: Mapping[int, Workload],
    target: Target,
    plan: SweepPlan,
    facts: Facts,
) -> list[Measurement]:
    """One measurement for each workload, in the order of their numbers."""
    samples, times, kept_of = [], [], []
    for load in loads:
        work = [known[number] for number in load.workloads]
        which = kept_passes(load_marks(load.passes, work), plan.passes)
        kept_of.append(frozenset(which.tolist()))
        samples.append(load.samples_ns[which])
        one = LoadTimes(
            group=load.group,
            workloads=load.workloads,
            times_ns=warm_ns(samples[-1]),
            spans_ns=np.stack([spans_ns(load.passes[i]) for i in which]),
        )
        times.append(one)
    levels = common_levels(times)
    parts: dict[int, list[tuple[Floats, Floats, Floats | None]]] = defaultdict(list)
    taken_at: dict[int, str] = {}
    for load, kept, level, numbers in zip(loads, samples, levels, kept_of, strict=True):
        dropped = [one.again() for one in load.passes]
        for number, places in _places(load).items():
            samples_ns = kept[:, places, :].reshape(-1, kept.shape[2])
            disturbed_ns = _disturbed_ns(load, places, numbers, dropped)
            parts[number].append((samples_ns, level[:, places].ravel(), disturbed_ns))
            taken_at.setdefault(number, str(load.passes[0].facts.get("taken_at", "")))
    return [
        Measurement(
            workload=known[number],
            target=target,
            samples_ns=np.stack([samples_ns for samples_ns, _, _ in parts[number]]),
            levels=np.stack([level for _, level, _ in parts[number]]),
            disturbed_ns=tuple(disturbed_ns for _, _, disturbed_ns in parts[number]),
            facts=facts,
            taken_at=taken_at[number],
        )
        for number in sorted(parts)
    ]


def spans_ns(one: Pass) -> Floats:
    """When each place's visit that counts began and ended within its pass, places x 2.

    Told from what the visits took; what lies between them, reading counters, is not known.
    """
    took_ns = one.samples_ns.sum(axis=1)[one.visits]
    ended_ns = np.cumsum(took_ns)
    found = np.empty((len(one.samples_ns), 2))
    # Where a place was visited again, the last visit overwrites: it is the one that counts.
    found[one.visits, 0] = ended_ns - took_ns
    found[one.visits, 1] = ended_ns
    return found


def _disturbed_ns(
    load: Load, places: list[int], kept: Collection[int], again: Sequence[NDArray[np.int64]]
) -> Floats | None:
    """Samples at the places that do not count for the median, n x calls; None where not known.

    Those of visits that were taken again, and of passes that are left out.
    """
    found = [one.dropped_of(places, a) for one, a in zip(load.passes, again, strict=True)]
    found += [
        one.samples_ns[places] for number, one in enumerate(load.passes) if number not in kept
    ]
    known = [samples_ns for samples_ns in found if samples_ns is not None]
    return np.concatenate(known) if len(known) == len(found) else None


def _places(load: Load) -> dict[int, list[int]]:
    """Where each workload is visited in a pass."""
    found: dict[int, list[int]] = defaultdict(list)
    for place, number in enumerate(load.workloads):
        found[number].append(place)
    return found
