"""Detection of a device's thermal throttling, and waiting until it has cooled down.

Phones and many boards have no fan: after seconds to minutes of work they lower their clocks. No
single sign is sufficient. Clocks fall, their limits are lowered, the system reports it, and the
compute reference, which depends on the processor alone, takes longer.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.devices.remote.facts.device_state import DeviceState

FALLEN = 0.95  # of the highest clock so far; governors' steps are smaller than those of throttling
SLOWER = 1.10  # of the reference's best median in the replicate
HOTTER_C = 5.0  # above the start, for a slow reference to count as heat
COOL_C = 1.0  # above the start is cool enough
POLL_S = 5.0
BLIND_S = 30.0  # waiting time if no temperature is known


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottlingSigns:
    """Signs of throttling in one round; frequencies of the cores in use, in kHz."""

    frequencies_khz: Mapping[int, int] = field(default_factory=dict)
    limits_khz: Mapping[int, int] = field(default_factory=dict)
    reported: str = ""  # what the system itself reports as throttling
    temperature_c: float | None = None
    reference_ns: float | None = None  # the compute reference's median


class ThrottlingDetector:
    """Compares each round with earlier ones. `cores` are those in use, empty for all.

    With `blind` a slow reference counts where neither temperatures nor clocks are known.
    """

    def __init__(self, cores: Sequence[int], start_c: float | None, *, blind: bool = True) -> None:
        self._blind = blind
        self._cores = frozenset(cores)
        self._start_c = start_c
        self._best_khz = 0
        self._limits_khz: dict[int, int] = {}
        self._reference_ns = float("inf")

    def begin_replicate(self) -> None:
        """Begin a replicate: models have other memory, so earlier reference times do not count."""
        self._reference_ns = float("inf")

    def throttled(self, signs: ThrottlingSigns) -> str:
        """Return why the round counts as throttled; "" if nothing shows it."""
        reasons = [
            self._clock(signs.frequencies_khz),
            self._limit(signs.limits_khz),
            signs.reported,
            self._reference(signs),
        ]
        return ", ".join(filter(None, reasons))

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

    def _reference(self, signs: ThrottlingSigns) -> str:
        """Return that the reference is slow, if the device is hot or nothing else is known."""
        if signs.reference_ns is None:
            return ""
        self._reference_ns = min(self._reference_ns, signs.reference_ns)
        slower = signs.reference_ns / self._reference_ns
        if slower < SLOWER:
            return ""
        if signs.temperature_c is not None and self._start_c is not None:
            if signs.temperature_c < self._start_c + HOTTER_C:
                return ""
        elif not self._blind or self._used(signs.frequencies_khz):
            return ""
        return f"the compute reference takes {slower - 1:.0%} longer"

    def _used(self, values: Mapping[int, int]) -> dict[int, int]:
        return {n: v for n, v in values.items() if not self._cores or n in self._cores}


class CoolDown:
    """Waits for the starting temperature, with a limit for each wait and for all together.

    `notify` receives a message once per wait, and once when the limit for all is reached.
    """

    def __init__(  # noqa: PLR0913
        self,
        start_c: float | None,
        *,
        wait_s: float,
        total_s: float,
        notify: Callable[[str], None],
        clock_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._start_c = start_c
        self._wait_s = wait_s
        self._left_s = total_s
        self._notify = notify
        self._clock_s = clock_s
        self._sleep = sleep
        self._reported_limit = False

    def wait(self, reason: str, read_state: Callable[[], DeviceState]) -> float:
        """Wait until it is cool or a limit is reached; return the seconds that passed."""
        began_s = self._clock_s()
        limit_s = min(self._wait_s, self._left_s)
        if limit_s <= 0:
            self._report_limit()
            return 0.0
        reported = False
        while True:
            now_c = read_state().temperature_c
            waited_s = self._clock_s() - began_s
            if self._is_cool(now_c, waited_s) or waited_s >= limit_s:
                break
            if not reported:
                self._notify(
                    f"cooling down for at most {limit_s:.0f} s ({reason}; {self._goal(now_c)})"
                )
                reported = True
            self._sleep(min(POLL_S, limit_s - waited_s))
        self._left_s -= waited_s
        return waited_s

    def _is_cool(self, now_c: float | None, waited_s: float) -> bool:
        if now_c is None or self._start_c is None:
            return waited_s >= BLIND_S
        return now_c <= self._start_c + COOL_C

    def _goal(self, now_c: float | None) -> str:
        if now_c is None or self._start_c is None:
            return "no temperature is known"
        return f"{now_c:.1f} C, it was {self._start_c:.1f} C at the start"

    def _report_limit(self) -> None:
        if not self._reported_limit:
            self._notify("no time is left to cool down: throttled rounds are counted as disturbed")
            self._reported_limit = True


def _ghz(khz: int) -> str:
    return f"{khz / 1e6:.2f} GHz"
