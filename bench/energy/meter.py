"""Use of a run: device time, and energy, as counted by the device or as assumed."""

import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from bench.devices.cpu.host_facts import cpu_model
from bench.energy.counters import Counter, NvmlCounter, RaplCounter, cards_from
from bench.reading import Count, NonNegative, from_plain

# Server CPUs' design power over their cores is 4 to 7 W: AMD EPYC 7763 has 280 W for 64 cores,
# Intel Xeon Platinum 8380 270 W for 40.
ASSUMED_W_PER_CORE = 5.0
# The board power of a card of the kind networks are trained on: NVIDIA V100 PCIe 250 W, A100
# PCIe 300 W, H100 PCIe 350 W. Used only where a card does not even tell its power limit.
ASSUMED_W_PER_CARD = 300.0
SECONDS_BETWEEN_LOOKS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one run used of `device`, a CPU's or a card's name.

    `device_s` are core-seconds on a CPU (`wall_s` times `cores`), card-seconds on cards, which is
    what device hours are made of. `cores` are those of all `processes` together. `how` says where
    `energy_j` is from: "rapl", "nvml", or what was assumed, like "assumed 5 W a core".
    """

    device: str
    processes: Count
    cores: Count
    wall_s: NonNegative
    device_s: NonNegative
    energy_j: NonNegative
    how: str

    @property
    def measured(self) -> bool:
        """Whether the energy is from a counter."""
        return not self.how.startswith("assumed")

    def to_json(self) -> dict[str, Any]:
        """Return the JSON that `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote; `InputError` where it is anything else."""
        return from_plain(cls, data, "a usage", advice="measure it again", other_keys=True)


class EnergyMeter:
    """Meters a run from `start` to `stop`. Never an error: what cannot be read is assumed.

    `look` is to be called now and then, for a CPU's counter goes round within minutes; it costs
    nothing more often than each half minute. `stop` may be called again later, for the whole run.
    """

    def __init__(
        self,
        facts: "_Facts",
        counter: Counter | None,
        clock: Callable[[], float],
    ) -> None:
        self._facts, self._counter, self._clock = facts, counter, clock
        self._started_s = self._looked_s = clock()

    @classmethod
    def start(
        cls,
        device: str,
        threads: int,
        *,
        processes: int = 1,
        root: Path = Path("/"),
        clock: Callable[[], float] = time.monotonic,
    ) -> Self:
        """Begin. `device` is torch's name (`cpu`, `cuda:1`); `threads` are one process's.

        One meter counts for all `processes` of a run on this machine; on cards each has its own,
        numbered on from the one named.
        """
        cores = threads * processes
        if not device.startswith("cuda"):
            facts = _Facts(
                name=cpu_model(root) or platform.machine() or "cpu",
                processes=processes,
                cores=cores,
                devices=cores,
                assumed_w=ASSUMED_W_PER_CORE,
                assumed=f"assumed {ASSUMED_W_PER_CORE:g} W a core",
            )
            return cls(facts, RaplCounter.find(root, clock), clock)
        cards = cards_from(int(device.partition(":")[2] or 0), processes)
        told = cards[0].facts() if cards else None
        limit_w = told.power_limit_w if told is not None else None
        watts = limit_w or ASSUMED_W_PER_CARD
        facts = _Facts(
            name=told.name if told is not None else device,
            processes=processes,
            cores=cores,
            devices=len(cards) or processes,
            assumed_w=watts,
            assumed=f"assumed {watts:g} W a card" + (", its power limit" if limit_w else ""),
        )
        return cls(facts, NvmlCounter.find(cards), clock)

    def look(self) -> None:
        """Read a counter before it has gone round; may be called as often as is handy."""
        now_s = self._clock()
        if self._counter is not None and now_s - self._looked_s >= SECONDS_BETWEEN_LOOKS:
            self._looked_s = now_s
            self._counter.look()

    def stop(self) -> Usage:
        """Return what was used since `start`."""
        facts, counter = self._facts, self._counter
        wall_s = self._clock() - self._started_s
        if counter is not None:
            counter.look()
        counted_j = None if counter is None else counter.energy_j()
        device_s = wall_s * facts.devices
        return Usage(
            device=facts.name,
            processes=facts.processes,
            cores=facts.cores,
            wall_s=wall_s,
            device_s=device_s,
            energy_j=device_s * facts.assumed_w if counted_j is None else counted_j,
            how=facts.assumed if counter is None or counted_j is None else counter.how,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What is known when a run begins; `devices` are cores or cards that it keeps."""

    name: str
    processes: int
    cores: int
    devices: int
    assumed_w: float
    assumed: str
