"""Compare the cost of networks for N devices: one supernet, or one training per device.

Costs are linear in N, so the comparison is the N at which two lines cross.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

from bench.errors import InputError

J_PER_KWH = 3.6e6
S_PER_H = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """Hours of a device (a core or a GPU), and the energy where it is known."""

    device_h: float
    kwh: float | None = None

    def __post_init__(self) -> None:
        for unit, value in (("device hours", self.device_h), ("kWh", self.kwh or 0.0)):
            if not 0 <= value < math.inf:
                raise InputError(f"a cost has {value} {unit}, expected a number of at least 0")

    def __add__(self, other: "Amount") -> "Amount":
        known = self.kwh is not None and other.kwh is not None
        return Amount(
            device_h=self.device_h + other.device_h,
            kwh=(self.kwh or 0.0) + (other.kwh or 0.0) if known else None,
        )

    def times(self, n: int) -> "Amount":
        """Return the cost of `n` repetitions."""
        return Amount(device_h=n * self.device_h, kwh=None if self.kwh is None else n * self.kwh)


NOTHING = Amount(device_h=0.0, kwh=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approach:
    """Way to produce networks for N devices: cost `once`, and `each` per device."""

    name: str
    once: Amount
    each: Amount

    def total(self, devices: int) -> Amount:
        """Return the cost for so many devices."""
        return self.once + self.each.times(devices)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """CO2 intensity of electricity, and the overhead of the data centre.

    `pue` is the power usage effectiveness: 1 counts only the devices.
    """

    g_per_kwh: float
    pue: float = 1.0

    def __post_init__(self) -> None:
        if not (0 < self.g_per_kwh < math.inf and 1 <= self.pue < math.inf):
            raise InputError(
                f"got {self.g_per_kwh} g a kWh and a PUE of {self.pue}, expected more than 0 g and "
                "a PUE of at least 1"
            )

    def co2e_kg(self, amount: Amount) -> float | None:
        """Return kilograms of CO2 equivalents; None where the energy is unknown."""
        return None if amount.kwh is None else amount.kwh * self.pue * self.g_per_kwh / 1000


def amount_of(device_s: float, energy_j: float | None) -> Amount:
    """Return the cost of a run from seconds and joules."""
    kwh = None if energy_j is None else energy_j / J_PER_KWH
    return Amount(device_h=device_s / S_PER_H, kwh=kwh)


def crossing(ours: Approach, other: Approach) -> float | None:
    """Return the N at which both take equal device hours; above it, `ours` is cheaper.

    Returns None where `ours` never becomes cheaper, and 0 where it is always cheaper.
    """
    return _crossing(
        ours.once.device_h - other.once.device_h, other.each.device_h - ours.each.device_h
    )


def energy_crossing(ours: Approach, other: Approach) -> float | None:
    """Return the same for energy (and so for CO2); None also where energy is unknown."""
    amounts = [amount.kwh for amount in (ours.once, other.once, other.each, ours.each)]
    if any(kwh is None for kwh in amounts):
        return None
    ours_once, other_once, other_each, ours_each = (kwh or 0.0 for kwh in amounts)
    return _crossing(ours_once - other_once, other_each - ours_each)


def first_cheaper(crosses_at: float | None) -> int | None:
    """Return the smallest number of devices for which the supernet is cheaper; None for never."""
    if crosses_at is None:
        return None
    nearest = round(crosses_at)
    equal_there = math.isclose(crosses_at, nearest, abs_tol=1e-9)
    return max(1, (nearest if equal_there else math.floor(crosses_at)) + 1)


def _crossing(more_once: float, saved_each: float) -> float | None:
    if saved_each <= 0:
        return None
    return max(0.0, more_once / saved_each)


PUBLISHED_SOURCE = "Cai et al., Once-for-All, ICLR 2020, Table 1, where N = 40"
PUBLISHED_DEVICES = 40


def _published(name: str, once_h: float, each_h: float) -> Approach:
    return Approach(name=name, once=Amount(device_h=once_h), each=Amount(device_h=each_h))


PUBLISHED_OURS = (
    _published("OFA", 1240, 0),
    _published("OFA, each tuned for 25 h", 1240, 25),
    _published("OFA, each tuned for 75 h", 1240, 75),
)
PUBLISHED_OTHERS = (
    _published("MobileNetV3-Large", 0, 180),
    _published("ProxylessNAS", 0, 500),
    _published("FBNet-C", 0, 576),
    _published("MnasNet", 0, 40_000),
)


def compared(
    ours: Approach, other: Approach, devices: tuple[int, ...], grid: Grid
) -> dict[str, Any]:
    """Return the comparison as JSON values: both approaches, totals by N, and the crossing."""
    crosses, energy_crosses = crossing(ours, other), energy_crossing(ours, other)
    return {
        "approaches": [
            {"name": approach.name, "once": asdict(approach.once), "each": asdict(approach.each)}
            for approach in (ours, other)
        ],
        "totals": [
            {
                "devices": n,
                "ours": amount_json(ours.total(n), grid),
                "other": amount_json(other.total(n), grid),
            }
            for n in devices
        ],
        "crosses_at": crosses,
        "cheaper_from": first_cheaper(crosses),
        "energy_crosses_at": energy_crosses,
        "energy_cheaper_from": first_cheaper(energy_crosses),
    }


def amount_json(amount: Amount, grid: Grid) -> dict[str, float | None]:
    """Return an amount, with its CO2 equivalents, as JSON values."""
    return {**asdict(amount), "co2e_kg": grid.co2e_kg(amount)}
