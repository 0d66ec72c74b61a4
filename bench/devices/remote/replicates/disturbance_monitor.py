"""Disturbance monitor of a device: rounds as they run, each checked for throttling.

The device is idle only while its state is read, at intervals, and while it cools down.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from bench.devices.remote.facts.cooling import CoolDown, ThrottlingDetector, ThrottlingSigns
from bench.devices.remote.facts.core_files import plausible_khz
from bench.devices.remote.facts.cores import parse_list
from bench.devices.remote.facts.device_state import DeviceState, joined
from bench.devices.remote.facts.temperatures import hottest_c, nearest_part
from bench.devices.remote.replicates.runner_session import CREDITS, RunnerProcess
from bench.devices.remote.runner.runner_protocol import RoundEnded
from bench.integers import parse_integer
from bench.protocol.device import THROTTLED, Facts, RoundResult

LOOK_EVERY_S = 20.0  # highest age of what is known about screen, cable and thermal state


@dataclass(frozen=True, slots=True)
class ThermalState:
    """A device's thermal state, kept across replicates."""

    cores: str
    watch: ThrottlingDetector
    cool_down: CoolDown


class MonitoredRounds:
    """The rounds of one replicate; `now` is the device's state before it."""

    def __init__(
        self,
        running: RunnerProcess,
        read_state: Callable[[], DeviceState],
        heat: ThermalState,
        now: DeviceState,
        clock_s: Callable[[], float],
    ) -> None:
        self._running = running
        self._read = read_state
        self._heat = heat
        self._now = now
        self._clock_s = clock_s
        self._looked_s = clock_s()
        self._throttled_by = ""  # reason for the next cool-down

    def next_round(self, left: int, compute: Sequence[int]) -> RoundResult:
        """Run one round; `left` rounds are wanted, including this one.

        `compute` are the places of the compute reference.
        """
        pausing = self._throttled_by or self._clock_s() - self._looked_s >= LOOK_EVERY_S
        cooled_s = self._pause() if pausing and self._running.idle else 0.0
        if not pausing or self._running.idle:
            self._running.grant(min(CREDITS, left))
        measured = self._running.next_round()
        signs = _signs(measured, self._now, compute)
        reason = self._heat.watch.throttled(signs)
        self._throttled_by = reason or self._throttled_by
        facts: Facts = {
            **round_facts(measured, parse_list(self._heat.cores), signs.temperature_c),
            **self._now.state(),
            "cooled_s": round(cooled_s, 3),
            THROTTLED: bool(reason),
            "throttled_by": reason or None,
        }
        return RoundResult(
            samples_ns=measured.samples_ns,
            order=measured.order,
            repeated_bursts=measured.retaken,
            facts=facts,
        )

    def _pause(self) -> float:
        """Read the device's state, and wait if it is too hot; return the seconds waited."""
        self._now = self._read()
        waited_s = 0.0
        if self._throttled_by:
            waited_s = self._heat.cool_down.wait(self._throttled_by, self._read_state)
            self._throttled_by = ""
        self._looked_s = self._clock_s()
        return waited_s

    def _read_state(self) -> DeviceState:
        self._now = self._read()
        return self._now


def round_facts(measured: RoundEnded, cores: Sequence[int], temperature_c: float | None) -> Facts:
    """Return the runner's facts of a round, with this machine's time: a device's clock may jump."""
    clocks = _by_core(measured)
    used = [khz for core, khz in clocks.items() if not cores or core in cores]
    return {
        "taken_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "load_average": measured.load_average,
        "frequency_now_khz": max(used, default=None),
        "frequencies_khz": joined(clocks),
        "temperature_c": temperature_c,
        "temperatures_c": joined(measured.temperatures_c),
        "disturbed_visits_kept": measured.kept,
        "pass_ns": measured.ended_ns - measured.began_ns,
    }


def _signs(measured: RoundEnded, state: DeviceState, compute: Sequence[int]) -> ThrottlingSigns:
    later = measured.samples_ns[list(compute), 1:] if compute else np.empty(0)
    if compute and later.size == 0:
        later = measured.samples_ns[list(compute)]
    # The runner reads zones only: if the thermal HAL is nearer to the cores, it counts.
    runner_c = hottest_c(measured.temperatures_c)
    if nearest_part(measured.temperatures_c) > nearest_part(state.temperatures_c, state.parts):
        runner_c = None
    return ThrottlingSigns(
        frequencies_khz=_by_core(measured),
        limits_khz=state.limits_khz,
        reported=state.reported_throttling,
        temperature_c=state.temperature_c if runner_c is None else runner_c,
        reference_ns=float(np.median(later)) if later.size else None,
    )


def _by_core(measured: RoundEnded) -> dict[int, int]:
    clocks = measured.frequencies_khz.items()
    names = ((parse_integer(name.removeprefix("cpu")), round(khz)) for name, khz in clocks)
    return {
        core: khz
        for core, khz in names
        if core is not None and core >= 0 and plausible_khz(khz) is not None
    }
