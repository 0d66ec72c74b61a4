"""Summary of a sweep in a few figures."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bench.sweep.store import SweepStore
from bench.timing.aggregation import load_marks


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSummary:
    """Figures of the finished loads. Shares are fractions, NaN where nothing was measured."""

    blocks: int
    networks: int
    loads: int
    loads_wanted: int
    passes: int
    marked_passes: int  # the references disagreed; repeated while time lasted
    retaken_visits: int  # switched out, or time stolen
    disturbed_visits_kept: int  # still disturbed when taken for the last time
    median_half_width: float  # of the blocks' 95 % intervals, relative
    unsettled: int  # blocks and networks whose interval is wide
    unrunnable: dict[str, str]  # what the device cannot run, by key, and why
    wall_s: float
    wall_s_per_block: float  # all that it took, shared among blocks and networks

    @property
    def complete(self) -> bool:
        """Whether every load that is laid out is measured."""
        return self.loads == self.loads_wanted

    def to_json(self) -> dict[str, Any]:
        """Fields as JSON values; null where there is no figure."""
        return {name: None if value != value else value for name, value in asdict(self).items()}  # noqa: PLR0124


def summarise(store: SweepStore) -> SweepSummary:
    """Sum up a sweep, finished or not."""
    measured = [m for m in store.measurements() if m.workload.role != "reference"]
    roles = Counter(measurement.workload.role for measurement in measured)
    loads = store.loads()
    work = {group.number: group.work for group in store.groups()}
    passes = [one for load in loads for one in load.passes]
    wall_s = sum(session.wall_s for session in store.sessions())
    widths = [measurement.half_width for measurement in measured]
    return SweepSummary(
        blocks=roles["block"],
        networks=roles["network"],
        loads=len(loads),
        loads_wanted=len(work) * store.plan.loads,
        passes=len(passes),
        marked_passes=sum(int(load_marks(x.passes, work[x.group]).sum()) for x in loads),
        retaken_visits=sum(one.retaken for one in passes),
        disturbed_visits_kept=sum(
            count_of(one.facts.get("disturbed_visits_kept")) for one in passes
        ),
        median_half_width=float(np.median(widths)) if widths else float("nan"),
        unsettled=sum(not measurement.settled for measurement in measured),
        unrunnable={one.key: reason for one, reason in store.unrunnable().items()},
        wall_s=wall_s,
        wall_s_per_block=wall_s / len(measured) if measured else float("nan"),
    )


def count_of(fact: object) -> int:
    """Return a fact that is a count; 0 where a device gives none."""
    return fact if isinstance(fact, int) else 0
