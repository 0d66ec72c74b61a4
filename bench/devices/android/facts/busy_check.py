"""Whether a phone can be measured: idle, cool, charged enough."""

from bench.devices.android.facts.device_state import THERMAL_STATES, THROTTLING, PhoneState
from bench.devices.remote.facts.cpu_use import CpuUse
from bench.errors import DeviceError

MAX_BUSY_CORES = 0.30  # of one core; a phone with its screen on is never as idle as a server
LEAST_BATTERY = 15  # percent; most phones save power below it
MAX_CPU_C = 60.0  # idle phones are at 30 to 45


def check_fit(state: PhoneState, busy: CpuUse | None) -> None:
    """Raise `DeviceError` with everything that prevents measuring now."""
    problems = []
    if busy is not None and busy.cores > MAX_BUSY_CORES:
        problems.append(
            f"other processes use {busy.cores:.0%} of a core (most: {busy.most}), at most "
            f"{MAX_BUSY_CORES:.0%} is expected: close apps"
        )
    if state.battery_level is not None and state.battery_level < LEAST_BATTERY:
        problems.append(
            f"its battery is at {state.battery_level} %: charge it to {LEAST_BATTERY} %"
        )
    if state.power_save:
        problems.append("battery saver is on: turn it off")
    if state.thermal_status is not None and state.thermal_status >= THROTTLING:
        problems.append(f"it is hot (thermal status {THERMAL_STATES[state.thermal_status]}): wait")
    elif state.temperature_c is not None and state.temperature_c > MAX_CPU_C:
        problems.append(f"it is hot ({state.temperature_c:.0f} C, over {MAX_CPU_C:.0f}): wait")
    if problems:
        raise DeviceError(
            f"the phone cannot be measured now: {'; '.join(problems)}; or use --force"
        )
