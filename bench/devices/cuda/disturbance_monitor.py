"""Disturbances of a GPU while it measures: throttling, and other processes."""

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from bench.devices.cuda.clock_reasons import POWER_CAP, THROTTLING, names_of
from bench.devices.cuda.gpu_state import GpuReading, GpuState
from bench.errors import DeviceError
from bench.protocol.device import THROTTLED, Facts

BUSY_SHARE = 0.05


class GpuMonitor:
    """Monitor of a GPU; reads it before, during and after each burst.

    A burst during which the GPU throttled is disturbed. Another process on the GPU disturbs all
    bursts since the last check without one. See `bench.timing.interleaving.DisturbanceMonitor`.
    """

    def __init__(
        self, card: GpuState, own_pids: Callable[[], set[int]] = lambda: {os.getpid()}
    ) -> None:
        self._card = card
        self._own_pids = own_pids
        self._moments: list[GpuReading] = []
        self._visit_from = 0
        self._others = 0

    def reset(self) -> None:
        """See `Watch`."""

    def begin(self) -> None:
        """See `Watch`."""
        # The reading that ended one burst begins the next.
        self._visit_from = max(0, len(self._moments) - 1)
        if not self._moments:
            self.look()

    def look(self) -> None:
        """Read the GPU's state."""
        self._moments.append(self._card.moment())

    def preempted(self) -> bool:
        """See `Watch`."""
        self.look()
        readings = self._moments[self._visit_from :]
        return any((reading.reasons or 0) & THROTTLING for reading in readings)

    def stolen(self, *, last: bool = False) -> bool | None:
        """See `Watch`; checked once a round, because listing processes takes time."""
        if not last:
            return None
        others = len(others_on(self._card, self._own_pids()))
        self._others = max(self._others, others)
        return others > 0

    def facts(self) -> Facts:
        """Return the facts of the round that just ended."""
        readings, self._moments = self._moments, []
        others, self._others = self._others, 0
        return {
            "taken_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            **round_facts(readings, others),
        }


def round_facts(readings: Sequence[GpuReading], others: int) -> Facts:
    """Return a round's facts; it is throttled if the GPU protected itself or was shared."""
    reasons = 0
    for reading in readings:
        reasons |= reading.reasons or 0
    clocks = sorted(
        reading.clock_sm_mhz for reading in readings if reading.clock_sm_mhz is not None
    )
    temperatures = [
        reading.temperature_c for reading in readings if reading.temperature_c is not None
    ]
    powers = [reading.power_w for reading in readings if reading.power_w is not None]
    capped = [reading for reading in readings if (reading.reasons or 0) & POWER_CAP]
    causes = names_of(reasons & THROTTLING) + (["another_process"] if others else [])
    return {
        "clock_sm_mhz": clocks[len(clocks) // 2] if clocks else None,
        "clock_sm_least_mhz": clocks[0] if clocks else None,
        "clock_sm_most_mhz": clocks[-1] if clocks else None,
        "temperature_c": max(temperatures, default=None),
        "power_w": max(powers, default=None),
        "clock_reasons": ",".join(names_of(reasons)) or None,
        "power_capped_share": len(capped) / len(readings) if readings else None,
        "other_processes": others,
        THROTTLED: bool(causes),
        "throttled_by": ",".join(causes) or None,
    }


def others_on(card: GpuState, own_pids: set[int]) -> list[int]:
    """Return the processes on the GPU that are not ours."""
    return [process.pid for process in card.processes() if process.pid not in own_pids]


def check_quiet(card: GpuState, address: str, own_pids: set[int]) -> None:
    """Raise `DeviceError`, naming the other users of the GPU, unless it is idle."""
    others = [process for process in card.processes() if process.pid not in own_pids]
    if others:
        names = ", ".join(
            f"{_name(process.pid)} ({_size(process.used_bytes)})" for process in others[:3]
        )
        raise DeviceError(
            f"device {address} is used by {len(others)} other processes: {names}; "
            "stop them, or measure anyway with --force"
        )
    busy = card.busy_share()
    if busy is not None and busy > BUSY_SHARE:
        raise DeviceError(
            f"device {address} is {busy:.0%} busy with unknown work, at most "
            f"{BUSY_SHARE:.0%} is expected; stop it, or measure anyway with --force"
        )


def _name(pid: int) -> str:
    import psutil

    try:
        return f"{psutil.Process(pid).name()}, process {pid}"
    except psutil.Error:  # of another container, or ended
        return f"process {pid}"


def _size(used_bytes: int | None) -> str:
    return "size unknown" if used_bytes is None else f"{used_bytes >> 20} MiB"
