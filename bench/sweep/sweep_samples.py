"""A sweep's samples in the order of measuring: drift and residuals."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.protocol.device import Workload
from bench.sweep.store import SweepStore
from bench.sweep.summary import count_of
from bench.timing.aggregation import Replicate, disturbed_rounds, spans_ns
from bench.timing.drift import ReplicateTimes, drift_factors
from bench.timing.measurement import warm_ns
from bench.timing.references import reference_places

Floats = NDArray[np.float64]
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SweepSamples:
    """Every round of a sweep's finished replicates, one after the other; shares, (n,) or (n, 5).

    `drift` is how slow the machine was in a round, 1 in the median; `compute` and `memory` are the
    same by each reference workload alone (NaN without them). `residual` holds `QUANTILES` of the
    deviations of blocks and networks from their medians, drift-corrected. `disagrees`: the
    references disagree, so that the round is disturbed. `repeated` and `disturbed` count bursts:
    those repeated, and those that were disturbed again. `replicate` counts from 0 in the order of
    measuring. `blocks` and `networks` are how many of each were measured.
    """

    replicate: NDArray[np.int64]
    group: NDArray[np.int64]
    taken_at: list[str]
    drift: Floats
    compute: Floats
    memory: Floats
    residual: Floats
    disagrees: NDArray[np.bool_]
    repeated: NDArray[np.int64]
    disturbed: NDArray[np.int64]
    bursts: int
    blocks: int
    networks: int

    def __len__(self) -> int:
        return len(self.replicate)

    @property
    def replicates(self) -> int:
        """Number of finished replicates."""
        return int(self.replicate[-1]) + 1

    @property
    def spread(self) -> float:
        """Half of what 90 % of the residuals span, in the median round."""
        return float(np.median(self.residual[:, 4] - self.residual[:, 0]) / 2)


def read_samples(path: Path) -> SweepSamples | None:
    """Read a sweep; None where no replicate of it is finished."""
    with SweepStore.open(path) as store:
        loads = store.replicates()
        work = {group.number: group.work for group in store.groups()}
    if not loads:
        return None
    times = [_times(load) for load in loads]
    drifts = drift_factors(times)
    typical_ns = _typical_ns(times, drifts)
    rounds = [each for load in loads for each in load.rounds]
    lengths = [len(load.rounds) for load in loads]
    references = [_references(load, work[load.group], typical_ns) for load in loads]
    return SweepSamples(
        replicate=np.repeat(np.arange(len(loads)), lengths),
        group=np.repeat([load.group for load in loads], lengths),
        taken_at=[str(each.facts.get("taken_at", "")) for each in rounds],
        drift=np.concatenate([np.median(drift, axis=1) for drift in drifts]),
        compute=np.concatenate([compute for compute, _ in references]),
        memory=np.concatenate([memory for _, memory in references]),
        residual=np.concatenate(
            [
                _residual(of_load, drift, typical_ns, work[load.group])
                for load, of_load, drift in zip(loads, times, drifts, strict=True)
            ]
        ),
        disagrees=np.concatenate(
            [disturbed_rounds(load.rounds, work[load.group]) for load in loads]
        ),
        repeated=np.array([each.repeated_bursts for each in rounds]),
        disturbed=np.array([count_of(each.facts.get("disturbed_visits_kept")) for each in rounds]),
        bursts=sum(len(each.order) for each in rounds),
        blocks=_number_of("block", work.values()),
        networks=_number_of("network", work.values()),
    )


def _times(load: Replicate) -> ReplicateTimes:
    return ReplicateTimes(
        group=load.group,
        workloads=load.workloads,
        times_ns=warm_ns(load.samples_ns),
        spans_ns=np.stack([spans_ns(each) for each in load.rounds]),
    )


def _typical_ns(times: list[ReplicateTimes], drifts: list[Floats]) -> dict[int, float]:
    """Drift-corrected time of each workload, ns: the median over all its bursts."""
    parts: dict[int, list[Floats]] = {}
    for of_load, drift in zip(times, drifts, strict=True):
        corrected = of_load.times_ns / drift
        for place, number in enumerate(of_load.workloads):
            parts.setdefault(number, []).append(corrected[:, place])
    return {number: float(np.median(np.concatenate(bursts))) for number, bursts in parts.items()}


def _residual(
    times: ReplicateTimes, drift: Floats, typical_ns: dict[int, float], work: tuple[Workload, ...]
) -> Floats:
    """Quantiles of each round's residuals, (rounds, 5), as shares, without the references."""
    places = [place for place, workload in enumerate(work) if workload.role != "reference"]
    expected_ns = np.array([typical_ns[times.workloads[place]] for place in places])
    rest = times.times_ns[:, places] / drift[:, places] / expected_ns - 1.0
    quantiles: Floats = np.quantile(rest, QUANTILES, axis=1).T
    return quantiles


def _references(
    load: Replicate, work: tuple[Workload, ...], typical_ns: dict[int, float]
) -> tuple[Floats, Floats]:
    """How slow each round was by either reference, (rounds,); NaN where there is none."""
    times_ns = warm_ns(load.samples_ns)
    ratios = []
    for places in reference_places(list(work)):
        if places:
            expected_ns = typical_ns[load.workloads[places[0]]]
            ratios.append(np.median(times_ns[:, places], axis=1) / expected_ns)
        else:
            ratios.append(np.full(len(times_ns), np.nan))
    return ratios[0], ratios[1]


def _number_of(role: str, groups: Iterable[tuple[Workload, ...]]) -> int:
    """Number of different workloads of a role."""
    return len({workload for group in groups for workload in group if workload.role == role})
