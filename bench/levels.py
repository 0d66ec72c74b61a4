"""The machine's level: what moved everything in a pass alike, told apart from what each call costs.

A logarithmic time is taken as the sum of a workload's own, its load's level, and its pass's level
within the load; medians keep single stumbles out. Groups share no moment, so theirs are brought
to one scale by what several of them measured: references, anchors, what is measured again.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MAX_REFERENCE_GAP = 0.02  # compute and memory may move apart by this much before a pass is marked
POLISH_ROUNDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadTimes:
    """One load's times of the call that counts: passes x places, and which workload is where."""

    group: int
    workloads: tuple[int, ...]  # a workload's number, for each place; a reference has several
    times_ns: Floats


def common_levels(loads: Sequence[LoadTimes]) -> list[Floats]:
    """Level of each pass of each load as a factor, all on one scale; 1 in the median pass."""
    within: list[Floats] = []  # log level of each pass, relative to its load
    by_group: dict[int, list[int]] = defaultdict(list)
    load_logs: list[Floats] = []  # each place's log time at its load's level
    for number, load in enumerate(loads):
        logs = np.log(load.times_ns)
        pass_level = np.median(logs - np.median(logs, axis=0), axis=1)
        pass_level = pass_level - np.median(pass_level)
        within.append(pass_level)
        load_logs.append(np.median(logs - pass_level[:, None], axis=0))
        by_group[load.group].append(number)
    level = np.zeros(len(loads))
    own: dict[int, dict[int, float]] = {}  # by group, by workload
    for group, numbers in by_group.items():
        rows, columns = polish(np.stack([load_logs[n] for n in numbers]))
        level[numbers] = rows
        own[group] = _by_workload(loads[numbers[0]].workloads, columns)
    for group, shift in _group_shifts(own).items():
        level[by_group[group]] += shift
    logs_all = [level[n] + within[n] for n in range(len(loads))]
    middle = np.median(np.concatenate(logs_all)) if logs_all else 0.0
    return [np.exp(log - middle) for log in logs_all]


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
    result: Bools = np.abs(gap - np.median(gap)) > np.log1p(MAX_REFERENCE_GAP)
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
