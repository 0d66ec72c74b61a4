"""Summary of a sweep in a few figures."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bench.protocol.energy import EnergySource
from bench.reading import without_nan
from bench.sweep.store import SweepStore
from bench.timing.aggregation import disturbed_rounds


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSummary:
    """Figures of the finished replicates. Shares are fractions, NaN if nothing was measured."""

    blocks: int
    networks: int
    replicates: int
    planned_replicates: int
    rounds: int
    disturbed_rounds: int  # rounds that were disturbed; repeated within limits
    repeated_bursts: int  # bursts that were preempted or had time stolen, and were repeated
    disturbed_visits_kept: int  # still disturbed in their last repetition
    median_half_width: float  # of the blocks' 95 % intervals, relative
    unsettled: int  # blocks and networks with a wide interval
    unrunnable: dict[str, str]  # reasons by key of what the device cannot run
    wall_s: float
    wall_s_per_block: float  # total time, divided by the number of blocks and networks
    energies: int = 0  # blocks and networks with a measured energy
    energy_source: str = ""  # the sensor; "" if energy was not measured
    energy_reason: str = ""  # why there is none, where it was to be measured

    @property
    def complete(self) -> bool:
        """Whether every planned replicate is measured."""
        return self.replicates == self.planned_replicates

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values; null for missing figures."""
        return without_nan(asdict(self))


def summarise(store: SweepStore) -> SweepSummary:
    """Summarise a sweep, finished or not."""
    measured = [
        measurement
        for measurement in store.measurements()
        if measurement.workload.role != "reference"
    ]
    roles = Counter(measurement.workload.role for measurement in measured)
    replicates = store.replicates()
    work = {group.number: group.work for group in store.groups()}
    rounds = [measured_round for replicate in replicates for measured_round in replicate.rounds]
    wall_s = sum(session.wall_s for session in store.sessions())
    widths = [measurement.half_width for measurement in measured]
    source = store.energy_source() or EnergySource()
    return SweepSummary(
        blocks=roles["block"],
        networks=roles["network"],
        replicates=len(replicates),
        planned_replicates=len(work) * store.plan.replicates,
        rounds=len(rounds),
        disturbed_rounds=sum(
            int(disturbed_rounds(replicate.rounds, work[replicate.group]).sum())
            for replicate in replicates
        ),
        repeated_bursts=sum(measured_round.repeated_bursts for measured_round in rounds),
        disturbed_visits_kept=sum(
            count_of(measured_round.facts.get("disturbed_visits_kept")) for measured_round in rounds
        ),
        median_half_width=float(np.median(widths)) if widths else float("nan"),
        unsettled=sum(not measurement.narrow_interval for measurement in measured),
        unrunnable={workload.key: reason for workload, reason in store.unrunnable().items()},
        wall_s=wall_s,
        wall_s_per_block=wall_s / len(measured) if measured else float("nan"),
        energies=sum(energy.known for energy in store.energies().values()),
        energy_source=source.name,
        energy_reason=source.reason,
    )


def count_of(fact: object) -> int:
    """Return a fact that is a count; 0 where a device gives none."""
    return fact if isinstance(fact, int) else 0
