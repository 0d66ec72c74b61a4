"""Energy of an exported network, measured like that of a sweep's workloads, with its verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from bench.blocks.spec import BlockSpec
from bench.devices.device_lock import measuring
from bench.protocol.device import Workload
from bench.protocol.energy import (
    LEAST_S,
    EnergyDevice,
    EnergyPlan,
    EnergyReading,
    energy_source_of,
)
from bench.reading import Positive, from_plain
from bench.timing.energy import Energy
from supernet.verification.verify import FileBackend, MeasuringSetup


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedEnergy:
    """Energy of a network and its limit in mJ, both without the idle device's power.

    `reason` says why the energy is not known; "" where it is.
    """

    energy: Energy = field(default_factory=Energy)
    limit_mj: float | None = None
    reason: str = ""

    @property
    def limit_met(self) -> bool | None:
        """The verdict on the limit; None without a limit, or without a known energy."""
        if self.limit_mj is None or not self.energy.known:
            return None
        return self.energy.energy_mj <= self.limit_mj

    def to_json(self) -> dict[str, Any]:
        """Return the fields and the verdict as JSON values; null where unknown."""
        return {
            **self.energy.to_json(),
            "limit_mj": self.limit_mj,
            "limit_met": self.limit_met,
            "reason": self.reason,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned; `WrongValueError` for anything else."""
        values = from_plain(_Values, dict(data), "an energy", other_keys=True)
        known = {
            name: value
            for name in Energy.__dataclass_fields__
            if (value := getattr(values, name)) is not None
        }
        return cls(energy=Energy(**known), limit_mj=values.limit_mj, reason=values.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Values:
    """What is read of a judged energy; its verdict is given again."""

    energy_mj: Positive | None
    low_mj: float | None
    high_mj: float | None
    with_idle_mj: float | None
    idle_w: float | None
    source: str
    replicates: int
    peak_memory_bytes: int | None
    limit_mj: Positive | None
    reason: str


def measure_energy(
    content: bytes,
    blocks: Sequence[BlockSpec],
    bench: MeasuringSetup,
    limit_mj: float | None = None,
    *,
    least_s: float = LEAST_S,
) -> JudgedEnergy:
    """Measure the energy of a model file, once in each replicate of the plan.

    The reason is stated where the device reports none. Raises `DeviceError` if the sensor fails.
    """
    device, plan = bench.device, bench.plan
    source = energy_source_of(device)
    if not isinstance(device, EnergyDevice):
        return JudgedEnergy(limit_mj=limit_mj, reason=source.reason)
    work = [Workload(role="network", blocks=tuple(blocks))]
    backend = FileBackend(bench.backend, blocks, content)
    readings: list[EnergyReading] = []
    with measuring(device):
        bench.progress.start(plan.replicates, "measuring energy")
        for number in range(plan.replicates):
            energy_plan = EnergyPlan(least_s=least_s, seed=plan.replicate_plan(0, number).seed)
            readings += device.measure_energy(work, backend, bench.target, energy_plan)
            bench.progress.advance()
        bench.progress.close()
    energy = Energy.of(readings, source.name)
    reason = source.reason
    if not energy.known and not reason:
        reason = f"it is below the resolution of {source.name}"
    return JudgedEnergy(energy=energy, limit_mj=limit_mj, reason=reason)
