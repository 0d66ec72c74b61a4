"""Throttling of a GPU, and its use by other processes."""

import os
from dataclasses import replace

import pytest

from bench.devices.cuda.clock_reasons import names_of
from bench.devices.cuda.disturbance_monitor import GpuMonitor, check_quiet, round_facts
from bench.devices.cuda.gpu_state import GpuProcess, GpuReading
from bench.errors import DeviceError
from bench.protocol.device import THROTTLED
from tests.support.fake_nvml import CALM, FakeGpuState

HOT = replace(CALM, reasons=0x40, temperature_c=90, clock_sm_mhz=1_200)
CAPPED = replace(CALM, reasons=0x4, power_w=700.0, clock_sm_mhz=1_700)
STRANGER = GpuProcess(pid=999_999_999, used_bytes=3 << 20)
ME = {os.getpid()}


def burst(monitor: GpuMonitor) -> bool:
    """Return whether a burst was disturbed, with the readings of `EventTimer`."""
    monitor.begin()
    monitor.look()
    return monitor.preempted()


def test_clock_reasons_have_names() -> None:
    assert names_of(0) == []
    assert names_of(0x44) == ["sw_power_cap", "hw_thermal_slowdown"]
    assert names_of(0x1000) == ["reason_0x1000"]


def test_a_burst_is_disturbed_by_throttling_before_during_or_after_it() -> None:
    # Readings: 1 begins the first burst, 2 and 3 are in it, then two a burst.
    monitor = GpuMonitor(FakeGpuState(at=lambda reading: HOT if reading == 5 else CALM))

    assert [burst(monitor) for _ in range(4)] == [False, True, True, False]


def test_the_power_limit_disturbs_no_burst_and_is_counted_separately() -> None:
    monitor = GpuMonitor(FakeGpuState(at=lambda reading: CAPPED if reading > 3 else CALM))

    assert [burst(monitor) for _ in range(2)] == [False, False]
    facts = monitor.facts()
    assert facts["power_capped_share"] == 0.4
    assert facts["clock_reasons"] == "sw_power_cap"
    assert facts[THROTTLED] is False


def test_facts_of_a_round_summarise_its_readings() -> None:
    facts = round_facts([CALM, HOT, GpuReading()], others=1)

    assert facts == {
        "clock_sm_mhz": 1_980,
        "clock_sm_least_mhz": 1_200,
        "clock_sm_most_mhz": 1_980,
        "temperature_c": 90,
        "power_w": 300.0,
        "clock_reasons": "hw_thermal_slowdown",
        "power_capped_share": 0.0,
        "other_processes": 1,
        THROTTLED: True,
        "throttled_by": "hw_thermal_slowdown,another_process",
    }


def test_another_process_disturbs_the_round_in_which_it_is_seen() -> None:
    card = FakeGpuState()
    monitor = GpuMonitor(card)
    card.users.append(STRANGER)

    assert monitor.stolen() is None
    assert monitor.stolen(last=True) is True
    card.users.remove(STRANGER)
    assert monitor.stolen(last=True) is False
    assert monitor.facts()["throttled_by"] == "another_process"
    assert monitor.facts()["other_processes"] == 0


def test_an_idle_gpu_passes() -> None:
    check_quiet(FakeGpuState(busy=None), "cuda:0", ME)
    check_quiet(FakeGpuState(busy=0.01), "cuda:0", ME)


@pytest.mark.parametrize(
    ("card", "words"),
    [
        (FakeGpuState(users=[STRANGER]), r"cuda:0 is used by 1 .*process 999999999 \(3 MiB\)"),
        (FakeGpuState(users=[GpuProcess(pid=1, used_bytes=None)]), r"size unknown.*--force"),
        (FakeGpuState(busy=0.5), "cuda:0 is 50% busy"),
    ],
)
def test_a_gpu_in_use_is_refused(card: FakeGpuState, words: str) -> None:
    with pytest.raises(DeviceError, match=words):
        check_quiet(card, "cuda:0", ME)
