"""Drift within a session: what moves all workloads together, separated from their latencies.

The logarithm of a time is modelled as the sum of the workload's own, the drift of its round, and
the local drift of those milliseconds: other guests of a virtual machine's host come and go faster
than a round takes. Medians are robust against single outliers. Groups have no time in common, so
their drift is put on one scale by the workloads that several of them measured: references, anchors,
repeated workloads.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Compute and memory may differ by this much before a round counts as disturbed.
MAX_REFERENCE_GAP = 0.02
GAP_SPREADS = 3.0  # and by this many times the usual difference: references have noise
POLISH_ROUNDS = 10
LOCAL_ROUNDS = 4
LOCAL_NS = 3e6  # time over which local drift decays to 1/e
LOCAL_REACH = 24  # neighbouring bursts on either side that are used
LOCAL_DOUBT = 0.5  # weight of the round's own drift beside that of the neighbours
MAX_LOCAL = 0.5  # a neighbour's deviation is clipped to this


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicateTimes:
    """Times of one replicate, rounds x places, and the workload at each place.

    `spans_ns` is when each burst began and ended within its round (rounds x places x 2); without
    it, drift is estimated by round alone. Replicates of one group have the same workloads.
    """

    group: int
    # The workload's number at each place; a reference has several places.
    workloads: tuple[int, ...]
    times_ns: Floats
    spans_ns: Floats | None = None


def drift_factors(replicates: Sequence[ReplicateTimes]) -> list[Floats]:
    """Return the drift of each burst of each replicate as a factor, rounds x places, on one scale.

    Its median is 1.
    """
    by_group: dict[int, list[int]] = defaultdict(list)
    for number, replicate in enumerate(replicates):
        by_group[replicate.group].append(number)
    log_drift: dict[int, Floats] = {}
    own: dict[int, dict[int, float]] = {}  # by group, by workload
    for group, numbers in by_group.items():
        members = [replicates[number] for number in numbers]
        drifts, columns = _group_drift(members)
        parts = np.split(drifts, np.cumsum([len(replicate.times_ns) for replicate in members])[:-1])
        log_drift.update(zip(numbers, parts, strict=True))
        own[group] = _by_workload(members[0].workloads, columns)
    for group, shift in _group_shifts(own).items():
        for number in by_group[group]:
            log_drift[number] = log_drift[number] + shift
    ordered = [log_drift[number] for number in range(len(replicates))]
    middle = np.median(np.concatenate([values.ravel() for values in ordered])) if ordered else 0.0
    return [np.exp(values - middle) for values in ordered]


def _group_drift(replicates: Sequence[ReplicateTimes]) -> tuple[Floats, Floats]:
    """Return the log drift of a group's bursts, all rounds x places, and each place's log time."""
    logs = np.log(np.concatenate([replicate.times_ns for replicate in replicates]))
    rows, columns = polish(logs)
    drifts = np.repeat(rows[:, None], logs.shape[1], axis=1)
    spans = [replicate.spans_ns for replicate in replicates if replicate.spans_ns is not None]
    if len(spans) < len(replicates):
        return drifts, columns
    spans_ns = np.concatenate(spans)
    for _ in range(LOCAL_ROUNDS):
        rest = logs - columns
        base = np.median(rest, axis=1, keepdims=True)
        base = base - np.median(base)
        local = local_drift(rest - base, spans_ns)
        if np.mean(np.abs(rest - base - local)) >= np.mean(np.abs(rest - base)):
            break  # local drift explains nothing on this machine
        drifts = base + local
        columns = np.median(logs - drifts, axis=0)
    return drifts, columns


def local_drift(rest: Floats, spans_ns: Floats) -> Floats:
    """Return the drift of each burst as its neighbours show it; the burst itself is not used.

    `rest` is log times minus what is known of them, rounds x places; `spans_ns` is as in
    `ReplicateTimes`.
    """
    order = np.argsort(spans_ns[:, :, 0], axis=1)
    neighbours = np.clip(np.take_along_axis(rest, order, axis=1), -MAX_LOCAL, MAX_LOCAL)
    began = np.take_along_axis(spans_ns[:, :, 0], order, axis=1)
    ended = np.take_along_axis(spans_ns[:, :, 1], order, axis=1)
    total, weights = np.zeros_like(neighbours), np.full_like(neighbours, LOCAL_DOUBT)
    for apart in range(1, min(LOCAL_REACH, neighbours.shape[1] - 1) + 1):
        gap_ns = np.maximum(began[:, apart:] - ended[:, :-apart], 0.0)
        weight = np.exp(-gap_ns / LOCAL_NS)
        total[:, :-apart] += weight * neighbours[:, apart:]
        total[:, apart:] += weight * neighbours[:, :-apart]
        weights[:, :-apart] += weight
        weights[:, apart:] += weight
    local = np.empty_like(neighbours)
    np.put_along_axis(local, order, total / weights, axis=1)
    return local


def polish(table: Floats) -> tuple[Floats, Floats]:
    """Split a table into row and column effects by medians; the median row effect is 0.

    NaN stands for what was not measured; each row and column has at least one value.
    """
    rows = np.zeros(table.shape[0])
    columns = np.nanmedian(table, axis=0)
    for _ in range(POLISH_ROUNDS):
        rows = np.nanmedian(table - columns, axis=1)
        rows = rows - np.median(rows)
        columns = np.nanmedian(table - rows[:, None], axis=0)
    return rows, columns


def disagreeing_rounds(samples_ns: Floats, compute: Sequence[int], memory: Sequence[int]) -> Bools:
    """Return the rounds of a replicate in which the references disagree; none without references.

    `samples_ns` is rounds x places x samples; `compute` and `memory` are the references' places.
    The drift of each reference is the median over its copies and its samples after the first.
    """
    if not compute or not memory:
        return np.zeros(len(samples_ns), dtype=np.bool_)
    gap = reference_drift(samples_ns, compute) - reference_drift(samples_ns, memory)
    apart = np.abs(gap - np.median(gap))
    usual = 1.4826 * np.median(apart)  # a standard deviation, where the gap is normal
    result: Bools = apart > max(np.log1p(MAX_REFERENCE_GAP), GAP_SPREADS * usual)
    return result


def reference_drift(samples_ns: Floats, places: Sequence[int]) -> Floats:
    """Return the log drift of each round by one reference alone."""
    later = slice(1, None) if samples_ns.shape[2] > 1 else slice(None)
    logs = np.log(samples_ns[:, list(places), later])
    logs = logs.reshape(len(samples_ns), -1)
    drift: Floats = np.median(logs - np.median(logs, axis=0), axis=1)
    return drift


def counted_rounds(disturbed: Bools, wanted: int) -> NDArray[np.int64]:
    """Return the rounds that count: the first `wanted` undisturbed ones, then disturbed ones."""
    undisturbed, rest = np.flatnonzero(~disturbed), np.flatnonzero(disturbed)
    return np.sort(np.concatenate([undisturbed, rest])[:wanted])


def _by_workload(workloads: tuple[int, ...], columns: Floats) -> dict[int, float]:
    by_workload: dict[int, list[float]] = defaultdict(list)
    for workload, value in zip(workloads, columns.tolist(), strict=True):
        by_workload[workload].append(value)
    return {workload: float(np.mean(values)) for workload, values in by_workload.items()}


def _group_shifts(own: dict[int, dict[int, float]]) -> dict[int, float]:
    """Return what to add to each group's log drift; groups that were slower get more."""
    count = Counter(workload for values in own.values() for workload in values)
    shared = sorted(workload for workload, groups in count.items() if groups > 1)
    if not shared:
        return dict.fromkeys(own, 0.0)
    table = [[values.get(workload, np.nan) for workload in shared] for values in own.values()]
    shifts, _ = polish(np.array(table))
    return dict(zip(own, shifts.tolist(), strict=True))
