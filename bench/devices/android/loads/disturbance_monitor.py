"""Rounds as they are run, each checked for the phone's heat.

The phone falls idle only to be looked at, every now and then, and to cool.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from bench.devices.android.facts.cooling import CoolDown, HeatWatch, Signs
from bench.devices.android.facts.cores import parse_list
from bench.devices.android.facts.device_state import PhoneState, joined
from bench.devices.android.facts.facts import plausible_khz
from bench.devices.android.facts.temperatures import hottest_c, nearest_part
from bench.devices.android.loads.runner_session import CREDITS, RunnerProcess
from bench.devices.android.phone.connection import Connection
from bench.devices.android.phone.phone import read_moment
from bench.devices.android.runner.runner_text import PassEnded
from bench.integers import parse_integer
from bench.protocol.device import THROTTLED, Facts, PassResult

LOOK_EVERY_S = 20.0  # how old what is known of screen, cable and heat may become


@dataclass(frozen=True, slots=True)
class Heat:
    """What is kept of a phone's heat from load to load."""

    cores: str
    watch: HeatWatch
    cool_down: CoolDown


class WatchedPasses:
    """The passes of one load; `now` is what the phone was before it."""

    def __init__(
        self,
        running: RunnerProcess,
        connection: Connection,
        heat: Heat,
        now: PhoneState,
        clock_s: Callable[[], float],
    ) -> None:
        self._running = running
        self._connection = connection
        self._heat = heat
        self._now = now
        self._clock_s = clock_s
        self._looked_s = clock_s()
        self._why = ""  # what is to be cooled down for

    def next_pass(self, left: int, compute: Sequence[int]) -> PassResult:
        """Run one; `left` are wanted, this one included. `compute` is where that reference is."""
        pausing = self._why or self._clock_s() - self._looked_s >= LOOK_EVERY_S
        cooled_s = self._pause() if pausing and self._running.idle else 0.0
        if not pausing or self._running.idle:
            self._running.grant(min(CREDITS, left))
        ended = self._running.next_pass()
        signs = _signs(ended, self._now, compute)
        why = self._heat.watch.throttled(signs)
        self._why = why or self._why
        facts: Facts = {
            **pass_facts(ended, parse_list(self._heat.cores), signs.temperature_c),
            **self._now.state(),
            "cooled_s": round(cooled_s, 3),
            THROTTLED: bool(why),
            "throttled_by": why or None,
        }
        return PassResult(
            samples_ns=ended.samples_ns, order=ended.order, retaken=ended.retaken, facts=facts
        )

    def _pause(self) -> float:
        """Look at the phone, and wait where it is too hot; seconds that it was waited for."""
        self._now = read_moment(self._connection)
        waited_s = 0.0
        if self._why:
            waited_s = self._heat.cool_down.wait(self._why, self._look)
            self._why = ""
        self._looked_s = self._clock_s()
        return waited_s

    def _look(self) -> PhoneState:
        self._now = read_moment(self._connection)
        return self._now


def pass_facts(ended: PassEnded, cores: Sequence[int], temperature_c: float | None) -> Facts:
    """What the runner said of a pass. Its time of day is this machine's: a phone's may jump."""
    clocks = _by_core(ended)
    used = [khz for core, khz in clocks.items() if not cores or core in cores]
    return {
        "taken_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "load_average": ended.load_average,
        "frequency_now_khz": max(used, default=None),
        "frequencies_khz": joined(clocks),
        "temperature_c": temperature_c,
        "temperatures_c": joined(ended.temperatures_c),
        "disturbed_visits_kept": ended.kept,
        "pass_ns": ended.ended_ns - ended.began_ns,
    }


def _signs(ended: PassEnded, now: PhoneState, compute: Sequence[int]) -> Signs:
    later = ended.samples_ns[list(compute), 1:] if compute else np.empty(0)
    if compute and later.size == 0:
        later = ended.samples_ns[list(compute)]
    # The runner reads zones alone: where the thermal HAL is nearer to the cores, that counts.
    runner_c = hottest_c(ended.temperatures_c)
    if nearest_part(ended.temperatures_c) > nearest_part(now.temperatures_c, now.parts):
        runner_c = None
    return Signs(
        frequencies_khz=_by_core(ended),
        limits_khz=now.limits_khz,
        thermal_status=now.thermal_status,
        temperature_c=now.temperature_c if runner_c is None else runner_c,
        reference_ns=float(np.median(later)) if later.size else None,
    )


def _by_core(ended: PassEnded) -> dict[int, int]:
    clocks = ended.frequencies_khz.items()
    names = ((parse_integer(name.removeprefix("cpu")), round(khz)) for name, khz in clocks)
    return {
        core: khz
        for core, khz in names
        if core is not None and core >= 0 and plausible_khz(khz) is not None
    }
