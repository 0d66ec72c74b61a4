"""Rounds of this machine's processor, each checked for throttling, as our runner's rounds are.

Limits of clocks, cooling devices and what the firmware reports are read at intervals: reading them
takes time in which the processor idles.
"""

import logging
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import replace
from subprocess import DEVNULL, PIPE, TimeoutExpired, run

import numpy as np

from bench.devices.remote.facts.cooling import CoolDown, ThrottlingDetector, ThrottlingSigns
from bench.devices.remote.facts.cores import parse_list
from bench.devices.remote.facts.device_state import DeviceState
from bench.devices.remote.machine import CoolingLimits
from bench.devices.remote.replicates.disturbance_monitor import LOOK_EVERY_S, ThermalState
from bench.devices.ssh.board.state import parse_state, state_script
from bench.protocol.clock import Clock, SystemClock
from bench.protocol.device import THROTTLED, RoundResult, Workload
from bench.timing.references import reference_places

READ_S = 30.0

SYSTEM: Clock = SystemClock()

logger = logging.getLogger(__name__)


def read_state() -> DeviceState:
    """Return the present state of this machine; what cannot be read is unknown."""
    try:
        completed = run(
            ["sh", "-c", state_script()],
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=DEVNULL,
            timeout=READ_S,
            check=False,
        )
    except (OSError, TimeoutExpired):
        return parse_state("")
    return parse_state(completed.stdout.decode(errors="replace"))


class ThrottlingWatch:
    """Marks rounds in which the machine was throttled, and lets it cool down before the next.

    What it has learnt of the machine's clocks is kept from replicate to replicate.
    """

    def __init__(self, read: Callable[[], DeviceState] = read_state, clock: Clock = SYSTEM) -> None:
        self._read, self._clock = read, clock
        self._heat: ThermalState | None = None

    def watched(
        self, rounds: Iterable[RoundResult], work: Sequence[Workload], cores: str
    ) -> Generator[RoundResult]:
        """Yield the rounds of a replicate on `cores`, with facts about throttling."""
        compute, _ = reference_places(list(work))
        now, looked_s = self._read(), self._clock.monotonic()
        heat, cooled_s = self._heat_for(cores, now.temperature_c), 0.0
        for result in rounds:
            if self._clock.monotonic() - looked_s >= LOOK_EVERY_S:
                now, looked_s = self._read(), self._clock.monotonic()
            reason = heat.watch.throttled(_signs(result, now, compute))
            facts = {
                **result.facts,
                **now.state(),
                "cooled_s": round(cooled_s, 3),
                THROTTLED: bool(reason),
                "throttled_by": reason or None,
            }
            yield replace(result, facts=facts)
            cooled_s = 0.0
            if reason:
                cooled_s = heat.cool_down.wait(reason, self._read)
                now, looked_s = self._read(), self._clock.monotonic()

    def _heat_for(self, cores: str, start_c: float | None) -> ThermalState:
        if self._heat is None or self._heat.cores != cores:
            limits = CoolingLimits()
            cool_down = CoolDown(
                start_c,
                wait_s=limits.wait_s,
                total_s=limits.total_s,
                notify=logger.warning,
                clock_s=self._clock.monotonic,
                sleep=self._clock.sleep,
            )
            detector = ThrottlingDetector(parse_list(cores), start_c)
            self._heat = ThermalState(cores, detector, cool_down)
        self._heat.watch.begin_replicate()
        return self._heat


def _signs(result: RoundResult, state: DeviceState, compute: Sequence[int]) -> ThrottlingSigns:
    """Return a round's signs; clock and temperature are those that were read right after it."""
    khz, celsius = result.facts.get("frequency_now_khz"), result.facts.get("temperature_c")
    temperature_c = celsius if isinstance(celsius, float) else state.temperature_c
    samples_ns = result.samples_ns[list(compute)]
    # A slow reference alone is no sign of heat: on a virtual machine others may be the reason.
    is_known = temperature_c is not None and len(compute) > 0
    return ThrottlingSigns(
        frequencies_khz={0: khz} if isinstance(khz, int) else {},
        limits_khz=state.limits_khz,
        reported=state.reported_throttling,
        temperature_c=temperature_c,
        reference_ns=float(np.median(samples_ns[:, 1:] if samples_ns.shape[1] > 1 else samples_ns))
        if is_known
        else None,
    )
