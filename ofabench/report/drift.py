"""A sweep's samples in the order of measuring: drift and residuals."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.protocol.device import Workload
from bench.sweep.store import SweepStore
from bench.sweep.summary import count_of
from bench.timing.aggregation import Load, load_marks, spans_ns
from bench.timing.drift import LoadTimes, common_levels
from bench.timing.measurement import warm_ns
from bench.timing.references import reference_places

Floats = NDArray[np.float64]
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drift:
    """Every pass of a sweep's finished loads, one after the other; shares, (n,) or (n, 5).

    `level` is how slow the machine was in a pass, 1 in the median; `compute` and `memory` are what
    the two references say by themselves (NaN without them). `residual` holds `QUANTILES` of what
    blocks and networks still deviate from their medians, drift-corrected. `load` counts loads
    in the order of measuring.
    """

    load: NDArray[np.int64]
    group: NDArray[np.int64]
    taken_at: list[str]
    level: Floats
    compute: Floats
    memory: Floats
    residual: Floats
    marked: NDArray[np.bool_]
    retaken: NDArray[np.int64]
    disturbed: NDArray[np.int64]
    visits: int

    def __len__(self) -> int:
        return len(self.load)


def read_drift(path: Path) -> Drift | None:
    """Read a sweep; None where no load of it is finished."""
    with SweepStore.open(path) as store:
        loads = store.loads()
        work = {group.number: group.work for group in store.groups()}
    if not loads:
        return None
    times = [_times(load) for load in loads]
    levels = common_levels(times)
    own = _own_ns(times, levels)
    passes = [one for load in loads for one in load.passes]
    lengths = [len(load.passes) for load in loads]
    references = [_references(load, work[load.group], own) for load in loads]
    return Drift(
        load=np.repeat(np.arange(len(loads)), lengths),
        group=np.repeat([load.group for load in loads], lengths),
        taken_at=[str(one.facts.get("taken_at", "")) for one in passes],
        level=np.concatenate([np.median(level, axis=1) for level in levels]),
        compute=np.concatenate([compute for compute, _ in references]),
        memory=np.concatenate([memory for _, memory in references]),
        residual=np.concatenate(
            [
                _residual(one, level, own, work[load.group])
                for load, one, level in zip(loads, times, levels, strict=True)
            ]
        ),
        marked=np.concatenate([load_marks(load.passes, work[load.group]) for load in loads]),
        retaken=np.array([one.retaken for one in passes]),
        disturbed=np.array([count_of(one.facts.get("disturbed_visits_kept")) for one in passes]),
        visits=sum(len(one.visits) for one in passes),
    )


def _times(load: Load) -> LoadTimes:
    return LoadTimes(
        group=load.group,
        workloads=load.workloads,
        times_ns=warm_ns(load.samples_ns),
        spans_ns=np.stack([spans_ns(one) for one in load.passes]),
    )


def _own_ns(times: list[LoadTimes], levels: list[Floats]) -> dict[int, float]:
    """What each workload takes at the common level: the median over all its visits."""
    parts: dict[int, list[Floats]] = {}
    for one, level in zip(times, levels, strict=True):
        flat = one.times_ns / level
        for place, number in enumerate(one.workloads):
            parts.setdefault(number, []).append(flat[:, place])
    return {number: float(np.median(np.concatenate(some))) for number, some in parts.items()}


def _residual(
    one: LoadTimes, level: Floats, own: dict[int, float], work: tuple[Workload, ...]
) -> Floats:
    """Quantiles of each pass's residuals, (passes, 5), as shares; references are left out."""
    places = [place for place, what in enumerate(work) if what.role != "reference"]
    own_ns = np.array([own[one.workloads[place]] for place in places])
    rest = one.times_ns[:, places] / level[:, places] / own_ns - 1.0
    found: Floats = np.quantile(rest, QUANTILES, axis=1).T
    return found


def _references(
    load: Load, work: tuple[Workload, ...], own: dict[int, float]
) -> tuple[Floats, Floats]:
    """How slow each pass was by either reference, (passes,); NaN where there is none."""
    times_ns = warm_ns(load.samples_ns)
    found = []
    for places in reference_places(list(work)):
        if places:
            own_ns = own[load.workloads[places[0]]]
            found.append(np.median(times_ns[:, places], axis=1) / own_ns)
        else:
            found.append(np.full(len(times_ns), np.nan))
    return found[0], found[1]
