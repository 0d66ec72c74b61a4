"""Detects thermal throttling of a phone, and waits until it has cooled down.

Phones are cooled by their case alone: after seconds to minutes of work they lower their clocks.
No single sign is enough. Clocks fall, their limits are lowered, Android says so, and the compute
reference, which nothing but the processor decides, takes longer.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.devices.android.facts.device_state import THERMAL_STATES, PhoneState

FALLEN = 0.95  # of the highest clock so far; governors step by less than phones do when hot
SLOWER = 1.10  # of the reference's best median in the load
HOTTER_C = 5.0  # above the start, for a slow reference to be the heat's doing
THROTTLING = THERMAL_STATES.index("moderate")  # PowerManager: light is not felt yet
COOL_C = 1.0  # above the start is cool enough
POLL_S = 5.0
BLIND_S = 30.0  # what is waited where no temperature is told


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What one pass says of the phone's heat; frequencies of the cores in use, in kHz."""

    frequencies_khz: Mapping[int, int] = field(default_factory=dict)
    limits_khz: Mapping[int, int] = field(default_factory=dict)
    thermal_status: int | None = None
    temperature_c: float | None = None
    reference_ns: float | None = None  # the compute reference's median


class HeatWatch:
    """Holds what was seen so far against each pass. `cores` are those in use, empty for all."""

    def __init__(self, cores: Sequence[int], start_c: float | None) -> None:
        self._cores = frozenset(cores)
        self._start_c = start_c
        self._best_khz = 0
        self._limits_khz: dict[int, int] = {}
        self._reference_ns = float("inf")

    def begin_load(self) -> None:
        """Models lie anew in memory: what the reference took is of an earlier load."""
        self._reference_ns = float("inf")

    def throttled(self, signs: Signs) -> str:
        """Say why the pass is to be taken for throttled; "" where nothing shows it."""
        found = [
            self._clock(signs.frequencies_khz),
            self._limit(signs.limits_khz),
            self._status(signs.thermal_status),
            self._reference(signs),
        ]
        return ", ".join(filter(None, found))

    def _clock(self, frequencies_khz: Mapping[int, int]) -> str:
        used = self._used(frequencies_khz)
        now_khz = max(used.values(), default=0)
        self._best_khz = max(self._best_khz, now_khz)
        if used and now_khz < FALLEN * self._best_khz:
            return f"the clock is {_ghz(now_khz)}, it was {_ghz(self._best_khz)}"
        return ""

    def _limit(self, limits_khz: Mapping[int, int]) -> str:
        lowered = ""
        for core, limit_khz in self._used(limits_khz).items():
            highest_khz = max(limit_khz, self._limits_khz.get(core, 0))
            self._limits_khz[core] = highest_khz
            if limit_khz < highest_khz:
                lowered = f"core {core} is held to {_ghz(limit_khz)}"
        return lowered

    def _status(self, status: int | None) -> str:
        if status is None or status < THROTTLING:
            return ""
        return f"Android's thermal status is {THERMAL_STATES[status]}"

    def _reference(self, signs: Signs) -> str:
        """A slow reference counts where it is hot, or where nothing else is told."""
        if signs.reference_ns is None:
            return ""
        self._reference_ns = min(self._reference_ns, signs.reference_ns)
        slower = signs.reference_ns / self._reference_ns
        if slower < SLOWER:
            return ""
        if signs.temperature_c is not None and self._start_c is not None:
            if signs.temperature_c < self._start_c + HOTTER_C:
                return ""
        elif self._used(signs.frequencies_khz):
            return ""
        return f"the compute reference takes {slower - 1:.0%} longer"

    def _used(self, values: Mapping[int, int]) -> dict[int, int]:
        return {n: v for n, v in values.items() if not self._cores or n in self._cores}


class CoolDown:
    """Waits for the starting temperature, with a limit for each wait and for all together.

    `tell` hears of each wait once, and once that the limit for all is reached.
    """

    def __init__(  # noqa: PLR0913
        self,
        start_c: float | None,
        *,
        wait_s: float,
        total_s: float,
        tell: Callable[[str], None],
        clock_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._start_c = start_c
        self._wait_s = wait_s
        self._left_s = total_s
        self._tell = tell
        self._clock_s = clock_s
        self._sleep = sleep
        self._told_spent = False

    def wait(self, why: str, look: Callable[[], PhoneState]) -> float:
        """Wait until it is cool or a limit is reached; return the seconds that passed."""
        began_s = self._clock_s()
        most_s = min(self._wait_s, self._left_s)
        if most_s <= 0:
            self._tell_spent()
            return 0.0
        told = False
        while True:
            now_c = look().temperature_c
            spent_s = self._clock_s() - began_s
            if self._is_cool(now_c, spent_s) or spent_s >= most_s:
                break
            if not told:
                self._tell(f"cooling down for at most {most_s:.0f} s ({why}; {self._goal(now_c)})")
                told = True
            self._sleep(min(POLL_S, most_s - spent_s))
        self._left_s -= spent_s
        return spent_s

    def _is_cool(self, now_c: float | None, spent_s: float) -> bool:
        if now_c is None or self._start_c is None:
            return spent_s >= BLIND_S
        return now_c <= self._start_c + COOL_C

    def _goal(self, now_c: float | None) -> str:
        if now_c is None or self._start_c is None:
            return "no temperature is told"
        return f"{now_c:.1f} C, it was {self._start_c:.1f} C at the start"

    def _tell_spent(self) -> None:
        if not self._told_spent:
            self._tell("no time is left to cool down: throttled rounds are marked")
            self._told_spent = True


def _ghz(khz: int) -> str:
    return f"{khz / 1e6:.2f} GHz"
