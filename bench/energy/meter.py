"""Resource use of a run: device time, and energy, as counted by the device or as assumed."""

import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from bench.devices.cpu.host_facts import cpu_model
from bench.energy.counters import Counter, NvmlCounter, RaplCounter, cards_from
from bench.reading import Count, NonNegative, from_plain

# Server CPUs' design power per core is 4 to 7 W: AMD EPYC 7763 has 280 W for 64 cores, Intel Xeon
# Platinum 8380 270 W for 40.
ASSUMED_W_PER_CORE = 5.0
# Board power of GPUs that networks are trained on: NVIDIA V100 PCIe 250 W, A100 PCIe 300 W, H100
# PCIe 350 W. Used only for a GPU that does not report its power limit.
ASSUMED_W_PER_CARD = 300.0
SECONDS_BETWEEN_LOOKS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Resources that one run used of `device`, the name of a CPU or GPU.

    `device_s` are core-seconds on a CPU (`wall_s` times `cores`), GPU-seconds on GPUs; device hours
    are computed from them. `cores` are those of all `processes` together. `how` is the source of
    `energy_j`: "rapl", "nvml", or the assumption, as "assumed 5 W a core".
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
        """Read what `to_json` wrote; `InputError` for anything else."""
        return from_plain(cls, data, "a usage", advice="measure it again", other_keys=True)


class EnergyMeter:
    """Meters a run from `start` to `stop`. It raises no errors: unreadable values are assumed.

    Call `look` regularly, because a CPU's counter wraps around within minutes; it reads at most
    once in half a minute. `stop` may be called again later, for the whole run.
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
        """Start metering. `device` is torch's name (`cpu`, `cuda:1`); `threads` are of one process.

        One meter counts for all `processes` of a run on this machine; on GPUs each has its own,
        numbered consecutively from the named one.
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
        gpus = cards_from(int(device.partition(":")[2] or 0), processes)
        gpu_facts = gpus[0].facts() if gpus else None
        limit_w = gpu_facts.power_limit_w if gpu_facts is not None else None
        watts = limit_w or ASSUMED_W_PER_CARD
        facts = _Facts(
            name=gpu_facts.name if gpu_facts is not None else device,
            processes=processes,
            cores=cores,
            devices=len(gpus) or processes,
            assumed_w=watts,
            assumed=f"assumed {watts:g} W a card" + (", its power limit" if limit_w else ""),
        )
        return cls(facts, NvmlCounter.find(gpus), clock)

    def look(self) -> None:
        """Read the counter if half a minute has passed; may be called at any time."""
        now_s = self._clock()
        if self._counter is not None and now_s - self._looked_s >= SECONDS_BETWEEN_LOOKS:
            self._looked_s = now_s
            self._counter.look()

    def stop(self) -> Usage:
        """Return the resources used since `start`."""
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
    """Known at a run's start; `devices` is the number of cores or GPUs that it occupies."""

    name: str
    processes: int
    cores: int
    devices: int
    assumed_w: float
    assumed: str
