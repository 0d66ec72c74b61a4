"""Aggregation of the rounds of replicates to drift-corrected measurements."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.protocol.device import THROTTLED, Facts, RoundResult, Workload
from bench.protocol.target import Target
from bench.timing.drift import ReplicateTimes, counted_rounds, disagreeing_rounds, drift_factors
from bench.timing.measurement import Measurement, warm_ns
from bench.timing.plan import SweepPlan
from bench.timing.references import reference_places

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeasuredRound:
    """One stored round; see `RoundResult`."""

    samples_ns: Floats  # places x samples
    order: NDArray[np.int64]  # the place of each burst, repeated bursts included
    repeated_bursts: int
    facts: Facts
    disturbed_ns: Floats | None = None  # repeated bursts x samples

    def repeated_places(self) -> NDArray[np.int64]:
        """Return the places of repeated bursts: all bursts of a place but its last."""
        if not self.repeated_bursts:
            return self.order[:0]
        _, last = np.unique(self.order[::-1], return_index=True)
        return np.delete(self.order, len(self.order) - 1 - last)

    def disturbed_samples(
        self, places: Sequence[int], repeated: NDArray[np.int64] | None = None
    ) -> Floats | None:
        """Return the samples of disturbed bursts at these places, n x samples; None if unknown.

        `repeated` is the result of `repeated_places`, to compute it once for many places.
        """
        burst_samples = self.samples_ns.shape[1]
        if not self.repeated_bursts:
            return np.empty((0, burst_samples))
        if self.disturbed_ns is None:
            return None
        repeated = self.repeated_places() if repeated is None else repeated
        samples_ns: Floats = self.disturbed_ns[np.isin(repeated, places)]
        return samples_ns[np.isfinite(samples_ns).all(axis=1)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replicate:
    """One finished replicate of a group."""

    group: int
    number: int
    workloads: tuple[int, ...]  # the number of the workload at each place
    rounds: tuple[MeasuredRound, ...]

    @property
    def samples_ns(self) -> Floats:
        """Return all samples, rounds x places x samples."""
        return np.stack([measured.samples_ns for measured in self.rounds])


def disturbed_rounds(
    passes: Sequence[MeasuredRound] | Sequence[RoundResult], work: Sequence[Workload]
) -> NDArray[np.bool_]:
    """Return which rounds are disturbed; `work` is the workload at each place.

    Disturbed are rounds in which the reference workloads disagree, or the device throttled itself.
    """
    samples_ns = np.stack([measured.samples_ns for measured in passes])
    throttled = np.array(
        [measured.facts.get(THROTTLED) is True for measured in passes], dtype=np.bool_
    )
    return disagreeing_rounds(samples_ns, *reference_places(list(work))) | throttled


def derive_measurements(
    replicates: Sequence[Replicate],
    known: Mapping[int, Workload],
    target: Target,
    plan: SweepPlan,
    facts: Facts,
) -> list[Measurement]:
    """Return one measurement of each workload, in the order of their numbers."""
    samples, times, counted_sets = [], [], []
    for replicate in replicates:
        work = [known[number] for number in replicate.workloads]
        counted = counted_rounds(disturbed_rounds(replicate.rounds, work), plan.rounds)
        counted_sets.append(frozenset(counted.tolist()))
        samples.append(replicate.samples_ns[counted])
        replicate_times = ReplicateTimes(
            group=replicate.group,
            workloads=replicate.workloads,
            times_ns=warm_ns(samples[-1]),
            spans_ns=np.stack([spans_ns(replicate.rounds[i]) for i in counted]),
        )
        times.append(replicate_times)
    drifts = drift_factors(times)
    parts: dict[int, list[tuple[Floats, Floats, Floats | None]]] = defaultdict(list)
    taken_at: dict[int, str] = {}
    for replicate, counted_ns, drift, counted_numbers in zip(
        replicates, samples, drifts, counted_sets, strict=True
    ):
        dropped = [measured.repeated_places() for measured in replicate.rounds]
        for number, places in _places(replicate).items():
            samples_ns = counted_ns[:, places, :].reshape(-1, counted_ns.shape[2])
            disturbed_ns = _disturbed_ns(replicate, places, counted_numbers, dropped)
            parts[number].append((samples_ns, drift[:, places].ravel(), disturbed_ns))
            taken_at.setdefault(number, str(replicate.rounds[0].facts.get("taken_at", "")))
    return [
        Measurement(
            workload=known[number],
            target=target,
            samples_ns=np.stack([samples_ns for samples_ns, _, _ in parts[number]]),
            drift=np.stack([drift for _, drift, _ in parts[number]]),
            disturbed_ns=tuple(disturbed_ns for _, _, disturbed_ns in parts[number]),
            facts=facts,
            taken_at=taken_at[number],
        )
        for number in sorted(parts)
    ]


def spans_ns(measured: MeasuredRound) -> Floats:
    """Return when each place's last burst began and ended within its round, places x 2.

    Computed from the samples' durations; time between bursts, for reading counters, is unknown.
    """
    took_ns = measured.samples_ns.sum(axis=1)[measured.order]
    ended_ns = np.cumsum(took_ns)
    spans = np.empty((len(measured.samples_ns), 2))
    # Where a place has several bursts, the last one overwrites the others: it is the one that
    # counts.
    spans[measured.order, 0] = ended_ns - took_ns
    spans[measured.order, 1] = ended_ns
    return spans


def _disturbed_ns(
    replicate: Replicate,
    places: list[int],
    counted: Collection[int],
    repeated_places: Sequence[NDArray[np.int64]],
) -> Floats | None:
    """Return samples that only tails count, n x samples; None if unknown.

    Those of bursts that were repeated, and of rounds that do not count.
    """
    parts = [
        measured.disturbed_samples(places, repeated)
        for measured, repeated in zip(replicate.rounds, repeated_places, strict=True)
    ]
    parts += [
        measured.samples_ns[places]
        for number, measured in enumerate(replicate.rounds)
        if number not in counted
    ]
    known = [samples_ns for samples_ns in parts if samples_ns is not None]
    return np.concatenate(known) if len(known) == len(parts) else None


def _places(replicate: Replicate) -> dict[int, list[int]]:
    """Return the places of each workload."""
    places: dict[int, list[int]] = defaultdict(list)
    for place, number in enumerate(replicate.workloads):
        places[number].append(place)
    return places
