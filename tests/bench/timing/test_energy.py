"""`Energy`: mean over replicates, interval, and what is below the sensor's resolution."""

import math
from dataclasses import replace

import pytest

from bench.errors import InputError
from bench.protocol.energy import EnergyPlan, EnergyReading
from bench.timing.energy import Energy

# 10 J in 1 s, of which 4 J idle: 6 J by 1,000 inferences in 0.9 s.
READING = EnergyReading(
    place=0,
    inferences=1000,
    window_s=1.0,
    busy_s=0.9,
    joules=10.0,
    uncertainty_j=0.0,
    idle_before_w=4.0,
    idle_after_w=4.0,
    idle_uncertainty_w=0.0,
    peak_memory_bytes=1000,
)


def test_one_replicate_has_no_interval() -> None:
    energy = Energy.of([READING], "rapl")

    assert energy.energy_mj == pytest.approx(6.0)
    assert energy.with_idle_mj == pytest.approx(6.0 + 0.9 * 4.0)
    assert math.isnan(energy.low_mj)
    assert (energy.source, energy.replicates, energy.peak_memory_bytes) == ("rapl", 1, 1000)


def test_the_interval_is_of_as_many_other_replicates() -> None:
    energy = Energy.of([replace(READING, joules=joules) for joules in (9.9, 10.0, 10.1)], "rapl")

    # Student's t of 2 degrees, 4.303, times 0.1 mJ, times the root of 2/3.
    half = 4.303 * 0.1 * math.sqrt(2 / 3)
    assert energy.energy_mj == pytest.approx(6.0)
    assert energy.low_mj == pytest.approx(6.0 - half)
    assert energy.high_mj == pytest.approx(6.0 + half)


def test_resolution_and_change_of_idle_power_widen_the_interval() -> None:
    reading = replace(
        READING, uncertainty_j=0.3, idle_before_w=3.7, idle_after_w=4.3, idle_uncertainty_w=0.1
    )

    energy = Energy.of([reading, reading], "rapl")

    # 0.3 J of the window, and 0.3 + 0.1 W of the idle power over 1 s; nothing by scatter.
    assert energy.high_mj - energy.energy_mj == pytest.approx(0.5)
    assert energy.peak_memory_bytes == 1000


def test_energy_below_the_resolution_is_unknown_and_keeps_the_memory() -> None:
    energy = Energy.of([replace(READING, joules=4.2, uncertainty_j=0.3)], "rapl")

    assert not energy.known
    assert energy.peak_memory_bytes == 1000
    assert energy.to_json()["energy_mj"] is None


@pytest.mark.parametrize(
    "lacking",
    [
        replace(READING, joules=None),
        replace(READING, idle_before_w=None),
        replace(READING, idle_after_w=None),
    ],
)
def test_a_reading_without_one_figure_does_not_count(lacking: EnergyReading) -> None:
    energy = Energy.of([READING, lacking], "rapl")

    assert energy.replicates == 1


@pytest.mark.parametrize("least_s", [0.0, -1.0, float("nan"), float("inf"), 3600.0])
def test_the_time_of_a_plan_is_checked(least_s: float) -> None:
    with pytest.raises(InputError, match="expected more than 0 and less than 1 h"):
        EnergyPlan(least_s=least_s)
