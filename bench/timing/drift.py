"""Drift within a session: what moves all workloads together, separated from their latencies.

A logarithmic time is taken as the sum of a workload's own, its pass's level, and the level of
those milliseconds: other guests of a virtual machine's host come and go faster than a pass takes.
Medians keep single stumbles out. Groups share no moment, so theirs are brought to one scale by
what several of them measured: references, anchors, what is measured again.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MAX_REFERENCE_GAP = 0.02  # compute and memory may move apart by this much before a pass is marked
GAP_SPREADS = 3.0  # and by this many times the usual: references have noise of their own
POLISH_ROUNDS = 10
LOCAL_ROUNDS = 4
LOCAL_NS = 3e6  # how far what happens at one visit tells of another: weight falls to 1/e
LOCAL_REACH = 24  # visits to either side that are asked
LOCAL_DOUBT = 0.5  # weight of the pass's own level beside that of the neighbours
MAX_LOCAL = 0.5  # a neighbour that stumbled tells no more than this


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadTimes:
    """One load's times of what counts: passes x places, and which workload is where.

    `spans_ns` is when each visit began and ended within its pass (passes x places x 2); without
    it, levels are told by pass alone. Loads of one group have the same workloads.
    """

    group: int
    workloads: tuple[int, ...]  # a workload's number, for each place; a reference has several
    times_ns: Floats
    spans_ns: Floats | None = None


def common_levels(loads: Sequence[LoadTimes]) -> list[Floats]:
    """Level of each visit of each load as a factor, passes x places, all on one scale.

    1 in the median.
    """
    by_group: dict[int, list[int]] = defaultdict(list)
    for number, load in enumerate(loads):
        by_group[load.group].append(number)
    found: dict[int, Floats] = {}
    own: dict[int, dict[int, float]] = {}  # by group, by workload
    for group, numbers in by_group.items():
        members = [loads[number] for number in numbers]
        levels, columns = _group_levels(members)
        parts = np.split(levels, np.cumsum([len(load.times_ns) for load in members])[:-1])
        found.update(zip(numbers, parts, strict=True))
        own[group] = _by_workload(members[0].workloads, columns)
    for group, shift in _group_shifts(own).items():
        for number in by_group[group]:
            found[number] = found[number] + shift
    logs = [found[number] for number in range(len(loads))]
    middle = np.median(np.concatenate([log.ravel() for log in logs])) if logs else 0.0
    return [np.exp(log - middle) for log in logs]


def _group_levels(loads: Sequence[LoadTimes]) -> tuple[Floats, Floats]:
    """Log levels of a group's visits, all passes x places, and each place's own log time."""
    logs = np.log(np.concatenate([load.times_ns for load in loads]))
    rows, columns = polish(logs)
    levels = np.repeat(rows[:, None], logs.shape[1], axis=1)
    spans = [load.spans_ns for load in loads if load.spans_ns is not None]
    if len(spans) < len(loads):
        return levels, columns
    spans_ns = np.concatenate(spans)
    for _ in range(LOCAL_ROUNDS):
        rest = logs - columns
        base = np.median(rest, axis=1, keepdims=True)
        base = base - np.median(base)
        local = local_levels(rest - base, spans_ns)
        if np.mean(np.abs(rest - base - local)) >= np.mean(np.abs(rest - base)):
            break  # a machine whose moments tell nothing of each other
        levels = base + local
        columns = np.median(logs - levels, axis=0)
    return levels, columns


def local_levels(rest: Floats, spans_ns: Floats) -> Floats:
    """What the visits around each one say of its moment; itself is not asked.

    `rest` is log times less what is known of them, passes x places; `spans_ns` as in `LoadTimes`.
    """
    order = np.argsort(spans_ns[:, :, 0], axis=1)
    told = np.clip(np.take_along_axis(rest, order, axis=1), -MAX_LOCAL, MAX_LOCAL)
    began = np.take_along_axis(spans_ns[:, :, 0], order, axis=1)
    ended = np.take_along_axis(spans_ns[:, :, 1], order, axis=1)
    total, weights = np.zeros_like(told), np.full_like(told, LOCAL_DOUBT)
    for apart in range(1, min(LOCAL_REACH, told.shape[1] - 1) + 1):
        gap_ns = np.maximum(began[:, apart:] - ended[:, :-apart], 0.0)
        weight = np.exp(-gap_ns / LOCAL_NS)
        total[:, :-apart] += weight * told[:, apart:]
        total[:, apart:] += weight * told[:, :-apart]
        weights[:, :-apart] += weight
        weights[:, apart:] += weight
    local = np.empty_like(told)
    np.put_along_axis(local, order, total / weights, axis=1)
    return local


def polish(table: Floats) -> tuple[Floats, Floats]:
    """Split a table into row and column effects by medians; the median row effect is 0.

    NaN is what was not measured; each row and column has something.
    """
    rows = np.zeros(table.shape[0])
    columns = np.nanmedian(table, axis=0)
    for _ in range(POLISH_ROUNDS):
        rows = np.nanmedian(table - columns, axis=1)
        rows = rows - np.median(rows)
        columns = np.nanmedian(table - rows[:, None], axis=0)
    return rows, columns


def marked_passes(samples_ns: Floats, compute: Sequence[int], memory: Sequence[int]) -> Bools:
    """Which passes of a load the references disagree about; False for all without references.

    `samples_ns` is passes x places x calls; `compute` and `memory` are the references' places.
    Each reference's level is the median over its copies and its calls after the first.
    """
    if not compute or not memory:
        return np.zeros(len(samples_ns), dtype=np.bool_)
    gap = reference_level(samples_ns, compute) - reference_level(samples_ns, memory)
    apart = np.abs(gap - np.median(gap))
    usual = 1.4826 * np.median(apart)  # a standard deviation, where the gap is normal
    result: Bools = apart > max(np.log1p(MAX_REFERENCE_GAP), GAP_SPREADS * usual)
    return result


def reference_level(samples_ns: Floats, places: Sequence[int]) -> Floats:
    """Log level of each pass by one reference alone."""
    later = slice(1, None) if samples_ns.shape[2] > 1 else slice(None)
    logs = np.log(samples_ns[:, list(places), later])
    logs = logs.reshape(len(samples_ns), -1)
    level: Floats = np.median(logs - np.median(logs, axis=0), axis=1)
    return level


def kept_passes(marked: Bools, wanted: int) -> NDArray[np.int64]:
    """The passes that count: the first `wanted` unmarked ones, else marked ones to make up."""
    unmarked, rest = np.flatnonzero(~marked), np.flatnonzero(marked)
    return np.sort(np.concatenate([unmarked, rest])[:wanted])


def _by_workload(workloads: tuple[int, ...], columns: Floats) -> dict[int, float]:
    found: dict[int, list[float]] = defaultdict(list)
    for workload, value in zip(workloads, columns.tolist(), strict=True):
        found[workload].append(value)
    return {workload: float(np.mean(values)) for workload, values in found.items()}


def _group_shifts(own: dict[int, dict[int, float]]) -> dict[int, float]:
    """What to add to each group's level; groups that took longer over the same get more."""
    count = Counter(workload for values in own.values() for workload in values)
    shared = sorted(workload for workload, groups in count.items() if groups > 1)
    if not shared:
        return dict.fromkeys(own, 0.0)
    table = [[values.get(workload, np.nan) for workload in shared] for values in own.values()]
    shifts, _ = polish(np.array(table))
    return dict(zip(own, shifts.tolist(), strict=True))
