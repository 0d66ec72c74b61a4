"""Disturbances of a GPU while it measures: throttling, and other processes."""

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from bench.devices.cuda.gpu_state import CardMoment, GpuState
from bench.devices.cuda.reasons import POWER_CAP, THROTTLING, names_of
from bench.errors import DeviceError
from bench.protocol.device import THROTTLED, Facts

BUSY_SHARE = 0.05


class CardWatch:
    """See `bench.timing.passes.Watch`; looked at before, during and after each visit.

    A visit during which the card throttled is disturbed. Another process on the card disturbs all
    visits since it was last seen to be alone.
    """

    def __init__(
        self, card: GpuState, own_pids: Callable[[], set[int]] = lambda: {os.getpid()}
    ) -> None:
        self._card = card
        self._own_pids = own_pids
        self._moments: list[CardMoment] = []
        self._visit_from = 0
        self._others = 0

    def reset(self) -> None:
        """See `Watch`."""

    def begin(self) -> None:
        """See `Watch`."""
        # What ended one visit begins the next.
        self._visit_from = max(0, len(self._moments) - 1)
        if not self._moments:
            self.look()

    def look(self) -> None:
        """Note how the card does now."""
        self._moments.append(self._card.moment())

    def switched(self) -> bool:
        """See `Watch`."""
        self.look()
        seen = self._moments[self._visit_from :]
        return any((moment.reasons or 0) & THROTTLING for moment in seen)

    def stolen(self, *, last: bool = False) -> bool | None:
        """See `Watch`; asked once a round, for listing processes takes its time."""
        if not last:
            return None
        others = len(others_on(self._card, self._own_pids()))
        self._others = max(self._others, others)
        return others > 0

    def facts(self) -> Facts:
        """Facts of the pass that just ended."""
        moments, self._moments = self._moments, []
        others, self._others = self._others, 0
        return {
            "taken_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            **pass_facts(moments, others),
        }


def pass_facts(moments: Sequence[CardMoment], others: int) -> Facts:
    """Sum up a pass; it is throttled where the card protected itself or was not alone."""
    reasons = 0
    for moment in moments:
        reasons |= moment.reasons or 0
    clocks = sorted(one.clock_sm_mhz for one in moments if one.clock_sm_mhz is not None)
    temperatures = [one.temperature_c for one in moments if one.temperature_c is not None]
    powers = [one.power_w for one in moments if one.power_w is not None]
    capped = [one for one in moments if (one.reasons or 0) & POWER_CAP]
    by = names_of(reasons & THROTTLING) + (["another_process"] if others else [])
    return {
        "clock_sm_mhz": clocks[len(clocks) // 2] if clocks else None,
        "clock_sm_least_mhz": clocks[0] if clocks else None,
        "clock_sm_most_mhz": clocks[-1] if clocks else None,
        "temperature_c": max(temperatures, default=None),
        "power_w": max(powers, default=None),
        "clock_reasons": ",".join(names_of(reasons)) or None,
        "power_capped_share": len(capped) / len(moments) if moments else None,
        "other_processes": others,
        THROTTLED: bool(by),
        "throttled_by": ",".join(by) or None,
    }


def others_on(card: GpuState, own_pids: set[int]) -> list[int]:
    """Processes on the card that are not ours."""
    return [one.pid for one in card.processes() if one.pid not in own_pids]


def check_quiet(card: GpuState, address: str, own_pids: set[int]) -> None:
    """Raise `DeviceError` naming who else uses the card."""
    others = [one for one in card.processes() if one.pid not in own_pids]
    if others:
        told = ", ".join(f"{_name(one.pid)} ({_size(one.used_bytes)})" for one in others[:3])
        raise DeviceError(
            f"device {address} is used by {len(others)} other processes: {told}; "
            "stop them, or measure anyway with --force"
        )
    busy = card.busy_share()
    if busy is not None and busy > BUSY_SHARE:
        raise DeviceError(
            f"device {address} is {busy:.0%} busy with what the driver does not name, at most "
            f"{BUSY_SHARE:.0%} is expected; stop it, or measure anyway with --force"
        )


def _name(pid: int) -> str:
    import psutil

    try:
        return f"{psutil.Process(pid).name()}, process {pid}"
    except psutil.Error:  # of another container, or gone
        return f"process {pid}"


def _size(used_bytes: int | None) -> str:
    return "size unknown" if used_bytes is None else f"{used_bytes >> 20} MiB"
